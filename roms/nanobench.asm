; nanobench - operations that cost a virtual machine something, one at a time.
;
; After the nanobenchmarks of Adams and Agesen, "A Comparison of Software and Hardware Techniques for x86 Virtualization"
; (ASPLOS 2006, figure 5): each section does one operation N times between two marks (lib/marker.inc). What it costs
; is for the host to measure; the guest prints what it observed, so the transcript is the same on every machine.
;
;   n=NUMBER            scales all sections (default 40000); each does n >> shift operations, as in the table below
;   only=NAME,NAME...   only these sections
;
;   nanobench/runner.inc        the table's macro, selection, warm-up, marks, the line printed
;   nanobench/traps.inc         ring 3 and back; the handlers
;   nanobench/transitions.inc   syscall callret pgfault divzero
;   nanobench/privileged.inc    in out cr8wr cli-sti pushf-popf rdtsc cpuid hypercall
;   nanobench/tables.inc        ptemod* ctxswitch fork
;   nanobench/time.inc          timer compute

                %include "lib/image.inc"
                %include "lib/ports.inc"
                %include "lib/serial.inc"
                %include "lib/cmdline.inc"
                %include "lib/pv.inc"
                %include "lib/batch.inc"
                %include "lib/protect.inc"
                %include "lib/marker.inc"
                %include "lib/timer.inc"
                %include "lib/frames.inc"
                %include "lib/space.inc"
                %include "nanobench/runner.inc"

                IMAGE start

start:          mov esp, main_stack_top
                cld
                call cmdline_init
                call serial_init
                call gdt_init
                call idt_init
                call traps_init
                call interrupts_init
                call paging_init
                call frames_init
                call user_init
                call tables_init
                call run_sections
                EXIT EXIT_SUCCESS

                align 4, db 0
sections:       ; name, shift, warm-ups, prepare, operation, check
                SECTION "nothing", 0, 1, none, nothing, none
                SECTION "syscall", 0, 1, none, syscall, none
                SECTION "in", 0, 1, in_prepare, in, none
                SECTION "out", 0, 1, none, out, out_check
                SECTION "cr8wr", 0, 1, none, cr8wr, cr8wr_check
                SECTION "callret", 0, 1, none, callret, none
                SECTION "pgfault", 1, 1, faults_prepare, pgfault, pgfault_check
                SECTION "divzero", 1, 1, faults_prepare, divzero, divzero_check
                SECTION "ptemod", 3, 8, window_present, ptemod, window_check
                SECTION "ptemod-p-np", 3, 8, window_present, ptemod_p_np, window_check
                SECTION "ptemod-np-p", 3, 8, window_absent, ptemod_np_p, window_check
                SECTION "cli-sti", 0, 1, none, cli_sti, interrupts_check
                SECTION "pushf-popf", 0, 1, none, pushf_popf, interrupts_check
                SECTION "rdtsc", 0, 1, none, rdtsc, none
                SECTION "cpuid", 0, 1, none, cpuid, none
%ifdef PV
                SECTION "hypercall", 0, 1, none, hypercall, silent
%endif
                SECTION "ctxswitch", 1, 1, none, ctxswitch, ctxswitch_check
                SECTION "fork", 8, 4, none, fork, fork_check
                SECTION "timer", 8, 1, timer_prepare, timer, timer_check
                SECTION "compute", 5, 1, compute_prepare, compute, none
sections_end:

                RUNNER_ROUTINES
                %include "nanobench/traps.inc"
                %include "nanobench/transitions.inc"
                %include "nanobench/privileged.inc"
                %include "nanobench/tables.inc"
                %include "nanobench/time.inc"
                PV_ROUTINES
                PV_EVENTS timer_event, IRQ_BASE, 0
                BATCH_ROUTINES
                SERIAL_ROUTINES
                CMDLINE_ROUTINES
                PROTECT_ROUTINES
                MARKER_ROUTINES
                TIMER_ROUTINES
                FRAME_ROUTINES
                SPACE_ROUTINES

                BSS main_stack, 8192, 4096
main_stack_top  equ main_stack + 8192
                IMAGE_END
