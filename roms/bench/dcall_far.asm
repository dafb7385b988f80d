; dcall_far - direct calls down a chain of 12 functions, each in a page of its own, and the returns back up.
; One iteration takes the chain 500 times.

                %include "lib/bench.inc"

DEPTH           equ 12

                BENCH "dcall_far", 6000

bench_setup:    ret

                align 4096, db 0x90
bench_kernel:   mov eax, ecx
                mov ecx, 500
.pass:          call link_0
                dec ecx
                jnz .pass
                ret

%assign i 0
%rep DEPTH - 1
                align 4096, db 0x90
                times (i * 101) % 2048 db 0x90
%assign next i + 1
link_%+i:       lea eax, [eax + eax * 4 + i]
                call link_%+next
                xor eax, i * 0x1111
                ret
%assign i i + 1
%endrep
                align 4096, db 0x90
link_%+i:       lea eax, [eax + 7]
                ret

                BENCH_END
