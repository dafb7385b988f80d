; attacker - a kernel and user programs that try to get out of their machine, and a line for each attempt with what came of it.
;
; A number is what the attempt saw, in hexadecimal; `#14(0007) at ffc00000` is a fault with its error code, and the address of a page
; fault. Every outcome is the bare machine's: frames beyond RAM keep nothing, ring 3 stays there, 0xFFC00000, where monitors put their
; tables, is memory like any other. With `sdm` on the command line also what QEMU does not do as the SDM says.
; Output does not depend on the size of RAM, if that is at least 8 MB and at most 3 GB.
; Specified by: SDM 3A 4 (paging), 5 (protection), 6 (interrupts), 7 (tasks), 20 (virtual-8086 mode); 3C 24 to 28 (what virtualizes).

                %include "lib/image.inc"
                %include "lib/ports.inc"
                %include "lib/serial.inc"
                %include "lib/cmdline.inc"
                %include "lib/protect.inc"

HIGH            equ 0xFFC00000          ; where monitors put their tables
HIGH_PAGES      equ 64
WINDOW          equ 0x700000            ; a linear page to map things at
OTHER           equ 0x701000            ; another
PATTERN         equ 0x5AFEC0DE
NOWHERE_STEP    equ 0x00C01000          ; between samples of physical memory
NOWHERE_END     equ 0xE0000000

HIGH_DATA       equ GDT_FREE            ; segments: base HIGH, 4 GB
WRAP_DATA       equ GDT_FREE + 0x08     ; base 0x80000000, 4 GB: wraps around
DOWN_DATA       equ GDT_FREE + 0x10     ; expand-down from 0xFFFFFFFF to HIGH
HIGH_CODE       equ GDT_FREE + 0x18
CONFORMING      equ GDT_FREE + 0x20
CLOSED_GATE     equ GDT_FREE + 0x28     ; call gate for ring 0
SECOND_TSS      equ GDT_FREE + 0x30     ; ring 0
TASK_GATE       equ GDT_FREE + 0x38     ; ring 0
OWN_LDT         equ GDT_FREE + 0x40
USER_LDT_CODE   equ 4 | 3               ; entry 0 of the LDT: ring 3 code
HIGH_TSS        equ GDT_FREE + 0x48

INT_LEAVE       equ 0x42                ; ring 3 has survived
INT_CLOSED      equ 0x41                ; for ring 0
INT_TASK        equ 0x43                ; a task gate for ring 0

FLAG_NT         equ 1 << 14
FLAG_VM         equ 1 << 17
DMA_MASK        equ 0x0A
DMA_MODE        equ 0x0B
DMA_CLEAR       equ 0x0C
DMA_REQUEST     equ 0x09
DMA_COMMAND     equ 0x08
SYSTEM_CONTROL  equ 0x92
A20_OPEN        equ 2
MSR_SYSENTER_CS equ 0x174
V86_CODE        equ 0x8000              ; linear address of virtual-8086 code
V86_STACK       equ 0x9000

                BSS fault, 4            ; 1 << 31 | vector << 16 | error code
                BSS fault_cr2, 4
                BSS recover_eip, 4
                BSS recover_esp, 4
                BSS faults, 4           ; faults since the last TRY
                BSS ram_end, 4          ; 16 MB boundary above the end of RAM
                BSS held, 4             ; samples that kept what was written to them
                BSS depth, 4
                BSS table_pointer, 8, 8
                BSS far_pointer, 8, 8
                BSS a20_routine, 64, 64
                BSS scratch, 64, 16
                BSS esp_kept, 4
                BSS second_tss, 128, 128
                BSS ldt, 64, 16
                BSS kernel_stack, 8192, 4096
kernel_stack_top equ kernel_stack + 8192
                BSS user_stack, 4096, 4096
user_stack_top  equ user_stack + 4096
                BSS user_page, 4096, 4096
                BSS user_tables, 4096, 4096     ; a page table that ring 3 may write
                BSS victim, 4096, 4096
                BSS high_table, 4096, 4096
                BSS high_frames, HIGH_PAGES * 4096, 4096
                BSS pae_pointers, 32, 32
                BSS pae_directories, 4 * 4096, 4096
                BSS pae_table, 4096, 4096

                IMAGE start

; ENTRY address: the page-table entry of a linear address below 8 MB.
%define ENTRY(address) page_tables + ((address) >> 12) * 4

; TRY / TRIED "name", operand: one attempt; prints what it saw, or the fault that ended it.
%macro TRY 0
  %push try
                mov dword [recover_eip], %$end
                mov [recover_esp], esp
                mov dword [fault], 0
                mov dword [faults], 0
%endmacro
%macro TRIED 2
%$end:
                mov eax, KERNEL_DATA
                mov ds, eax
                mov es, eax
                mov esp, [recover_esp]
                mov eax, %2
                mov esi, %%name
                call report
                jmp %%done
%%name:         db %1, 0
%%done:
  %pop
%endmacro

; USER: what follows runs in ring 3, on the user stack, up to LEAVE or a fault.
%macro USER 0
                mov eax, USER_DATA
                mov ds, eax
                mov es, eax
                mov fs, eax
                mov gs, eax
                push dword USER_DATA
                push dword user_stack_top
                push dword 0x202                ; IF = 1, as kernels leave it to their processes
                push dword USER_CODE
                push dword %%user
                iret
%%user:
%endmacro
%macro LEAVE 0
                int INT_LEAVE
%endmacro

; FROM_USER "name", code: an attempt of ring 3, which survives with EBX as it leaves it.
%macro FROM_USER 2+
                TRY
                USER
                sub ebx, ebx
                %2
                LEAVE
                TRIED %1, ebx
%endmacro

; FROM_KERNEL "name", code: the same in ring 0.
%macro FROM_KERNEL 2+
                TRY
                sub ebx, ebx
                %2
                TRIED %1, ebx
%endmacro

; BAD "name", bytes: an instruction that no processor without virtualization has, in both rings.
%macro BAD 2+
                TRY
                db %2
                TRIED %{1:1}, 0
                TRY
                USER
                db %2
                LEAVE
                TRIED "... in ring 3", 0
%endmacro

; V86 "name", bytes: 16-bit code in virtual-8086 mode; it ends with a fault. DS = FFFF.
%macro V86 2+
                TRY
                mov esi, %%code
                mov edi, V86_CODE
                mov ecx, 16
                rep movsb
                push dword 0                    ; GS FS DS ES SS ESP EFLAGS CS EIP
                push dword 0
                push dword 0xFFFF
                push dword 0
                push dword V86_STACK >> 4
                push dword 0x100
                push dword FLAG_VM | 0x202
                push dword V86_CODE >> 4
                push dword 0
                iret
%%code:         db %2
                times 16 nop
                TRIED %{1:1}, 0
%endmacro

; MAP linear address below 8 MB, entry: by page table, with INVLPG.
%macro MAP 2
                mov dword [ENTRY(%1)], %2
                invlpg [%1]
%endmacro

start:
                mov esp, kernel_stack_top
                cld
                call cmdline_init
                mov eax, [ebx + 8]              ; mem_upper: KB above 1 MB
                shl eax, 10
                add eax, 0x1FFFFFF
                and eax, 0xFF000000
                mov [ram_end], eax
                call serial_init
                call gdt_init
                call idt_init
                call set_up
                PRINT "attacker", 10
                call beyond_memory
                call paging_init
                call set_up_pages
                call page_tables_attempts
                call high_addresses
                call table_registers
                call ring_3
                call kernel_tricks
                call virtual_8086
                call devices
                call extended_pages
                mov esi, key_sdm
                call cmdline_find
                jc .done
                call sdm
                call sdm_without_pae
.done:          PRINT "end of attacker", 10
                EXIT EXIT_SUCCESS
key_sdm:        db "sdm", 0

; --- Physical memory, without paging -----------------------------------------------------------------------------
beyond_memory:
                mov dword [held], 0
                mov ebx, [ram_end]
                TRY
.next:          mov edi, ebx
                call probe_address
                add ebx, NOWHERE_STEP
                cmp ebx, NOWHERE_END
                jb .next
                TRIED "physical samples beyond RAM that hold data", [held]
                TRY
                mov edi, [ram_end]
                mov ecx, 0x4000
                mov eax, PATTERN
                rep stosd
                mov edi, [ram_end]
                mov ecx, 0x4000
                repne scasd
                sete al
                movzx ebx, al
                TRIED "REP STOS and SCAS over 64 KB beyond RAM", ebx
                ret

; probe_address: counts in [held] if the word at EDI keeps a pattern, or is neither 0 nor all ones.
probe_address:
                mov eax, [edi]
                lea edx, [eax + 1]
                cmp edx, 1
                ja .holds
                mov dword [edi], PATTERN
                cmp dword [edi], PATTERN
                je .holds
                ret
.holds:         inc dword [held]
                ret

; --- Page tables -------------------------------------------------------------------------------------------------
page_tables_attempts:
                mov dword [held], 0
                mov ebx, [ram_end]
                or ebx, PAGE_PRESENT | PAGE_WRITE
                mov edi, WINDOW
                TRY
.frame:         mov [ENTRY(WINDOW)], ebx
                invlpg [edi]
                call probe_address
                add ebx, NOWHERE_STEP
                cmp ebx, NOWHERE_END
                jb .frame
                TRIED "frames beyond RAM by 4 KB pages that hold data", [held]

                mov dword [held], 0
                mov eax, cr4
                or eax, CR4_PSE
                mov cr4, eax
                mov ebx, [ram_end]
                or ebx, PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE
                mov edi, 0x40000000
                TRY
.large:         mov [page_directory + (0x40000000 >> 20)], ebx
                invlpg [edi]
                call probe_address
                add ebx, 0x00C00000
                cmp ebx, NOWHERE_END
                jb .large
                TRIED "frames beyond RAM by 4 MB pages that hold data", [held]

                mov dword [held], 0
                mov ebx, [ram_end]
                or ebx, PAGE_PRESENT | PAGE_WRITE
                mov edi, 0x40000000
                mov ecx, 16
                TRY
                mov dword [recover_eip], .faulted
.table:         mov [page_directory + (0x40000000 >> 20)], ebx
                invlpg [edi]
                call probe_address              ; entries of all ones lead to the last frame of all, of zeros nowhere
.faulted:       add ebx, NOWHERE_STEP
                dec ecx
                jnz .table
                mov dword [fault], 0
                TRIED "page tables beyond RAM that lead to data", [held]
                mov dword [page_directory + (0x40000000 >> 20)], 0
                mov eax, cr3
                mov cr3, eax

                FROM_KERNEL "read of a page that is not mapped", mov ebx, [0x50000000]
                FROM_KERNEL "write to a page that is not mapped", mov [0x50000000], ebx
                FROM_KERNEL "execution of a page that is not mapped", jmp KERNEL_CODE:0x50000000

                ; A stale translation may be used or not: the store goes to the frame it was for, or faults. Never elsewhere.
                MAP WINDOW, user_page + (PAGE_PRESENT | PAGE_WRITE)
                mov dword [victim], 0
                mov dword [WINDOW], 1
                TRY
                mov dword [ENTRY(WINDOW)], victim + PAGE_PRESENT
                mov dword [WINDOW], PATTERN
.stale:         mov dword [fault], 0
                TRIED "frame changed by a store to a page made read-only", [victim]
                MAP WINDOW, user_page + (PAGE_PRESENT | PAGE_WRITE)
                mov dword [WINDOW], 2
                mov dword [user_page], 0
                TRY
                mov dword [recover_eip], .unmapped
                mov dword [ENTRY(WINDOW)], 0
                mov dword [WINDOW], PATTERN
.unmapped:      mov dword [fault], 0
                mov eax, [user_page]
                cmp eax, PATTERN                ; either outcome is allowed
                jne .either
                mov dword [user_page], 0
.either:        TRIED "frame changed by a store to an unmapped page", [user_page]
                TRY
                invlpg [WINDOW]
                mov dword [WINDOW], PATTERN
                TRIED "the same after INVLPG", 0

                MAP WINDOW, user_page + (PAGE_PRESENT | PAGE_WRITE)
                mov dword [OTHER], 0
                MAP OTHER, page_tables + 0x1000 + (PAGE_PRESENT | PAGE_WRITE)
                mov dword [victim], PATTERN
                TRY
                mov dword [OTHER + ((WINDOW >> 12) & 0x3FF) * 4], victim + (PAGE_PRESENT | PAGE_WRITE)
                invlpg [WINDOW]
                mov ebx, [WINDOW]
                TRIED "page table edited through an alias", ebx
                TRY
                mov eax, cr0
                and eax, ~CR0_WP
                mov cr0, eax
                MAP WINDOW, victim + PAGE_PRESENT
                mov dword [WINDOW], 0x600D0000
                mov ebx, [victim]
                TRIED "store to a read-only page with CR0.WP = 0", ebx
                TRY
                mov eax, cr0
                or eax, CR0_WP
                mov cr0, eax
                mov dword [WINDOW], PATTERN
                TRIED "store to a read-only page with CR0.WP = 1", 0
                ret

; --- Linear addresses of monitors --------------------------------------------------------------------------------
high_addresses:
                FROM_KERNEL "kernel: read of FFC00000", mov ebx, [HIGH]
                FROM_KERNEL "kernel: write to FFC00000", mov [HIGH], ebx
                FROM_KERNEL "kernel: CALL of FFC20800", call KERNEL_CODE:0xFFC20800
                FROM_USER "user: read of FFC00000", mov ebx, [HIGH]
                FROM_USER "user: write to FFC20000", mov [HIGH + 0x20000], ebx
                sub edi, edi                    ; every page, by both rings
                sub ebx, ebx
.kernel_page:   TRY
                mov dword [recover_eip], .kernel_fault
                mov eax, [HIGH + edi]
                inc ebx
.kernel_fault:  mov dword [recover_eip], .user_fault
                USER
                mov [HIGH + edi], eax
                LEAVE
.user_fault:    add edi, 0x1000
                cmp edi, 0x400000
                jb .kernel_page
                mov dword [fault], 0
                TRIED "pages from FFC00000 on that can be read", ebx
                mov dword [page_directory + 0xFFC], high_table + (PAGE_PRESENT | PAGE_WRITE | PAGE_USER)
                mov eax, cr3
                mov cr3, eax
                sub ecx, ecx
                sub ebx, ebx
                TRY
.fill:          mov edi, ecx
                shl edi, 12
                lea eax, [ecx + PATTERN]
                mov [HIGH + edi + 0x800], eax
                cmp [high_frames + edi + 0x800], eax
                jne .wrong
                inc ebx
.wrong:         inc ecx
                cmp ecx, HIGH_PAGES
                jb .fill
                TRIED "pages mapped there that are the kernel's own", ebx
                FROM_USER "user: read of a kernel page at FFC00800", mov ebx, [HIGH + 0x800]
                FROM_USER "user: write to a kernel page at FFC00800", mov [HIGH + 0x800], ebx
                FROM_USER "user: JMP to a kernel page at FFC20800", jmp USER_CODE:0xFFC20800
                or dword [high_table], PAGE_USER
                invlpg [HIGH]
                FROM_USER "user: read of a user page at FFC00800", mov ebx, [HIGH + 0x800]
                FROM_USER "user: LOCK XADD on a user page at FFC00800", lock xadd [HIGH + 0x800], ebx

                TRY
                mov eax, HIGH_DATA
                mov ds, eax
                mov ebx, [0x1800]
                TRIED "segment with base FFC00000", ebx
                TRY
                mov eax, WRAP_DATA
                mov es, eax
                mov ebx, [es:HIGH - 0x80000000 + 0x2800]
                TRIED "segment with base 80000000", ebx
                mov dword [victim], PATTERN
                TRY
                mov eax, WRAP_DATA
                mov es, eax
                mov ebx, [es:victim + 0x80000000]
                TRIED "segment that wraps around 4 GB", ebx
                TRY
                mov eax, WRAP_DATA
                mov es, eax
                mov edi, HIGH - 0x80000000 + 0x3000
                mov eax, 0x11111111
                mov ecx, 8
                rep stosd
                mov ebx, [high_frames + 0x301C]
                TRIED "REP STOS through it to FFC03000", ebx
                TRY
                mov eax, DOWN_DATA
                mov fs, eax
                mov ebx, [fs:HIGH + 0x4800]
                TRIED "expand-down segment from FFC00000 on", ebx
                mov word [high_frames + 0x5000], 0x78BB         ; MOV EBX, 12345678; RETF
                mov dword [high_frames + 0x5002], 0xCB123456
                TRY
                call KERNEL_CODE:HIGH + 0x5000
                TRIED "far CALL to FFC05000", ebx
                TRY
                sub ebx, ebx
                call HIGH_CODE:0x5000
                TRIED "far CALL by a segment with base FFC00000", ebx
                TRY
                mov esp, HIGH + 0x7000
                push dword PATTERN
                pushad
                popad
                pop ebx
                mov esp, [recover_esp]
                TRIED "stack at FFC07000", ebx
                TRY
                mov esp, HIGH + 0x7000
                ud2
                TRIED "exception with the stack at FFC07000", 0
                ; The kernel's page tables at FFC00000, its directory at FFFFF000: a recursive entry.
                TRY
                mov dword [page_directory + 0xFFC], page_directory + (PAGE_PRESENT | PAGE_WRITE)
                mov eax, cr3
                mov cr3, eax
                mov dword [victim], 0x5E1F0000
                mov dword [HIGH + (WINDOW >> 12) * 4], victim + (PAGE_PRESENT | PAGE_WRITE)
                invlpg [WINDOW]
                mov ebx, [WINDOW]
                TRIED "page tables at FFC00000 by a recursive entry", ebx
                TRY
                mov ebx, [0xFFFFFFFC]
                and ebx, ~(PAGE_ACCESSED | PAGE_DIRTY)
                sub ebx, page_directory
                TRIED "the recursive entry itself, less its address", ebx
                FROM_USER "user: write to a page table at FFC00000", mov [HIGH], ebx
                mov dword [page_directory + 0xFFC], high_table + (PAGE_PRESENT | PAGE_WRITE | PAGE_USER)
                mov eax, cr3
                mov cr3, eax
                TRY
                mov eax, HIGH + 0x10
                mov dr0, eax
                mov eax, 0x000D0402             ; DR0: stores of 4 bytes
                mov dr7, eax
                mov [HIGH + 0x10], eax
                nop
                TRIED "data breakpoint at FFC00010", 0
                TRY
                mov eax, HIGH + 0x5000
                mov dr0, eax
                mov eax, 0x402                  ; DR0: execution
                mov dr7, eax
                call KERNEL_CODE:HIGH + 0x5000
                TRIED "execution breakpoint at FFC05000", 0
                sub eax, eax
                mov dr7, eax
                ret

; --- Descriptor tables at those addresses, and at odd ones -------------------------------------------------------
%macro TABLE 2                          ; limit, base
                mov word [table_pointer], %1
                mov dword [table_pointer + 2], %2
%endmacro
table_registers:
                TRY
                sgdt [table_pointer]
                mov ebx, [table_pointer + 2]
                mov eax, [ebx + KERNEL_CODE + 4]
                mov [ebx + KERNEL_CODE + 4], eax
                sub ebx, gdt
                TRIED "SGDT's base, less the GDT's address", ebx
                TRY
                sidt [table_pointer]
                mov ebx, [table_pointer + 2]
                mov eax, [ebx]
                mov [ebx], eax
                sub ebx, idt
                TRIED "SIDT's base, less the IDT's address", ebx
                FROM_USER "user: read of the GDT", mov ebx, [gdt]
                FROM_USER "user: write to the IDT", mov [idt], ebx
                FROM_USER "user: write to the TSS", mov [tss + TSS_ESP0], ebx
                FROM_USER "user: write to the page directory", mov [page_directory], ebx

                mov esi, gdt
                mov edi, high_frames + 0x8000
                mov ecx, 128
                rep movsd
                TRY
                TABLE GDT_ENTRIES * 8 - 1, HIGH + 0x8000
                lgdt [table_pointer]
                mov eax, KERNEL_DATA
                mov ds, eax
                mov es, eax
                mov ss, eax
                jmp KERNEL_CODE:.reloaded
.reloaded:      lsl ebx, eax
                TRIED "GDT at FFC08000", ebx
                TRY
                and byte [HIGH + 0x8000 + KERNEL_DATA + 6], 0xF0
                mov eax, KERNEL_DATA
                lsl ebx, eax
                TRIED "GDT entry edited at FFC08016", ebx
                lgdt [gdt_pointer]
                mov esi, idt
                mov edi, high_frames + 0x9000
                mov ecx, 512
                rep movsd
                TRY
                TABLE 0x7FF, HIGH + 0x9000
                lidt [table_pointer]
                ud2
                TRIED "IDT at FFC09000", 0
                FROM_USER "user: INT of ring 0 by the IDT at FFC09000", int INT_CLOSED
                lidt [idt_pointer]
                TRY
                mov dword [HIGH + 0xA000], 0x0000FFFF
                mov dword [HIGH + 0xA004], 0x00CFF300
                mov eax, OWN_LDT
                lldt ax
                mov eax, 4
                mov es, eax
                mov ebx, [es:high_frames + 0xA000]
                TRIED "segment of an LDT at FFC0A000", ebx
                TRY
                mov dword [HIGH + 0xB004], interrupt_stack_top
                mov dword [HIGH + 0xB008], KERNEL_DATA
                mov dword [HIGH + 0xB000 + TSS_IOMAP - 2], 104 << 16
                mov eax, HIGH_TSS
                ltr ax
                str ebx
                TRIED "TSS at FFC0B000", ebx
                FROM_USER "user: back to ring 0 by that TSS", mov ebx, 1
                FROM_USER "user: port by that TSS", in al, PIC1 + 1
                and byte [gdt + TASK_STATE + 5], ~2 & 0xFF
                mov eax, TASK_STATE
                ltr ax
                sub eax, eax
                lldt ax

                ; The table wraps around 4 GB: entries from 0xE000 on continue at linear 0.
                mov dword [high_table + 0xFFC], gdt + (PAGE_PRESENT | PAGE_WRITE)
                invlpg [0xFFFFF000]
                mov dword [0xE008], 0x00001233
                mov dword [0xE00C], 0x00409300
                TRY
                TABLE 0xFFFF, 0xFFFFF000
                lgdt [table_pointer]
                mov eax, 0xF008
                mov es, eax
                lsl ebx, eax
                TRIED "GDT of 64 KB that wraps around 4 GB", ebx
                lgdt [gdt_pointer]
                TRY
                TABLE 0xFFFF, idt
                lidt [table_pointer]
                int INT_CLOSED
                TRIED "IDT of 64 KB", 0
                TRY                             ; exits of a monitor must not need the guest's tables
                TABLE 0, 0
                lidt [table_pointer]
                lgdt [table_pointer]
                sub eax, eax
                cpuid
                in al, PIC1 + 1
                mov eax, cr0
                mov cr0, eax
                mov eax, cr3
                mov cr3, eax
                rdtsc
                invlpg [HIGH]
                mov dword [high_frames], 0xABCD
                mov ebx, [HIGH]
                lgdt [gdt_pointer]
                lidt [idt_pointer]
                TRIED "work without GDT and IDT", ebx
                ret

; --- Ring 3 to ring 0 --------------------------------------------------------------------------------------------
ring_3:
                FROM_USER "user: far JMP to ring 0", jmp KERNEL_CODE:start
                FROM_USER "user: far CALL to ring 0", call KERNEL_CODE:start
                FROM_USER "user: call gate of ring 0", call CLOSED_GATE:0
                FROM_USER "user: JMP to a TSS of ring 0", jmp SECOND_TSS:0
                FROM_USER "user: JMP to a task gate of ring 0", jmp TASK_GATE:0
                FROM_USER "user: INT of ring 0", int INT_CLOSED
                FROM_USER "user: INT through a task gate of ring 0", int INT_TASK
                FROM_USER "user: INT 14", int 14
                TRY
                USER
                push dword KERNEL_DATA
                push dword kernel_stack_top
                push dword 0x3202
                push dword KERNEL_CODE
                push dword start
                iret
                TRIED "user: IRET with a frame of ring 0", 0
                TRY
                USER
                push dword KERNEL_DATA
                push dword kernel_stack_top
                push dword KERNEL_CODE
                push dword start
                retf
                TRIED "user: RETF to ring 0", 0
                TRY
                USER
                push dword 0x3002
                popfd
                pushfd
                pop ebx
                and ebx, 0x3200
                LEAVE
                TRIED "user: POPFD of IOPL 3 without IF", ebx
                TRY
                USER
                pushfd
                or dword [esp], FLAG_NT
                popfd
                iret
                TRIED "user: IRET with NT", 0
                FROM_USER "user: SYSEXIT", sysexit
                FROM_USER "user: SYSENTER", sysenter
                FROM_USER "user: MOV SS of ring 0 data", mov ss, [ring_0_data]
                FROM_USER "user: MOV DS of ring 0 data", mov ds, [ring_0_data]
                TRY
                USER
                mov eax, USER_DATA & ~3
                mov es, eax
                mov ebx, es
                LEAVE
                TRIED "user: ring 3 data with RPL 0", ebx
                TRY
                USER
                call CONFORMING:.conforming
                LEAVE
.conforming:    mov ebx, cs
                retf
                TRIED "user: CS in conforming code", ebx
                TRY
                USER
                call CONFORMING:.conforming_cli
.conforming_cli: cli
                LEAVE
                TRIED "user: CLI in conforming code", 0
                TRY
                USER
                call CONFORMING:.conforming_read
.conforming_read: mov ebx, [gdt]
                LEAVE
                TRIED "user: read of the GDT in conforming code", 0
                ; An LDT that the program may write itself: it makes its own descriptors.
                mov eax, OWN_LDT + 8 * 2
                lldt ax
                TRY
                USER
                mov dword [user_page], 0x0000FFFF
                mov dword [user_page + 4], 0x00CF9A00
                call 7:start
                TRIED "user: CALL of ring 0 code in its own LDT", 0
                TRY
                USER
                mov dword [user_page], (KERNEL_CODE << 16) | (ADDR(start) & 0xFFFF)
                mov dword [user_page + 4], (ADDR(start) & 0xFFFF0000) | 0x8C00
                call 7:0
                TRIED "user: call gate of ring 0 in its own LDT", 0
                TRY
                USER
                mov dword [user_page], 0x0000FFFF
                mov dword [user_page + 4], 0xFFCFF3C0
                mov eax, 7
                mov es, eax
                mov ebx, [es:0x800]
                LEAVE
                TRIED "user: own segment with base FFC00000", ebx
                TRY
                USER
                mov ebx, [es:0x1800]
                LEAVE
                TRIED "user: flat read of 00001800", 0
                TRY
                USER
                mov eax, 7
                mov es, eax
                mov [es:0x1800], eax
                LEAVE
                TRIED "user: write by it to a kernel page", 0
                sub eax, eax
                lldt ax

                FROM_USER "user: IN", in al, dx
                FROM_USER "user: OUT to the debug exit", out DEBUG_EXIT, al
                FROM_USER "user: INSB", insb
                FROM_USER "user: OUTSB", outsb
                FROM_USER "user: CLI", cli
                FROM_USER "user: HLT", hlt
                FROM_USER "user: MOV CR3", mov cr3, ebx
                FROM_USER "user: MOV from CR0", mov ebx, cr0
                FROM_USER "user: MOV DR7", mov dr7, ebx
                FROM_USER "user: LGDT", lgdt [user_page]
                FROM_USER "user: LIDT", lidt [user_page]
                FROM_USER "user: LLDT", lldt bx
                FROM_USER "user: LTR", ltr bx
                FROM_USER "user: LMSW", lmsw bx
                FROM_USER "user: INVLPG", invlpg [HIGH]
                FROM_USER "user: RDMSR", rdmsr
                FROM_USER "user: WRMSR", wrmsr
                FROM_USER "user: WBINVD", wbinvd

                ; Ring 3 writes a page table itself: frames beyond RAM, each at a page of its own.
                mov dword [page_directory + (0x08000000 >> 20)], user_tables + (PAGE_PRESENT | PAGE_WRITE | PAGE_USER)
                mov edi, [ram_end]
                TRY
                USER
                sub ebx, ebx
                sub ecx, ecx
                or edi, PAGE_PRESENT | PAGE_WRITE | PAGE_USER
.user_frame:    mov [user_tables + ecx * 4], edi
                mov edx, ecx
                shl edx, 12
                mov eax, [0x08000000 + edx]
                inc eax
                cmp eax, 1
                ja .user_held
                mov dword [0x08000000 + edx], PATTERN
                cmp dword [0x08000000 + edx], PATTERN
                jne .user_next
.user_held:     inc ebx
.user_next:     add edi, NOWHERE_STEP
                inc ecx
                cmp edi, NOWHERE_END
                jb .user_frame
                LEAVE
                TRIED "user: frames by a page table of its own that hold data", ebx
                TRY
                USER
                mov dword [user_tables + 0xFFC], victim + (PAGE_PRESENT | PAGE_USER)
                mov ebx, [0x083FF000]
                mov [0x083FF000], ebx
                LEAVE
                TRIED "user: write to a page it made read-only", 0
                mov dword [page_directory + (0x08000000 >> 20)], 0
                mov eax, cr3
                mov cr3, eax
                ret
ring_0_data:    dd KERNEL_DATA

; --- What kernels have besides -----------------------------------------------------------------------------------
kernel_tricks:
                BAD "VMCALL", 0x0F, 0x01, 0xC1
                BAD "VMLAUNCH", 0x0F, 0x01, 0xC2
                BAD "VMRESUME", 0x0F, 0x01, 0xC3
                BAD "VMXOFF", 0x0F, 0x01, 0xC4
                BAD "VMFUNC", 0x0F, 0x01, 0xD4
                BAD "VMPTRLD", 0x0F, 0xC7, 0x30
                BAD "VMCLEAR", 0x66, 0x0F, 0xC7, 0x30
                BAD "VMXON", 0xF3, 0x0F, 0xC7, 0x30
                BAD "VMREAD", 0x0F, 0x78, 0xC3
                BAD "VMWRITE", 0x0F, 0x79, 0xC3
                BAD "INVEPT", 0x66, 0x0F, 0x38, 0x80, 0x00
                BAD "INVVPID", 0x66, 0x0F, 0x38, 0x81, 0x00
                BAD "VMRUN", 0x0F, 0x01, 0xD8
                BAD "VMMCALL", 0x0F, 0x01, 0xD9

                sub ebx, ebx
                TRY
                mov dword [recover_eip], .again
.again:         inc ebx
                cmp ebx, 10000
                ja .enough
                ud2
.enough:        mov dword [fault], 0
                mov ebx, [faults]
                TRIED "10,000 exceptions in a row", ebx
                SET_GATE 6, nested_fault, GATE_KERNEL
                mov dword [depth], 0
                TRY
                ud2
.unwound:       TRIED "exceptions in handlers of exceptions", [depth]
                SET_GATE 6, fault_6, GATE_KERNEL
                TRY
                pushfd
                or dword [esp], 1 << 8
                popfd
                cpuid
                TRIED "single step over CPUID", 0
                TRY
                mov ss, [ring_0_data]
                ud2
                TRIED "exception behind MOV SS", 0
                TRY
                int 200
                TRIED "INT without a gate", 0
                TRY
                mov eax, 0xFFF8
                mov es, eax
                TRIED "selector beyond the GDT", 0
                TRY
                sub eax, eax
                mov ss, eax
                TRIED "null SS in ring 0", 0
                ret
nested_fault:   inc dword [depth]
                cmp dword [depth], 100
                jae .out
                ud2
.out:           mov esp, [recover_esp]
                jmp [recover_eip]

; --- Virtual-8086 mode -------------------------------------------------------------------------------------------
virtual_8086:
                V86 "virtual 8086: CLI", 0xFA
                V86 "virtual 8086: PUSHF", 0x9C
                V86 "virtual 8086: IRET", 0xCF
                V86 "virtual 8086: INT 41h", 0xCD, INT_CLOSED
                V86 "virtual 8086: INT3", 0xCC
                V86 "virtual 8086: IN", 0xE4, PIC1 + 1
                V86 "virtual 8086: OUT to the debug exit", 0xE6, DEBUG_EXIT
                V86 "virtual 8086: HLT", 0xF4
                V86 "virtual 8086: MOV CR0", 0x0F, 0x22, 0xC0
                V86 "virtual 8086: LGDT", 0x0F, 0x01, 0x16, 0, 0
                V86 "virtual 8086: STR", 0x0F, 0x00, 0xC8
                V86 "virtual 8086: read of FFFF:FFF0", 0xA1, 0xF0, 0xFF
                V86 "virtual 8086: write to FFFF:FFF0", 0xA3, 0xF0, 0xFF
                V86 "virtual 8086: far JMP to F000:0", 0xEA, 0, 0, 0, 0xF0
                ret

; --- Devices that reach memory -----------------------------------------------------------------------------------
%macro PORT 2
                mov al, %2
                out %1, al
%endmacro
devices:
                ; Memory to memory by the DMA controller: from 9800h to 9900h, 16 bytes; then a block from channel 2 to a page beyond RAM.
                mov dword [0x9800], PATTERN
                mov dword [0x9900], 0
                TRY
                PORT 0x0D, 0                    ; master clear
                PORT DMA_COMMAND, 1
                PORT 0x00, 0x00
                PORT 0x00, 0x98
                PORT 0x01, 0x0F
                PORT 0x01, 0x00
                PORT 0x02, 0x00
                PORT 0x02, 0x99
                PORT 0x03, 0x0F
                PORT 0x03, 0x00
                PORT 0x87, 0
                PORT 0x83, 0
                PORT DMA_MODE, 0x88
                PORT DMA_MODE, 0x85
                PORT 0x0F, 0
                PORT DMA_REQUEST, 4
                mov ecx, 1000
.wait:          in al, POST
                dec ecx
                jnz .wait
                mov ebx, [0x9900]
                TRIED "DMA from memory to memory: what arrived", ebx
                mov dword [victim], PATTERN
                TRY
                PORT 0x0D, 0
                PORT 0x04, victim & 0xFF
                PORT 0x04, (victim >> 8) & 0xFF
                PORT 0x05, 0xFF
                PORT 0x05, 0
                PORT 0x81, victim >> 16
                PORT DMA_MODE, 0x86             ; channel 2, block, to memory
                PORT 0x0F, 0
                PORT DMA_REQUEST, 6
                mov ecx, 1000
.wait_2:        in al, POST
                dec ecx
                jnz .wait_2
                mov ebx, [victim]
                PORT 0x0D, 0
                PORT 0x0F, 0x0F
                TRIED "DMA into memory without a device", ebx

                ; Code, stack and tables are where bit 20 of an address is 0.
                mov esi, close_a20
                mov edi, a20_routine
                mov ecx, close_a20_end - close_a20
                rep movsb
                mov dword [victim], 0x600DF00D
                mov dword [victim + 0x100000], 0x12345678
                TRY
                call a20_routine
                TRIED "read of the other MB with A20 closed", ebx
                TRY
                mov ebx, [victim + 0x100000]
                TRIED "read of the other MB with A20 open", ebx
                TRY
                mov dx, 0x8A00
                in eax, dx
                mov ebx, eax
                TRIED "port 8A00", ebx
                ret
close_a20:      in al, SYSTEM_CONTROL
                and al, ~A20_OPEN & 0xFE
                out SYSTEM_CONTROL, al
                mov ebx, [victim + 0x100000]
                or al, A20_OPEN
                out SYSTEM_CONTROL, al
                ret
close_a20_end:

; --- Physical addresses of 36 bits -------------------------------------------------------------------------------
; pae_on: identity map of 8 MB by 2 MB pages, pae_table at 40000000.
pae_on:
                mov eax, cr0
                and eax, ~CR0_PG
                mov cr0, eax
                mov eax, cr4
                or eax, CR4_PAE
                mov cr4, eax
                mov dword [pae_pointers], pae_directories + PAGE_PRESENT
                mov dword [pae_pointers + 8], pae_directories + 0x1000 + PAGE_PRESENT
                mov dword [pae_pointers + 16], pae_directories + 0x2000 + PAGE_PRESENT
                mov dword [pae_pointers + 24], pae_directories + 0x3000 + PAGE_PRESENT
                mov eax, PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE
                sub ecx, ecx
.large:         mov [pae_directories + ecx * 8], eax
                add eax, 0x200000
                inc ecx
                cmp ecx, 4
                jb .large
                mov dword [pae_directories + 0x1000], pae_table + (PAGE_PRESENT | PAGE_WRITE)
                mov eax, pae_pointers
                mov cr3, eax
                mov eax, cr0
                or eax, CR0_PG
                mov cr0, eax
                ret
extended_pages:
                TRY
                call pae_on
                mov dword [victim], PATTERN
                mov dword [pae_table], victim + (PAGE_PRESENT | PAGE_WRITE)
                mov ebx, [0x40000000]
                TRIED "PAE tables: own frame", ebx
                TRY
                mov dword [pae_table], victim + (PAGE_PRESENT | PAGE_WRITE)
                mov dword [pae_table + 4], 0
                invlpg [0x40000000]
                mov dword [pae_directories + 0x3FF0], pae_table + (PAGE_PRESENT | PAGE_WRITE)
                mov ebx, [0xFFC00000]
                TRIED "PAE: page at FFC00000", ebx
                FROM_KERNEL "PAE: page at FFE00000", mov ebx, [0xFFE00000]
                ret

; --- What QEMU does not do as the SDM says -----------------------------------------------------------------------
sdm:
                mov dword [held], 0
                mov ebx, PAGE_PRESENT | PAGE_WRITE
                mov ecx, 1                      ; bits 32 to 35
                mov edi, 0x40000000
                TRY
.frame:         mov [pae_table], ebx
                mov [pae_table + 4], ecx
                invlpg [edi]
                call probe_address
                add ebx, 0x0FC01000
                jnc .frame
                and ebx, 0xFFF
                or ebx, PAGE_PRESENT | PAGE_WRITE
                inc ecx
                cmp ecx, 16
                jb .frame
                TRIED "frames above 4 GB that hold data", [held]
                TRY
                mov dword [pae_table + 4], 1 << 4
                invlpg [0x40000000]
                mov ebx, [0x40000000]
                TRIED "PAE entry with bit 36", 0
                TRY
                mov dword [pae_table + 4], 1 << 31
                invlpg [0x40000000]
                mov ebx, [0x40000000]
                TRIED "PAE entry with bit 63", 0
                mov dword [pae_table + 4], 0
                invlpg [0x40000000]
                TRY
                mov dword [pae_pointers + 8], pae_directories + 0x1000 + 0x1E7
                mov eax, pae_pointers
                mov cr3, eax
                TRIED "MOV CR3 of pointers with reserved bits", 0
                mov dword [pae_pointers + 8], pae_directories + 0x1000 + PAGE_PRESENT
                TRY
                mov eax, cr4
                or eax, 1 << 13
                mov cr4, eax
                TRIED "CR4.VMXE", 0
                TRY
                mov eax, CR0_PG
                mov cr0, eax
                TRIED "CR0.PG without PE", 0
                TRY
                mov eax, 1
                cpuid
                and ecx, 0x80000020             ; hypervisor, VMX
                mov ebx, ecx
                TRIED "CPUID: hypervisor and VMX", ebx
                TRY
                mov eax, 0x40000000
                cpuid
                mov esi, eax
                sub eax, eax
                cpuid
                mov ecx, eax                    ; beyond the last leaf, a processor answers as for the last basic one
                mov eax, ecx
                cpuid
                sub eax, esi
                mov ebx, eax
                TRIED "CPUID: leaf 40000000 less the last basic leaf", ebx
%macro MSR 2
                TRY
                mov ecx, %2
                rdmsr
                mov ebx, eax
                TRIED %1, ebx
%endmacro
                MSR "RDMSR 3A: feature control", 0x3A
                MSR "RDMSR 480: VMX capabilities", 0x480
                MSR "RDMSR 40000000: hypervisor", 0x40000000
                MSR "RDMSR C0010117: VM_HSAVE_PA", 0xC0010117
                TRY
                mov ecx, 0x4B564D00
                wrmsr
                TRIED "WRMSR 4B564D00: paravirtual clock", 0
                TRY
                mov eax, 0x564D5868
                mov ecx, 10
                mov dx, 0x5658
                in eax, dx
                mov ebx, eax
                TRIED "port 5658 with a backdoor's number", ebx
                TRY
                mov eax, DOWN_DATA
                mov fs, eax
                mov ebx, [fs:0x1000]
                TRIED "expand-down segment below its limit", 0
                ret

; sdm_without_pae: the same on the kernel's first page tables.
sdm_without_pae:
                mov eax, cr0
                and eax, ~CR0_PG
                mov cr0, eax
                mov eax, cr4
                and eax, ~CR4_PAE
                mov cr4, eax
                mov eax, page_directory
                mov cr3, eax
                mov eax, cr0
                or eax, CR0_PG
                mov cr0, eax
                TRY
                USER
                push dword USER_DATA
                push dword user_stack_top
                push dword FLAG_VM | 0x3202
                push dword USER_CODE
                push dword .still_user
                iret
.still_user:    pushfd
                pop ebx
                and ebx, FLAG_VM | 0x3200
                LEAVE
                TRIED "user: IRET to IOPL 3 and virtual-8086 mode", ebx
                V86 "virtual 8086: 32-bit read of ESI = FFC00000", 0x67, 0x66, 0xBE, 0, 0, 0xC0, 0xFF, 0x67, 0x66, 0x8B, 0x06
                ret

; --- Faults, set-up, report --------------------------------------------------------------------------------------
                EXCEPTION_STUBS fault, 20
; fault_common: records the fault; the kernel goes on at [recover_eip], with the general registers of the fault except EAX.
fault_common:   mov eax, KERNEL_DATA
                mov ds, eax
                mov es, eax
                inc dword [faults]
                pop eax
                shl eax, 16
                or eax, 1 << 31
                or eax, [esp]
                mov [fault], eax
                mov eax, cr2
                mov [fault_cr2], eax
left:           mov eax, KERNEL_DATA
                mov ds, eax
                mov es, eax
                mov fs, eax
                mov gs, eax
                mov ss, eax
                mov esp, [recover_esp]
                push dword 2
                popfd
                cld
                jmp [recover_eip]

; set_up: descriptors, gates, no interrupts from the controllers.
set_up:
                mov al, 0xFF
                out PIC1 + 1, al
                out PIC2 + 1, al
                mov esi, descriptors
                mov edi, gdt + GDT_FREE
                mov ecx, (descriptors_end - descriptors) / 4
                rep movsd
%assign vector 0
%rep 20
                SET_GATE vector, fault_%+vector, GATE_KERNEL
  %assign vector vector + 1
%endrep
                SET_GATE INT_LEAVE, left, GATE_USER
                SET_GATE INT_CLOSED, left, GATE_KERNEL
                mov dword [idt + INT_TASK * 8], SECOND_TSS << 16
                mov dword [idt + INT_TASK * 8 + 4], 0x8500
                sub eax, eax
                mov edx, eax
                mov ecx, MSR_SYSENTER_CS
                wrmsr
                ret

; set_up_pages: ring 3 may read the image and write its stack, its page and its page table; HIGH is prepared, but not mapped.
set_up_pages:
                mov edi, ENTRY(LOAD_ADDRESS)
                mov ecx, (image_file_size + 0xFFF) >> 12
.image:         mov eax, [edi]
                and eax, ~PAGE_WRITE
                or eax, PAGE_USER
                stosd
                loop .image
                or dword [ENTRY(user_stack)], PAGE_USER
                or dword [ENTRY(user_page)], PAGE_USER
                or dword [ENTRY(user_tables)], PAGE_USER
                or dword [ENTRY(V86_CODE)], PAGE_USER
                or dword [ENTRY(V86_STACK)], PAGE_USER
                mov edi, high_table
                mov eax, high_frames + (PAGE_PRESENT | PAGE_WRITE)
                mov ecx, HIGH_PAGES
.high:          stosd
                add eax, 0x1000
                loop .high
                mov eax, cr3
                mov cr3, eax
                ret

; report: a line. ESI = name, EAX = what was seen.
report:
                mov ebx, eax
                call print_string
                mov ecx, 56
.length:        cmp byte [esi], 0
                je .pad
                inc esi
                dec ecx
                jmp .length
.pad:           mov al, ' '
                call print_char
                dec ecx
                jnz .pad
                mov eax, [fault]
                test eax, eax
                js .fault
                mov eax, ebx
                call print_hex
                jmp .end
.fault:         PRINT "#"
                movzx eax, byte [fault + 2]
                mov edi, eax
                call print_dec
                PRINT "("
                mov eax, [fault]
                mov ecx, 4
                call print_hex_digits
                PRINT ")"
                cmp edi, 14
                jne .end
                PRINT " at "
                mov eax, [fault_cr2]
                call print_hex
.end:           PRINT 10
                ret

                align 8, db 0
descriptors:
                DESCRIPTOR HIGH, 0xFFFFF, 0x93, 0xC             ; HIGH_DATA
                DESCRIPTOR 0x80000000, 0xFFFFF, 0x93, 0xC       ; WRAP_DATA
                DESCRIPTOR 0, 0xFFBFF, 0x97, 0xC                ; DOWN_DATA
                DESCRIPTOR HIGH, 0xFFFFF, 0x9B, 0xC             ; HIGH_CODE
                DESCRIPTOR 0, 0xFFFFF, 0x9F, 0xC                ; CONFORMING
                dw ADDR(start) & 0xFFFF, KERNEL_CODE, 0x8C00, ADDR(start) >> 16
                DESCRIPTOR second_tss, 103, 0x89, 0             ; SECOND_TSS
                dw 0, SECOND_TSS, 0x8500, 0                     ; TASK_GATE
                DESCRIPTOR HIGH + 0xA000, 63, 0x82, 0           ; OWN_LDT
                DESCRIPTOR HIGH + 0xB000, 103, 0x89, 0          ; HIGH_TSS
                DESCRIPTOR user_page, 63, 0x82, 0               ; the LDT that ring 3 writes
descriptors_end:

                CMDLINE_ROUTINES
                SERIAL_ROUTINES
                PROTECT_ROUTINES
                IMAGE_END
