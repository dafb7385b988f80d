; syscall_up - INT 0x80 from ring 3 and IRET back, user code in a page of its own.
; One iteration makes 1,000 system calls.

                %include "lib/bench.inc"
                %include "lib/protect.inc"

USER_STACK      equ 0x7FF000    ; top of the page that ring 3 may use as a stack

                BENCH "syscall_up", 700

                PROTECT_ROUTINES

bench_setup:
                call gdt_init
                call idt_init
                SET_GATE 0x80, system_call, GATE_USER
                SET_GATE 0x81, leave_user, GATE_USER
                call paging_init
                or dword [page_tables + (ADDR(user) >> 12) * 4], PAGE_USER
                or dword [page_tables + (USER_STACK - 4096 >> 12) * 4], PAGE_USER
                mov eax, cr3                    ; the entries may be in the TLB already
                mov cr3, eax
                mov ax, USER_DATA               ; IRET to ring 3 empties data segment registers that ring 3 may not use;
                mov ds, ax                      ; these serve both rings
                mov es, ax
                ret

; Goes to ring 3 by IRET and comes back through vector 0x81.
bench_kernel:
                mov [kernel_esp], esp
                mov eax, ecx
                push dword USER_DATA
                push dword USER_STACK
                push dword 0x002                ; EFLAGS: interrupts off, IOPL 0
                push dword USER_CODE
                push dword user
                iret
leave_user:     mov esp, [kernel_esp]
                ret
                BSS kernel_esp, 4

                align 4096, db 0x90
system_call:    add eax, 0x1234567
                iret
                align 4096, db 0x90
user:           mov ecx, 1000
.call:          int 0x80
                dec ecx
                jnz .call
                int 0x81
                align 4096, db 0x90

                BENCH_END
