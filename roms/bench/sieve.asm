; sieve - the sieve of Eratosthenes over a byte map of 2,000,000 numbers: stores with growing strides.
; One iteration clears the map, strikes out the composites and counts the primes (148,933).

                %include "lib/bench.inc"

LIMIT           equ 2000000

                BENCH "sieve", 50
                BSS map, LIMIT, 4096

bench_setup:    ret

bench_kernel:
                mov edi, map                    ; every number starts as a candidate
                mov ecx, LIMIT / 4
                xor eax, eax
.clear:         mov [edi], eax
                add edi, 4
                dec ecx
                jnz .clear

                mov esi, 2
.outer:         mov eax, esi                    ; strike from the square on: smaller multiples are gone already
                mul esi
                cmp eax, LIMIT
                jae .count
                cmp byte [map + esi], 0
                jne .next
.strike:        mov byte [map + eax], 1
                add eax, esi
                cmp eax, LIMIT
                jb .strike
.next:          inc esi
                jmp .outer

.count:         xor eax, eax
                mov esi, 2
.candidate:     cmp byte [map + esi], 1         ; CF = 1 when the number is prime
                adc eax, 0
                inc esi
                cmp esi, LIMIT
                jb .candidate
                ret

                BENCH_END
