; memcpy_rep - a copy of 64 KiB by one REP MOVSD, after clearing the target by one REP STOSD.

                %include "lib/bench.inc"

LENGTH          equ 65536

                BENCH "memcpy_rep", 5000
                BSS source, LENGTH, 4096
                BSS target, LENGTH, 4096

bench_setup:    mov edi, source
                mov ecx, LENGTH / 4
                mov eax, 3
.fill:          imul eax, eax, 1664525
                add eax, 1013904223
                stosd
                dec ecx
                jnz .fill
                ret

bench_kernel:
                mov [source + LENGTH - 4], ecx  ; something new to copy, at the far end
                xor eax, eax
                mov edi, target
                mov ecx, LENGTH / 4
                rep stosd
                mov esi, source
                mov edi, target
                mov ecx, LENGTH / 4
                rep movsd
                mov eax, [target + LENGTH - 4]
                xor eax, [target + LENGTH / 2]
                ret

                BENCH_END
