; strops - strlen, strcmp, memchr and strcpy as plain byte loops over strings of up to 255 characters.
; One iteration handles eight strings of different lengths.

                %include "lib/bench.inc"

STRINGS         equ 8
STRING_BYTES    equ 256

                BENCH "strops", 15000
                BSS source, STRINGS * STRING_BYTES, 4096
                BSS copy, STRINGS * STRING_BYTES, 4096

; String i has 31 * (i + 1) characters out of 'a'..'z'; its last one is '!'.
bench_setup:
                xor ebx, ebx
                mov eax, 7
.string:        mov edi, ebx
                shl edi, 8
                add edi, source
                lea ecx, [ebx + 1]
                imul ecx, ecx, 31
                dec ecx
.char:          imul eax, eax, 69069
                inc eax
                push eax
                shr eax, 20
                xor edx, edx
                mov esi, 26
                div esi
                add dl, 'a'
                mov [edi], dl
                pop eax
                inc edi
                dec ecx
                jnz .char
                mov word [edi], '!'             ; and the terminating zero
                inc ebx
                cmp ebx, STRINGS
                jb .string
                ret

bench_kernel:
                and ecx, 15                     ; a character that changes with the iteration
                lea ebp, [ecx + 'A']
                mov byte [source], 'a'
                mov eax, ebp
                mov [source], al
                xor ebp, ebp                    ; EBP = checksum
                xor ebx, ebx                    ; EBX = offset of the string
.string:        lea esi, [source + ebx]
                call strlen
                add ebp, eax
                lea esi, [source + ebx]
                lea edi, [copy + ebx]
                call strcpy
                lea esi, [source + ebx]
                lea edi, [copy + ebx]
                call strcmp
                add ebp, eax
                rol ebp, 5
                lea esi, [source + ebx]         ; against the next string: differs early
                lea edi, [esi + STRING_BYTES]
                cmp ebx, (STRINGS - 1) * STRING_BYTES
                jb .compare
                mov edi, source
.compare:       call strcmp
                add ebp, eax
                lea edi, [copy + ebx]
                mov ecx, STRING_BYTES
                mov dl, '!'
                call memchr
                sub eax, copy
                xor ebp, eax
                add ebx, STRING_BYTES
                cmp ebx, STRINGS * STRING_BYTES
                jb .string
                mov eax, ebp
                ret

; strlen: ESI = string; EAX = length.
strlen:         mov eax, esi
.next:          cmp byte [eax], 0
                je .done
                inc eax
                jmp .next
.done:          sub eax, esi
                ret

; strcpy: EDI = destination, ESI = string.
strcpy:         mov al, [esi]
                mov [edi], al
                inc esi
                inc edi
                test al, al
                jnz strcpy
                ret

; strcmp: ESI, EDI = strings; EAX = difference of the first bytes that differ, or 0.
strcmp:         movzx eax, byte [esi]
                movzx edx, byte [edi]
                cmp eax, edx
                jne .differs
                inc esi
                inc edi
                test eax, eax
                jnz strcmp
                ret
.differs:       sub eax, edx
                ret

; memchr: EDI = block, ECX = its length (not 0), DL = byte; EAX = address of the first one, or 0.
memchr:         cmp [edi], dl
                je .found
                inc edi
                dec ecx
                jnz memchr
                xor eax, eax
                ret
.found:         mov eax, edi
                ret

                BENCH_END
