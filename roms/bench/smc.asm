; smc - self-modifying code: patch the immediate operand of an instruction in another page, call it, repeat.
; One iteration patches and calls 100 times. The very next execution must see the new operand (SDM 3A 8.1.3 asks for a
; jump in between, which the CALL is).

                %include "lib/bench.inc"

                BENCH "smc", 1000

bench_setup:    ret

bench_kernel:   mov eax, ecx
                lea edx, [ecx + ecx * 4]
                mov ecx, 100
.patch:         add edx, 0x01010107
                mov [patched.operand], edx
                call patched
                dec ecx
                jnz .patch
                ret

                align 4096, db 0x90
patched:        xor eax, 0x12345678
.operand        equ $ - 4
                rol eax, 1
                ret
                align 4096, db 0x90

                BENCH_END
