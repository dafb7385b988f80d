; crc32 - the CRC-32 of IEEE 802.3 over 64 KiB, one table look-up per byte.
; One iteration runs over the whole buffer; its first word changes each time. The table is built at the start.

                %include "lib/bench.inc"

LENGTH          equ 65536
POLYNOMIAL      equ 0xEDB88320  ; bit-reversed

                BENCH "crc32", 1000
                BSS table, 256 * 4, 4096
                BSS buffer, LENGTH, 4096

bench_setup:
                xor ebx, ebx                    ; table[b] = the remainder of byte b
.entry:         mov eax, ebx
                mov ecx, 8
.bit:           shr eax, 1
                jnc .no_xor
                xor eax, POLYNOMIAL
.no_xor:        dec ecx
                jnz .bit
                mov [table + ebx * 4], eax
                inc ebx
                cmp ebx, 256
                jb .entry

                mov eax, 1                      ; pseudo-random contents
                mov edi, buffer
                mov ecx, LENGTH
.fill:          imul eax, eax, 1103515245
                add eax, 12345
                mov edx, eax
                shr edx, 16
                mov [edi], dl
                inc edi
                dec ecx
                jnz .fill
                ret

bench_kernel:
                mov [buffer], ecx
                mov eax, 0xFFFFFFFF
                mov esi, buffer
                mov ecx, LENGTH
.byte:          movzx edx, byte [esi]
                movzx ebx, al
                xor ebx, edx
                shr eax, 8
                xor eax, [table + ebx * 4]
                inc esi
                dec ecx
                jnz .byte
                not eax
                ret

                BENCH_END
