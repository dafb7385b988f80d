; memcpy_loop - a copy of 64 KiB by loads and stores, one word at a time.

                %include "lib/bench.inc"

LENGTH          equ 65536

                BENCH "memcpy_loop", 8000
                BSS source, LENGTH, 4096
                BSS target, LENGTH, 4096

bench_setup:    mov edi, source
                mov ecx, LENGTH / 4
                mov eax, 3
.fill:          imul eax, eax, 1664525
                add eax, 1013904223
                mov [edi], eax
                add edi, 4
                dec ecx
                jnz .fill
                ret

bench_kernel:
                mov [source + LENGTH - 4], ecx  ; something new to copy, at the far end
                mov esi, source
                mov edi, target
                mov ecx, LENGTH / 4
.word:          mov eax, [esi]
                mov [edi], eax
                add esi, 4
                add edi, 4
                dec ecx
                jnz .word
                mov eax, [target + LENGTH - 4]
                xor eax, [target + LENGTH / 2]
                ret

                BENCH_END
