; fib - the doubly recursive Fibonacci function: calls, returns and a busy stack.
; One iteration computes fib(24) = 46368 in 150,049 calls.

                %include "lib/bench.inc"

                BENCH "fib", 500

bench_setup:    ret

bench_kernel:   mov eax, 24

; fib: EAX = n; returns EAX = fib(n), keeps EBX.
fib:            cmp eax, 2
                jb .done
                push ebx
                push eax
                dec eax
                call fib
                mov ebx, eax
                pop eax
                sub eax, 2
                call fib
                add eax, ebx
                pop ebx
.done:          ret

                BENCH_END
