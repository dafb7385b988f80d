; codedata - data beside code: a loop that keeps its counter in the page it runs from, as hand-written kernels do.
; One iteration stores 200 times. No instruction is changed, so a page-granular guard against self-modification loses
; its whole translation for nothing.

                %include "lib/bench.inc"

                BENCH "codedata", 10000

bench_setup:    ret

                align 4096, db 0x90
bench_kernel:   mov eax, ecx
                xor edx, edx
                mov ecx, 200
.store:         lea eax, [eax + eax * 4 + 1]
                mov [cell], eax
                add edx, eax
                dec ecx
                jnz .store
                mov eax, edx
                add eax, [cell]
                ret
                align 64, db 0x90
cell:           dd 0
                align 4096, db 0x90

                BENCH_END
