; coldwarm - the code of cold after a warm-up of 1,000 passes before the start line (`warm=NUMBER` replaces it).
; One iteration calls every function once.

                %include "lib/bench.inc"
                %include "bench/coldcode.inc"

                BENCH "coldwarm", 500

bench_setup:    mov esi, .key
                mov eax, 1000
                call cmdline_number
                mov ecx, eax
                jecxz .done
                xor eax, eax
.pass:          call call_all
                dec ecx
                jnz .pass
.done:          mov edi, cells                  ; the measured part starts from the state that cold starts from
                mov ecx, 1024
                xor eax, eax
                rep stosd
                ret
.key:           db "warm=", 0

bench_kernel:   mov eax, ecx
                jmp call_all

                COLD_CODE

                BENCH_END
