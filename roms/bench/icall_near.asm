; icall_near - indirect calls to 64 functions in one page, in pseudo-random order.
; One iteration makes 1,000 calls.

                %include "lib/bench.inc"

TARGETS         equ 64

                BENCH "icall_near", 10000

bench_setup:    ret

                align 4096, db 0x90
bench_kernel:   lea eax, [ecx + 1]
                mov esi, ecx                    ; ESI chooses the target
                mov ecx, 1000
.call:          imul esi, esi, 1664525
                add esi, 1013904223
                mov edx, esi
                shr edx, 26
                call [table + edx * 4]
                dec ecx
                jnz .call
                ret

%assign i 0
%rep TARGETS
target_%+i:     add eax, i * 77 + 1
                rol eax, 1
                ret
%assign i i + 1
%endrep
                align 4096, db 0x90

table:
%assign i 0
%rep TARGETS
                dd target_%+i
%assign i i + 1
%endrep

                BENCH_END
