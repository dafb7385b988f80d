; mul64 - 64 x 64 -> 64-bit multiplication and a 64-bit generator, out of 32-bit MUL, IMUL, ADD, ADC and SHLD/SHRD.
; One iteration takes 500 steps of Knuth's MMIX generator, each followed by an xorshift.

                %include "lib/bench.inc"

STEPS           equ 500
FACTOR_LOW      equ 0x4C957F2D  ; 6364136223846793005
FACTOR_HIGH     equ 0x5851F42D
ADD_LOW         equ 0xF767814F  ; 1442695040888963407
ADD_HIGH        equ 0x14057B7E

                BENCH "mul64", 30000

bench_setup:    ret

bench_kernel:
                mov esi, ecx                    ; EDI:ESI = state
                mov edi, 0xDEADBEEF
                xor ebp, ebp                    ; EBP = checksum
                mov ecx, STEPS
.step:          imul ebx, esi, FACTOR_HIGH      ; high word: low * high + high * low + carry of low * low
                imul edi, edi, FACTOR_LOW
                add ebx, edi
                mov eax, FACTOR_LOW
                mul esi
                add edx, ebx
                add eax, ADD_LOW
                adc edx, ADD_HIGH
                mov esi, eax
                mov edi, edx
                shrd eax, edx, 23               ; state ^ (state >> 23)
                shr edx, 23
                xor eax, esi
                xor edx, edi
                add ebp, eax
                rol ebp, 7
                xor ebp, edx
                dec ecx
                jnz .step
                mov eax, ebp
                ret

                BENCH_END
