; compute - arithmetic and memory, in a program and in the kernel, and little else: what is left of a machine's speed
; when a monitor has next to nothing to do. In the place of SPECint, which Adams and Agesen ran for this (ASPLOS 2006,
; section 6.1: 96 % and 95 % of native speed).
;
; One iteration: the program multiplies two 24 x 24 matrices and sieves the primes below 8192, the kernel computes a
; CRC-32 of the product when it is asked for it.

                %include "lib/bench.inc"
                %include "lib/marker.inc"
                %include "lib/process.inc"

                %define BENCH_MARKS
                BENCH "compute", 1500

SIDE            equ 24
MATRIX_BYTES    equ SIDE * SIDE * 4
MATRIX_A        equ USER_HEAP
MATRIX_B        equ MATRIX_A + MATRIX_BYTES
PRODUCT         equ MATRIX_B + MATRIX_BYTES
SIEVE           equ USER_HEAP + 0x4000
SIEVE_BYTES     equ 8192

SYS_CRC         equ FIRST_OWN_CALL      ; EBX = address, ECX = bytes

bench_setup:    call world_init
                mov edi, crc_table
                xor ecx, ecx
.entry:         mov eax, ecx
%rep 8
                shr eax, 1
                sbb edx, edx                    ; all ones when a one fell out
                and edx, 0xEDB88320
                xor eax, edx
%endrep
                stosd
                inc ecx
                cmp ecx, 256
                jb .entry
                START_PROCESS program, 0
                ret
bench_kernel:   jmp world_run

                BSS crc_table, 1024, 4096
                SYSTEM_CALLS sys_crc

sys_crc:        mov esi, [ebp + FRAME_EBX]
                mov ecx, [ebp + FRAME_ECX]
                mov eax, -1
.byte:          movzx edx, al
                xor dl, [esi]
                shr eax, 8
                xor eax, [crc_table + edx * 4]
                inc esi
                dec ecx
                jnz .byte
                not eax
                ret

                MARKER_ROUTINES
                WORLD_ROUTINES

                PROGRAM program
                mov edi, MATRIX_A
                mov eax, 1
.fill:          stosd
                imul eax, 1664525
                add eax, 1013904223
                cmp edi, PRODUCT
                jb .fill
.iteration:     call .multiply
                mov ebx, PRODUCT
                mov ecx, MATRIX_BYTES
                CALL_KERNEL SYS_CRC
                add [MATRIX_A], eax             ; the next product is another one
                push eax
                call .sieve
                pop eax
                add ebx, eax
                CALL_KERNEL SYS_REPORT
                jmp .iteration

; PRODUCT = MATRIX_A * MATRIX_B
.multiply:      mov edi, PRODUCT
                mov esi, MATRIX_A
.row:           mov ebx, MATRIX_B
.column:        xor ecx, ecx
                xor edx, edx
                push ebx
.term:          mov eax, [esi + ecx * 4]
                imul eax, [ebx]
                add edx, eax
                add ebx, SIDE * 4
                inc ecx
                cmp ecx, SIDE
                jb .term
                pop ebx
                mov [edi], edx
                add edi, 4
                add ebx, 4
                cmp ebx, MATRIX_B + SIDE * 4
                jb .column
                add esi, SIDE * 4
                cmp esi, MATRIX_B
                jb .row
                ret

; EBX = how many primes there are below SIEVE_BYTES
.sieve:         mov edi, SIEVE
                mov ecx, SIEVE_BYTES / 4
                xor eax, eax
                rep stosd
                xor ebx, ebx
                mov ecx, 2
.candidate:     cmp byte [SIEVE + ecx], 0
                jne .next
                inc ebx
                lea eax, [ecx + ecx]
.multiple:      cmp eax, SIEVE_BYTES
                jae .next
                mov byte [SIEVE + eax], 1
                add eax, ecx
                jmp .multiple
.next:          inc ecx
                cmp ecx, SIEVE_BYTES
                jb .candidate
                ret
                align 4096, db 0xCC

                BENCH_END
