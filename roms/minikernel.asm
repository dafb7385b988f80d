; minikernel - a small but complete kernel: paging, two rings, a preemptive scheduler, system calls, fault isolation.
;
; Without options it demonstrates itself and powers off (status 0). With `shell` on the command line it reads commands
; from COM1. What it prints depends on its own logic only, never on how fast the machine is: the same bytes everywhere.
;
;   minikernel/memory.inc     page frames, address spaces, checks of user pointers
;   minikernel/task.inc       the task table, context switch, scheduler
;   minikernel/trap.inc       the one way into the kernel: exceptions, interrupts, system calls
;   minikernel/syscall.inc    the system calls
;   minikernel/programs.inc   what runs in ring 3
;   minikernel/demo.inc       the scheduler and fault demonstrations
;   minikernel/shell.inc      the commands
;
; What only ring 0 may do is written in the macros of lib/pv.inc: assembled with -dPV, the same source is a kernel for a paravirtual
; domain, where they are hypercalls.
;
; Linear memory: 0..8 MiB is the kernel, identity-mapped, supervisor only, in every address space. A process has its
; program at USER_BASE, then a data page, a page shared by all processes, and a stack page with a hole below it.

                %include "lib/image.inc"
                %include "lib/ports.inc"
                %include "lib/serial.inc"
                %include "lib/cmdline.inc"
                %include "lib/protect.inc"
                %include "lib/timer.inc"

TIMER_HZ        equ 1000

                IMAGE start

start:          mov esp, boot_stack_top
                cld
                call cmdline_init
                call serial_init
                call check_memory_size
                call gdt_init
                call idt_init
                call trap_init
                call frames_init
                call paging_init
                call task_init
                call interrupts_init
                call timer_init
                call print_banner
                ENABLE_INTERRUPTS

                mov esi, .shell
                call cmdline_find
                jnc shell
                call demo_scheduler
                call demo_faults
                PRINT 10, "minikernel: all demonstrations done, powering off", 10
                SHUT_DOWN
.shell:         db "shell", 0

print_banner:
                PRINT "minikernel: a teaching kernel for 32-bit x86", 10
%ifdef PV
                PRINT "  segments    flat; ring 1 and ring 3; a monitor below", 10
%else
                PRINT "  segments    flat; ring 0 and ring 3; one task state segment", 10
%endif
                PRINT "  paging      on; kernel below "
                mov eax, KERNEL_END
                call print_hex
                PRINT ", supervisor only; programs at "
                mov eax, USER_BASE
                call print_hex
                PRINT 10, "  interrupts  timer at "
                mov eax, TIMER_HZ
                call print_dec
                PRINT " Hz on vector 20h; system calls on int 80h", 10
                ret

; timer_init: the timer at its rate.
timer_init:     TIMER_PERIOD TIMER_HZ
                ret

                %include "minikernel/memory.inc"
                %include "minikernel/task.inc"
                %include "minikernel/trap.inc"
                %include "minikernel/syscall.inc"
                %include "minikernel/demo.inc"
                %include "minikernel/shell.inc"
                SERIAL_ROUTINES
                CMDLINE_ROUTINES
                PROTECT_ROUTINES
                TIMER_ROUTINES 1 << 0
                PV_ROUTINES
                PV_EVENTS trap_common, IRQ_BASE, IRQ_BASE + COM1_IRQ
                %include "minikernel/programs.inc"

                BSS boot_stack, 16384, 4096     ; the stack of the kernel's own task
boot_stack_top  equ boot_stack + 16384
                IMAGE_END
