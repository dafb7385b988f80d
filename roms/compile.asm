; compile - a build: make starts compilers and a linker, which read and write files of a kernel with copy-on-write and
; pages that come into being when they are touched. Many short processes, page faults, tables that change all the time,
; system calls that copy, and real work in between. In the place of Adams and Agesen's Linux kernel compile (ASPLOS
; 2006, section 6.2: 265 s natively, 393 s under their software VMM, 484 s under their hardware VMM).
;
; One iteration is one build: a line of a source changes; two compilers run at a time, each over a source of its own;
; a linker joins what they wrote. A compiler reads its source in pieces, splits it into words, enters them in a symbol
; table, makes a node for each, and at each end of a function writes code from the nodes and gives their pages back.

                %include "lib/bench.inc"
                %include "lib/marker.inc"
                %include "lib/process.inc"

                %define BENCH_MARKS
                BENCH "compile", 300

TIMER_HZ        equ 2000                ; preemption
FILES           equ 8
FILE_BYTES      equ 16384               ; most a file can hold
SOURCE_BYTES    equ 6144

SYS_READ        equ FIRST_OWN_CALL      ; EBX = file, ECX = offset, EDX = address, ESI = bytes; EAX = bytes read
SYS_WRITE       equ FIRST_OWN_CALL + 1  ; EBX = file, EDX = address, ESI = bytes: to the end of the file
SYS_TRUNCATE    equ FIRST_OWN_CALL + 2  ; EBX = file: empty from now on
SYS_EDIT        equ FIRST_OWN_CALL + 3  ; EBX = file, ECX = number: a line of it changes
SYS_DISCARD     equ FIRST_OWN_CALL + 4  ; EBX = address, ECX = pages: gone until they are touched again

                BSS file_data, FILES * FILE_BYTES, 4096
                BSS file_sizes, FILES * 4

bench_setup:    call world_init
                TIMER_START TIMER_HZ
                mov edi, file_data
                mov edx, 0x2545F491
                call write_source
                mov edi, file_data + FILE_BYTES
                call write_source
                mov dword [file_sizes], SOURCE_BYTES
                mov dword [file_sizes + 4], SOURCE_BYTES
                START_PROCESS make, 0
                ret
bench_kernel:   jmp world_run

; write_source: EDI = where, EDX = random number. SOURCE_BYTES of small letters, blanks, and now and then a closing brace.
write_source:
                mov ecx, SOURCE_BYTES
.byte:          imul edx, 1664525
                add edx, 1013904223
                mov eax, edx
                shr eax, 16
                and eax, 0x1FF
                jz .brace
                and al, 0x1F
                cmp al, 25
                ja .blank
                add al, 'a'
                jmp .put
.blank:         mov al, ' '
                jmp .put
.brace:         mov al, '}'
.put:           stosb
                dec ecx
                jnz .byte
                ret

                SYSTEM_CALLS sys_read, sys_write, sys_truncate, sys_edit, sys_discard

; file_of: the process's file: EDI = its data, EBX = its number.
file_of:        mov ebx, [ebp + FRAME_EBX]
                and ebx, FILES - 1
                imul edi, ebx, FILE_BYTES
                add edi, file_data
                ret

sys_read:       call file_of
                mov eax, [file_sizes + ebx * 4]
                sub eax, [ebp + FRAME_ECX]
                jbe .end
                cmp eax, [ebp + FRAME_ESI]
                jbe .copy
                mov eax, [ebp + FRAME_ESI]
.copy:          mov esi, edi
                add esi, [ebp + FRAME_ECX]
                mov edi, [ebp + FRAME_EDX]
                mov ecx, eax
                rep movsb
                ret
.end:           xor eax, eax
                ret

sys_write:      call file_of
                mov ecx, [ebp + FRAME_ESI]
                mov eax, [file_sizes + ebx * 4]
                add edi, eax
                add eax, ecx
                cmp eax, FILE_BYTES
                ja .full
                mov [file_sizes + ebx * 4], eax
                mov esi, [ebp + FRAME_EDX]
                rep movsb
                ret
.full:          xor eax, eax
                ret

sys_truncate:   call file_of
                xor eax, eax
                mov [file_sizes + ebx * 4], eax
                ret

sys_edit:       call file_of
                mov eax, [ebp + FRAME_ECX]
                imul edx, eax, 61
                and edx, 0xFFF
                add edi, edx
                mov ecx, 8
.letter:        mov dl, al
                and dl, 0xF
                add dl, 'a'
                mov [edi], dl
                inc edi
                ror eax, 4
                dec ecx
                jnz .letter
                ret

sys_discard:    mov ebx, [ebp + PROCESS_SPACE]
                mov edx, [ebp + FRAME_EBX]
                mov ecx, [ebp + FRAME_ECX]
                call space_discard
                xor eax, eax
                ret

                MARKER_ROUTINES
                WORLD_ROUTINES

CHUNK           equ 1024
SETTINGS        equ USER_HEAP           ; make's: pages that its children read and write to
SETTINGS_PAGES  equ 8
SOURCE          equ USER_HEAP + 0x10000 ; a piece of a file
OUTPUT          equ USER_HEAP + 0x12000 ; code of a function
SYMBOLS         equ USER_HEAP + 0x14000 ; 1,024 entries: hash, how often
ARENA           equ USER_HEAP + 0x20000 ; nodes
NODE_BYTES      equ 128                 ; hash, symbol's entry, the rest is reserved
ARENA_PAGES     equ 32

; make: one build after the other. A child is told by the numbers of its files what it is to do.
                PROGRAM make
                mov edi, SETTINGS
                mov ecx, SETTINGS_PAGES * 1024
                mov eax, 0x01020304
                rep stosd
                xor ebp, ebp                    ; EBP = number of the build
.build:         inc ebp
                mov ecx, ebp
                mov ebx, ebp
                and ebx, 1
                CALL_KERNEL SYS_EDIT
                mov esi, 0                      ; compile file 0 to 2 and 1 to 3
                mov edi, 2
                call .start_compiler
                mov esi, 1
                mov edi, 3
                call .start_compiler
                CALL_KERNEL SYS_WAIT            ; in any order
                push eax
                CALL_KERNEL SYS_WAIT
                pop ebx
                add ebx, eax
                push ebx
                CALL_KERNEL SYS_FORK
                test eax, eax
                jz .link
                CALL_KERNEL SYS_WAIT
                pop ebx
                rol ebx, 7
                add ebx, eax
                mov [SETTINGS], ebx             ; the next children find another setting
                CALL_KERNEL SYS_REPORT
                jmp .build
.start_compiler:
                CALL_KERNEL SYS_FORK
                test eax, eax
                jz .compile
                ret

; The compiler: ESI = source file, EDI = file of code.
.compile:       mov ebx, edi
                CALL_KERNEL SYS_TRUNCATE
                mov [SETTINGS + 4096], esi      ; two pages that are the child's own now
                mov [SETTINGS + 2 * 4096], edi
                mov dword [SETTINGS + 3 * 4096], 0      ; offset in the source
                mov edi, ARENA                  ; EDI = next node
                xor ebp, ebp                    ; EBP = hash of the word
.piece:         mov ebx, [SETTINGS + 4096]
                mov ecx, [SETTINGS + 3 * 4096]
                mov edx, SOURCE
                mov esi, CHUNK
                CALL_KERNEL SYS_READ
                test eax, eax
                jz .compiled
                add [SETTINGS + 3 * 4096], eax
                mov esi, SOURCE
                lea ecx, [SOURCE + eax]         ; ECX = end of the piece
.character:     movzx eax, byte [esi]
                inc esi
                cmp al, '}'
                je .function
                cmp al, ' '
                je .word
                imul ebp, 31
                add ebp, eax
.next:          cmp esi, ecx
                jb .character
                jmp .piece
.word:          test ebp, ebp
                jz .next
                mov eax, ebp
                mov edx, ebp
                shr edx, 10
                xor edx, ebp
.probe:         and edx, 1023
                cmp dword [SYMBOLS + edx * 8], 0
                je .new
                cmp [SYMBOLS + edx * 8], eax
                je .known
                inc edx
                jmp .probe
.new:           mov [SYMBOLS + edx * 8], eax
.known:         inc dword [SYMBOLS + edx * 8 + 4]
                mov [edi], eax
                mov [edi + 4], edx
                add edi, NODE_BYTES
                xor ebp, ebp
                cmp edi, ARENA + ARENA_PAGES * 4096
                jb .next
.function:      push ecx                        ; the nodes become code, and their pages are given back
                push esi
                mov esi, ARENA
                mov ecx, OUTPUT
                mov eax, [SETTINGS]
.node:          cmp esi, edi
                jae .emitted
                mov edx, [esi + 4]
                rol eax, 5
                xor eax, [esi]
                add eax, [SYMBOLS + edx * 8 + 4]
                mov [ecx], eax
                add ecx, 4
                add esi, NODE_BYTES
                jmp .node
.emitted:       mov esi, ecx
                sub esi, OUTPUT
                jz .empty
                mov ebx, [SETTINGS + 2 * 4096]
                mov edx, OUTPUT
                CALL_KERNEL SYS_WRITE
                mov ebx, ARENA
                lea ecx, [edi - ARENA + 4095]
                shr ecx, 12
                CALL_KERNEL SYS_DISCARD
                mov edi, ARENA
.empty:         pop esi
                pop ecx
                jmp .next
.compiled:      mov ecx, 1024                   ; the symbol table as a number
                mov edi, SYMBOLS
                xor ebx, ebx
.symbol:        mov eax, [edi]
                imul eax, [edi + 4]
                rol ebx, 1
                add ebx, eax
                add edi, 8
                dec ecx
                jnz .symbol
                CALL_KERNEL SYS_EXIT

; The linker: files 2 and 3 become file 4, and a number.
.link:          mov ebx, 4
                CALL_KERNEL SYS_TRUNCATE
                xor ebp, ebp
                mov edi, 2
.object:        xor ecx, ecx
.part:          push ecx
                mov ebx, edi
                mov edx, SOURCE
                mov esi, CHUNK
                CALL_KERNEL SYS_READ
                pop ecx
                test eax, eax
                jz .object_end
                add ecx, eax
                mov esi, eax
                shr eax, 2
.code:          rol ebp, 3
                add ebp, [SOURCE + eax * 4 - 4]
                dec eax
                jnz .code
                mov ebx, 4
                mov edx, SOURCE
                CALL_KERNEL SYS_WRITE
                jmp .part
.object_end:    inc edi
                cmp edi, 3
                jbe .object
                mov ebx, ebp
                CALL_KERNEL SYS_EXIT
                align 4096, db 0xCC

                BENCH_END
