; cold - 2,048 distinct functions, each called a few times from the first instruction on: code that never gets hot.
; One iteration calls every function once.

                %include "lib/bench.inc"
                %include "bench/coldcode.inc"

                BENCH "cold", 300

bench_setup:    ret

bench_kernel:   mov eax, ecx
                jmp call_all

                COLD_CODE

                BENCH_END
