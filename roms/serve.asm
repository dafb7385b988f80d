; serve - a server: requests come with timer interrupts, two processes handle them one after the other, replies go out
; through a serial port. Interrupts, port accesses, system calls, address-space switches and idling; little arithmetic.
; In the place of Adams and Agesen's Apache (ASPLOS 2006, section 6.2: 45 % and 38 % of native throughput).
;
; One iteration is one request. The card, a part of the kernel, receives up to four with each tick of the timer. The
; front process takes a request in, checks it and hands it to the worker in another address space; the worker looks it
; up, stores a byte in CMOS memory or loads one, and sends a reply, which the kernel puts through the serial port in
; loop-back, byte by byte, and reads back. Requests are numbered, so the order of events never shows in the output.

                %include "lib/bench.inc"
                %include "lib/marker.inc"
                %define ON_TICK card_receive
                %include "lib/process.inc"

                %define BENCH_MARKS
                BENCH "serve", 8000

TIMER_HZ        equ 8000
QUEUE           equ 4                   ; requests the card holds: a power of two
REQUEST_BYTES   equ 64
REPLY_BYTES     equ 8

CMOS_INDEX      equ 0x70
CMOS_DATA       equ 0x71
CMOS_FREE       equ 0x60                ; sixteen bytes of CMOS memory that firmware leaves alone
MCR_LOOP        equ 0x10
MCR_NORMAL      equ 0x0B

SYS_RECEIVE     equ FIRST_OWN_CALL      ; EBX = where to put a request
SYS_HAND        equ FIRST_OWN_CALL + 1  ; EBX = request for the worker
SYS_TAKE        equ FIRST_OWN_CALL + 2  ; EBX = where to put what was handed over
SYS_STORE       equ FIRST_OWN_CALL + 3  ; EBX = slot, ECX = byte
SYS_LOAD        equ FIRST_OWN_CALL + 4  ; EBX = slot
SYS_SEND        equ FIRST_OWN_CALL + 5  ; EBX = reply; EAX = what came back from the wire, summed

                BSS card_queue, QUEUE * REQUEST_BYTES, 4096
                BSS card_received, 4            ; requests ever received
                BSS card_taken, 4               ; and taken out of the queue
                BSS mailbox, REQUEST_BYTES
                BSS mailbox_full, 4

bench_setup:    call world_init
                TIMER_START TIMER_HZ
                START_PROCESS front, 0
                START_PROCESS worker, 0
                ret
bench_kernel:   jmp world_run

                SYSTEM_CALLS sys_receive, sys_hand, sys_take, sys_store, sys_load, sys_send

; card_receive: with each tick, fills the queue; requests are made from their numbers.
card_receive:
                pushad
.request:       mov eax, [card_received]
                mov edx, eax
                sub edx, [card_taken]
                cmp edx, QUEUE
                jae .full
                mov edi, eax
                and edi, QUEUE - 1
                imul edi, REQUEST_BYTES
                add edi, card_queue
                inc dword [card_received]
                mov ecx, REQUEST_BYTES / 4 - 1
                xor edx, edx
.word:          imul eax, 1664525
                add eax, 1013904223
                add edx, eax
                stosd
                dec ecx
                jnz .word
                mov eax, edx                    ; the last word is the sum of the others
                stosd
                jmp .request
.full:          call process_wake
                popad
                ret

sys_receive:    mov eax, [card_taken]
                cmp eax, [card_received]
                je process_block
                and eax, QUEUE - 1
                imul esi, eax, REQUEST_BYTES
                add esi, card_queue
                call copy_to_user
                inc dword [card_taken]
                xor eax, eax
                ret

sys_hand:       cmp dword [mailbox_full], 0
                jne process_block
                mov esi, [ebp + FRAME_EBX]
                mov edi, mailbox
                mov ecx, REQUEST_BYTES / 4
                rep movsd
                inc dword [mailbox_full]
                call process_wake
                xor eax, eax
                ret

sys_take:       cmp dword [mailbox_full], 0
                je process_block
                mov esi, mailbox
                call copy_to_user
                dec dword [mailbox_full]
                call process_wake
                xor eax, eax
                ret

; copy_to_user: a request from ESI to where the process wants it.
copy_to_user:   mov edi, [ebp + FRAME_EBX]
                mov ecx, REQUEST_BYTES / 4
                rep movsd
                ret

; cmos_select: the process's slot, on the index port.
cmos_select:    mov eax, [ebp + FRAME_EBX]
                and al, 15
                add al, CMOS_FREE
                out CMOS_INDEX, al
                ret

sys_store:      call cmos_select
                mov al, [ebp + FRAME_ECX]
                out CMOS_DATA, al
                ret

sys_load:       call cmos_select
                xor eax, eax
                in al, CMOS_DATA
                ret

sys_send:       mov esi, [ebp + FRAME_EBX]
                mov dx, COM1 + 4
                mov al, MCR_NORMAL | MCR_LOOP
                out dx, al
                xor ebx, ebx
                mov ecx, REPLY_BYTES
.byte:          mov dx, COM1
                mov al, [esi]
                out dx, al
                inc esi
                mov dx, COM1 + 5
.wait:          in al, dx
                test al, LSR_DATA_READY
                jz .wait
                xor eax, eax
                mov dx, COM1
                in al, dx
                rol ebx, 3
                add ebx, eax
                dec ecx
                jnz .byte
                mov dx, COM1 + 4
                mov al, MCR_NORMAL
                out dx, al
                mov eax, ebx
                ret

                MARKER_ROUTINES
                WORLD_ROUTINES

BUFFER          equ USER_HEAP           ; both programs: a request
REPLY           equ USER_HEAP + 0x80
TABLE           equ USER_HEAP + 0x1000  ; the worker's: 256 words

; front: takes requests in, checks their sums, marks wrong ones (there are none), hands them on.
                PROGRAM front
                mov ebx, BUFFER
                CALL_KERNEL SYS_RECEIVE
                xor edx, edx
                mov ecx, REQUEST_BYTES / 4 - 1
.sum:           add edx, [BUFFER + ecx * 4 - 4]
                dec ecx
                jnz .sum
                cmp edx, [BUFFER + REQUEST_BYTES - 4]
                je .good
                mov dword [BUFFER], 0
.good:          CALL_KERNEL SYS_HAND
                jmp front

; worker: the second word says whose value in the table is meant, the first one what to do with it.
                PROGRAM worker
.request:       mov ebx, BUFFER
                CALL_KERNEL SYS_TAKE
                mov ecx, REQUEST_BYTES / 4
                mov eax, 0x811C9DC5             ; FNV-1, by words
.hash:          imul eax, 0x01000193
                xor eax, [BUFFER + ecx * 4 - 4]
                dec ecx
                jnz .hash
                movzx esi, byte [BUFFER + 5]
                mov edi, [TABLE + esi * 4]
                add edi, eax
                test dword [BUFFER], 0x30000    ; one in four stores, three look up
                jnz .look_up
                mov [TABLE + esi * 4], edi
                mov ebx, esi
                mov ecx, edi
                CALL_KERNEL SYS_STORE
                jmp .reply
.look_up:       mov ebx, esi
                CALL_KERNEL SYS_LOAD
                add edi, eax
.reply:         mov [REPLY], esi
                mov [REPLY + 4], edi
                mov ebx, REPLY
                CALL_KERNEL SYS_SEND
                lea ebx, [eax + edi]
                CALL_KERNEL SYS_REPORT
                jmp .request
                align 4096, db 0xCC

                BENCH_END
