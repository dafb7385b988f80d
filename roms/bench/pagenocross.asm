; pagenocross - a hot loop of eight instructions that
; lies in the middle of one page; the counterpart of pagecross.
; One iteration takes 1,000 rounds.

                %include "lib/bench.inc"

                BENCH "pagenocross", 60000

bench_setup:    ret

bench_kernel:   mov eax, ecx
                lea edx, [ecx + 0x1234]
                mov ecx, 1000
                jmp round

                align 4096, db 0x90
                times 2048 - 12 db 0x90
round:          lea eax, [eax + eax * 2]        ; 3 bytes
                xor eax, edx                    ; 2 bytes
                rol edx, 7                      ; 3 bytes
                add edx, 0x9E3779B9             ; 6 bytes
                add eax, ecx
                sub edx, ecx
                dec ecx
                jnz round
                add eax, edx
                ret
                align 4096, db 0x90

                BENCH_END
