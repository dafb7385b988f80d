; portio - OUT to the diagnostic port 0x80, which does nothing: the bare cost of leaving the processor.
; One iteration writes 1,000 bytes.

                %include "lib/bench.inc"

                BENCH "portio", 3000

bench_setup:    ret

bench_kernel:   mov eax, ecx
                mov ecx, 1000
.out:           out POST, al
                add eax, ecx
                dec ecx
                jnz .out
                ret

                BENCH_END
