; icall_mono - an indirect call with one target, all in one page: the best case of a branch predictor or inline cache.
; One iteration makes 1,000 calls through the same pointer.

                %include "lib/bench.inc"

                BENCH "icall_mono", 20000
                BSS pointer, 4

                align 4096, db 0x90
bench_setup:    mov dword [pointer], target
                ret

bench_kernel:   mov eax, ecx
                mov ecx, 1000
.call:          call [pointer]
                dec ecx
                jnz .call
                ret

target:         lea eax, [eax + eax * 2 + 1]
                ret
                align 4096, db 0x90             ; nothing else in this page

                BENCH_END
