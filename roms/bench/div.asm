; div - 32-bit unsigned and signed division, the way decimal output and greatest common divisors use it.
; One iteration converts 64 numbers to decimal digits and takes 64 greatest common divisors.

                %include "lib/bench.inc"

                BENCH "div", 20000

bench_setup:    ret

bench_kernel:
                lea esi, [ecx + 0x89ABCDEF]     ; ESI = pseudo-random value
                xor edi, edi                    ; EDI = checksum
                mov ebp, 64
.number:        imul esi, esi, 1664525
                add esi, 1013904223
                mov eax, esi
                mov ebx, 10
.digit:         xor edx, edx
                div ebx
                add edi, edx
                rol edi, 1
                test eax, eax
                jnz .digit

                mov eax, esi                    ; Euclid's algorithm on the two halves
                mov ecx, esi
                shr eax, 16
                and ecx, 0xFFFF
.euclid:        jecxz .coprime
                xor edx, edx
                div ecx
                mov eax, ecx
                mov ecx, edx
                jmp .euclid
.coprime:       add edi, eax

                mov eax, esi                    ; signed, by a constant of either sign
                cdq
                mov ecx, -1000003
                idiv ecx
                add edi, eax
                xor edi, edx
                dec ebp
                jnz .number
                mov eax, edi
                ret

                BENCH_END
