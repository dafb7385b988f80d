; matmul - C = A x B over 64 x 64 matrices of 32-bit integers, the textbook triple loop with strided reads of B.
; One iteration multiplies and folds C into a sum; A changes a little each time.

                %include "lib/bench.inc"

SIZE            equ 64

                BENCH "matmul", 600
                BSS a, SIZE * SIZE * 4, 4096
                BSS b, SIZE * SIZE * 4, 4096
                BSS c, SIZE * SIZE * 4, 4096
                BSS row, 4

bench_setup:    mov eax, 12345                  ; fill A and B from a linear congruential generator
                xor ecx, ecx
.fill:          imul eax, eax, 1664525
                add eax, 1013904223
                mov [a + ecx * 4], eax
                imul eax, eax, 1664525
                add eax, 1013904223
                mov [b + ecx * 4], eax
                inc ecx
                cmp ecx, SIZE * SIZE
                jb .fill
                ret

bench_kernel:
                and ecx, SIZE * SIZE - 1
                inc dword [a + ecx * 4]
                mov dword [row], 0
                mov edi, c
                mov esi, a
.row:           xor ebx, ebx                    ; EBX = column
.column:        xor ebp, ebp                    ; EBP = dot product
                xor ecx, ecx                    ; ECX = index along the row of A
                lea edx, [b + ebx * 4]          ; EDX walks down the column of B
.dot:           mov eax, [esi + ecx * 4]
                imul eax, [edx]
                add ebp, eax
                add edx, SIZE * 4
                inc ecx
                cmp ecx, SIZE
                jb .dot
                mov [edi], ebp
                add edi, 4
                inc ebx
                cmp ebx, SIZE
                jb .column
                add esi, SIZE * 4
                inc dword [row]
                cmp dword [row], SIZE
                jb .row

                xor eax, eax                    ; fold the product into one word
                xor ecx, ecx
.fold:          rol eax, 1
                xor eax, [c + ecx * 4]
                inc ecx
                cmp ecx, SIZE * SIZE
                jb .fold
                ret

                BENCH_END
