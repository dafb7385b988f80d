; pagecross - a hot loop of eight instructions that
; straddles the end of a page: three instructions before it, one across it, four behind.
; One iteration takes 1,000 rounds.

                %include "lib/bench.inc"

                BENCH "pagecross", 15000

bench_setup:    ret

bench_kernel:   mov eax, ecx
                lea edx, [ecx + 0x1234]
                mov ecx, 1000
                jmp round

                align 4096, db 0x90
                times 4096 - 12 db 0x90         ; the ADD with its 6 bytes lies on both sides of the boundary
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
