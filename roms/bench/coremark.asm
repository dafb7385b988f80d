; coremark - a mix in the spirit of CoreMark: list search and reversal, small matrices, a state machine over text,
; and a CRC-16 over every result. Own code and data; the numbers are not CoreMark scores.
; One iteration does each of the three once, with the iteration number as seed.

                %include "lib/bench.inc"

NODES           equ 64
SIZE            equ 9           ; matrices are 9 x 9, 16-bit elements, 32-bit products

                BENCH "coremark", 15000
                BSS nodes, NODES * 8, 4096      ; node: +0 next (0 = end), +4 value, +6 index
                BSS head, 4
                BSS a, SIZE * SIZE * 2, 4096
                BSS b, SIZE * SIZE * 2, 64
                BSS c, SIZE * SIZE * 4, 64
                BSS text, 512, 4096
                BSS counts, 8 * 4, 64           ; how often each state was entered
                BSS seed, 4
                BSS crc, 4

bench_setup:
                mov ecx, NODES - 1              ; link the nodes in order
                mov esi, nodes
                mov [head], esi
.link:          lea eax, [esi + 8]
                mov [esi], eax
                mov esi, eax
                dec ecx
                jnz .link
                mov dword [esi], 0

                mov esi, sample                 ; repeat the sample text up to 511 characters
                mov edi, text
                mov ecx, 511
.text:          mov al, [esi]
                inc esi
                test al, al
                jnz .store
                mov esi, sample
                jmp .text
.store:         mov [edi], al
                inc edi
                dec ecx
                jnz .text
                mov byte [edi], 0
                ret

bench_kernel:
                mov [seed], ecx
                mov dword [crc], 0
                call list_work
                call matrix_work
                call state_work
                mov eax, [crc]
                ret

; list_work: gives the nodes new values, then 8 times finds one and reverses the list.
list_work:
                mov esi, [head]
                mov eax, [seed]
                xor ecx, ecx
.value:         imul eax, eax, 25173
                add eax, 13849
                mov edx, eax
                shr edx, 3
                and dx, 0x7F
                mov [esi + 4], dx
                mov [esi + 6], cx
                inc ecx
                mov esi, [esi]
                test esi, esi
                jnz .value

                mov ebp, 8
.round:         imul edx, ebp, 11
                add edx, [seed]
                and edx, 0x7F
                mov esi, [head]
.find:          cmp [esi + 4], dx
                je .found
                mov esi, [esi]
                test esi, esi
                jnz .find
                mov ax, 0xFFFF
                jmp .report
.found:         mov ax, [esi + 6]
.report:        call crc16
                mov esi, [head]
                xor ebx, ebx
.reverse:       mov edi, [esi]
                mov [esi], ebx
                mov ebx, esi
                mov esi, edi
                test esi, esi
                jnz .reverse
                mov [head], ebx
                dec ebp
                jnz .round
                ret

; matrix_work: C = A x B, then C += constant, then the sum of bit fields of C.
matrix_work:
                mov eax, [seed]
                xor ecx, ecx
.fill:          imul eax, eax, 8121
                add eax, 28411
                mov edx, eax
                sar edx, 16
                mov [a + ecx * 2], dx
                imul dx, dx, 3
                mov [b + ecx * 2], dx
                inc ecx
                cmp ecx, SIZE * SIZE
                jb .fill

                mov edi, c
                mov esi, a
.row:           xor ebx, ebx
.column:        xor ebp, ebp
                xor ecx, ecx
                lea edx, [b + ebx * 2]
.dot:           movsx eax, word [esi + ecx * 2]
                push ecx
                movsx ecx, word [edx]
                imul eax, ecx
                pop ecx
                add ebp, eax
                add edx, SIZE * 2
                inc ecx
                cmp ecx, SIZE
                jb .dot
                mov [edi], ebp
                add edi, 4
                inc ebx
                cmp ebx, SIZE
                jb .column
                add esi, SIZE * 2
                cmp esi, a + SIZE * SIZE * 2
                jb .row

                xor ecx, ecx
                xor ebp, ebp
.extract:       mov eax, [c + ecx * 4]
                add eax, [seed]
                mov edx, eax
                shr eax, 2
                and eax, 0x0F
                shr edx, 5
                and edx, 0x7F
                imul eax, edx
                add ebp, eax
                inc ecx
                cmp ecx, SIZE * SIZE
                jb .extract
                mov eax, ebp
                call crc16
                shr eax, 16
                jmp crc16

; state_work: scans the text for words that are integers, fractions or exponents, and counts the states entered.
; States: 0 start, 1 sign, 2 integer, 3 point, 4 fraction, 5 exponent mark, 6 exponent, 7 invalid.
state_work:
                mov edi, counts
                xor eax, eax
                mov ecx, 8
.clear:         mov [edi], eax
                add edi, 4
                dec ecx
                jnz .clear

                mov ecx, [seed]                 ; spoil one character, put back afterwards
                and ecx, 0xFF
                lea edi, [text + ecx]
                mov al, [edi]
                push eax
                push edi
                xor byte [edi], 0x11

                mov esi, text
.word:          xor ebx, ebx                    ; EBX = state
.char:          movzx eax, byte [esi]
                inc esi
                test eax, eax
                jz .end
                cmp eax, ','
                je .separator
                jmp [.dispatch + ebx * 4]
.separator:     inc dword [counts + ebx * 4]
                jmp .word

.start:         cmp eax, '+'
                je .to_sign
                cmp eax, '-'
                je .to_sign
.sign:          cmp eax, '.'
                je .to_point
                sub eax, '0'
                cmp eax, 9
                ja .to_invalid
                mov ebx, 2
                jmp .char
.integer:       cmp eax, '.'
                je .to_point
.mantissa:      cmp eax, 'e'
                je .to_mark
                sub eax, '0'
                cmp eax, 9
                ja .to_invalid
                jmp .char
.point:         sub eax, '0'
                cmp eax, 9
                ja .to_invalid
                mov ebx, 4
                jmp .char
.mark:          cmp eax, '+'
                je .to_exponent
                cmp eax, '-'
                je .to_exponent
.exponent:      sub eax, '0'
                cmp eax, 9
                ja .to_invalid
.to_exponent:   mov ebx, 6
                jmp .char
.to_sign:       mov ebx, 1
                jmp .char
.to_point:      mov ebx, 3
                jmp .char
.to_mark:       mov ebx, 5
                jmp .char
.to_invalid:    inc dword [counts + 7 * 4]
                mov ebx, 7
.invalid:       jmp .char
.end:           pop edi
                pop eax
                mov [edi], al
                mov esi, counts
                mov ecx, 8
.report:        mov eax, [esi]
                call crc16
                add esi, 4
                dec ecx
                jnz .report
                ret
                align 4, db 0
.dispatch:      dd .start, .sign, .integer, .point, .mantissa, .mark, .exponent, .invalid

; crc16: folds AX into [crc], bit by bit (polynomial 0xA001). Keeps all registers.
crc16:
                pushad
                movzx eax, ax
                xor eax, [crc]
                mov ecx, 16
.bit:           shr eax, 1
                jnc .zero
                xor eax, 0xA001
.zero:          dec ecx
                jnz .bit
                mov [crc], eax
                popad
                ret

sample:         db "5012,1234,-874,+122,35.54400,.1234500,-110.700,+0.64400,"
                db "5.500e+3,-.123e-2,-87e+832,+0.6e-12,T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^,", 0

                BENCH_END
