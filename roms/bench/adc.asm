; adc - multi-word addition: carry chains through memory, as in big-number arithmetic.
; One iteration adds a 256-word number into another eight times; the carry lives across LEA and DEC, which keep CF.

                %include "lib/bench.inc"

WORDS           equ 256

                BENCH "adc", 20000
                BSS left, WORDS * 4, 4096
                BSS right, WORDS * 4, 4096

bench_setup:    mov eax, 99
                xor ecx, ecx
.fill:          imul eax, eax, 1664525
                add eax, 1013904223
                mov [left + ecx * 4], eax
                not eax
                mov [right + ecx * 4], eax
                inc ecx
                cmp ecx, WORDS
                jb .fill
                ret

bench_kernel:
                add [right], ecx
                mov ebp, 8
.pass:          mov esi, left
                mov edi, right
                mov ecx, WORDS
                clc
.word:          mov eax, [esi]
                adc [edi], eax
                lea esi, [esi + 4]
                lea edi, [edi + 4]
                dec ecx
                jnz .word
                sbb eax, eax                    ; all ones when a carry came out of the top
                sub [right], eax                ; end-around carry
                dec ebp
                jnz .pass
                mov eax, [right]
                xor eax, [right + (WORDS - 1) * 4]
                ret

                BENCH_END
