; flags - instructions that read what others left in EFLAGS: SETcc, CMOVcc, Jcc, SBB, LAHF, PUSHF, at some distance.
; One iteration takes 750 rounds over a pseudo-random sequence.

                %include "lib/bench.inc"

ROUNDS          equ 750

                BENCH "flags", 20000

bench_setup:    ret

bench_kernel:
                lea esi, [ecx + 0x1234567]      ; ESI = pseudo-random value
                xor edi, edi                    ; EDI = checksum
                mov ebp, ROUNDS
.round:         imul esi, esi, 1664525
                add esi, 1013904223
                mov eax, esi
                rol eax, 13
                cmp eax, esi                    ; flags read three times, across instructions that do not write them
                mov ebx, esi
                setb dl
                movzx edx, dl
                cmovl ebx, eax
                seto cl
                add edi, edx
                sub ebx, esi
                jz .equal
                js .negative
                inc edi
.equal:         test ebx, 0xFF
                setp dl                         ; even parity of the low byte
                movzx edx, dl
                add edi, edx
.negative:      shl eax, 3                      ; CF = the last bit shifted out
                sbb edx, edx
                and edx, 0x55
                xor edi, edx
                add al, bl
                lahf                            ; AH = SF ZF AF PF CF
                movzx edx, ah
                add edi, edx
                rol edi, 1
                dec ebp
                jnz .round
                mov eax, edi
                ret

                BENCH_END
