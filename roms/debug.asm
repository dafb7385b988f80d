; debug - the debug exception: single steps (EFLAGS.TF), breakpoints on execution, data and ports (DR0..DR7), RF.
;
; Only checks on which QEMU agrees with the SDM are here; strict.asm has INT1 and DR7.GD.
; A handler keeps a log of every #DB (EIP, DR6) and lets the program go on, as a debugger would.
; Specified by: SDM 3B 17.2 (debug registers), 17.3 (debug exceptions).

                %include "lib/check.inc"

LOG_ENTRIES     equ 16

DR7_EXECUTE     equ 0                   ; the R/W field of DR7
DR7_WRITE       equ 1
DR7_PORT        equ 2
DR7_ACCESS      equ 3
DR7_FIXED       equ 1 << 10             ; always reads as 1
DR6_FIXED       equ 0xFFFF0FF0
DR6_BS          equ 1 << 14

; DR7(n, kind, length): breakpoint n, enabled, over 1, 2 or 4 bytes.
%define DR7(n, kind, length) ((2 << (n) * 2) | ((kind) | ((length) - 1) << 2) << (16 + (n) * 4))

                BSS log_count, 4
                BSS log_eip, LOG_ENTRIES * 4
                BSS log_dr6, LOG_ENTRIES * 4
                BSS log_eflags, LOG_ENTRIES * 4
                BSS steps_left, 4       ; the handler clears TF in the interrupted EFLAGS when this reaches 0
                BSS cell, 16, 16

; WATCH: empties the log. LOGGED "name", n: expects n entries. ENTRY "name", i, eip, dr6: expects that entry; of DR6
; only B0..B3, BD, BS and BT count.
%macro WATCH 0
                call log_clear
%endmacro
%macro LOGGED 2
                call breakpoints_off
                EXPECT %1, [log_count], %2
%endmacro
%macro ENTRY 4
                push eax
                mov eax, [log_dr6 + (%2) * 4]
                and eax, 0xE00F
                mov [log_dr6 + (%2) * 4], eax
                pop eax
  %strcat %%eip %1, ": EIP"
  %strcat %%dr6 %1, ": DR6"
                EXPECT %%eip, [log_eip + (%2) * 4], %3
                EXPECT %%dr6, [log_dr6 + (%2) * 4], %4
%endmacro
%macro STEP_ON 0
                pushfd
                or dword [esp], FLAG_TF
                popfd
%endmacro
%macro SET_DR 2                         ; SET_DR n, address; SET_DR 7, DR7(...)
                mov eax, %2
                mov dr%1, eax
%endmacro

                CHECK_BEGIN "debug"
                SET_GATE VECTOR_DB, log_debug, GATE_KERNEL
                xor eax, eax
                mov dr7, eax
                mov dr6, eax

; --- Reserved bits ------------------------------------------------------------------------------------------------
                mov eax, dr6
                EXPECT "DR6 reads with its fixed bits", eax, DR6_FIXED
                mov eax, dr7
                EXPECT "DR7 reads with its fixed bit", eax, DR7_FIXED

; --- Single step: the instruction after the one that set TF runs first ---------------------------------------------
                WATCH
                mov dword [steps_left], 3
                STEP_ON
                nop
step_1:         inc ecx
step_2:         xor eax, eax
step_3:         nop
                LOGGED "TF: one #DB for each instruction", 3
                ENTRY "TF, first step", 0, step_1, DR6_BS
                ENTRY "TF, second step", 1, step_2, DR6_BS
                ENTRY "TF, third step", 2, step_3, DR6_BS
                mov eax, [log_eflags]
                and eax, FLAG_TF
                EXPECT "TF is set in the pushed EFLAGS", eax, FLAG_TF

                WATCH                           ; a jump: EIP is its target
                mov dword [steps_left], 2
                STEP_ON
                jmp step_target
                nop
step_target:    nop
step_after:     nop
                LOGGED "TF over JMP", 2
                ENTRY "TF over JMP", 0, step_target, DR6_BS
                ENTRY "TF over JMP, next", 1, step_after, DR6_BS

                WATCH                           ; an instruction that faults does not step
                mov dword [steps_left], 1
                CATCH
                STEP_ON
step_fault:     ud2
                CAUGHT "TF: a fault comes instead of the step", VECTOR_UD, 0, step_fault
                LOGGED "TF: a fault comes instead of the step: no #DB", 0

                SET_GATE 0x82, soft_interrupt, GATE_KERNEL
                WATCH                           ; INT n clears TF for the handler; IRET gives it back
                mov dword [steps_left], 1
                STEP_ON
                int 0x82
step_int:       nop
step_int_next:  nop
                LOGGED "TF over INT n", 1
                ENTRY "TF over INT n", 0, step_int_next, DR6_BS

                WATCH                           ; POPF that clears TF still steps once
                mov dword [steps_left], 5
                pushfd
                STEP_ON
                popfd
step_popf:      nop
                LOGGED "TF cleared by POPF: one last #DB", 1
                ENTRY "TF cleared by POPF", 0, step_popf, DR6_BS

; --- Breakpoint on execution: a fault before the instruction; RF lets it pass once ----------------------------------
                WATCH
                SET_DR 0, execute_here
                SET_DR 7, DR7(0, DR7_EXECUTE, 1)
                mov ecx, 2
execute_loop:   nop
execute_here:   nop
                dec ecx
                jnz execute_loop
                LOGGED "execution breakpoint in a loop of two rounds", 2
                ENTRY "execution breakpoint", 0, execute_here, 1 << 0
                ENTRY "execution breakpoint, second round", 1, execute_here, 1 << 0

                WATCH
                SET_DR 3, execute_prefix
                SET_DR 7, DR7(3, DR7_EXECUTE, 1)
execute_prefix: db 0x66                         ; the address of the first prefix is the instruction's
                nop
                LOGGED "execution breakpoint on a prefix", 1
                ENTRY "execution breakpoint on a prefix", 0, execute_prefix, 1 << 3

                WATCH
                SET_DR 0, execute_off
                SET_DR 7, DR7(0, DR7_EXECUTE, 1) & ~0xFF
execute_off:    nop
                LOGGED "a breakpoint that is not enabled", 0

                WATCH                           ; the local bit enables as well as the global one
                SET_DR 0, execute_local
                SET_DR 7, 1
execute_local:  nop
                LOGGED "a breakpoint enabled by its local bit", 1

; --- Breakpoint on data: a trap behind the access -------------------------------------------------------------------
                WATCH
                SET_DR 1, cell
                SET_DR 7, DR7(1, DR7_WRITE, 4)
                mov eax, [cell]                 ; a read does not count
                mov [cell], eax
write_next:     nop
                LOGGED "write breakpoint", 1
                ENTRY "write breakpoint", 0, write_next, 1 << 1

                WATCH
                SET_DR 1, cell
                SET_DR 7, DR7(1, DR7_WRITE, 4)
                mov byte [cell + 3], 1
write_last:     mov byte [cell + 4], 1
                LOGGED "write breakpoint: the last byte counts, the next does not", 1
                ENTRY "write breakpoint on the last byte", 0, write_last, 1 << 1

                WATCH
                SET_DR 2, cell + 4
                SET_DR 7, DR7(2, DR7_WRITE, 2)
                mov dword [cell + 1], 0         ; bytes 1..4: the last one is watched
overlap_next:   mov dword [cell], 0
                mov word [cell + 6], 0
                LOGGED "write breakpoint: overlap from below", 1
                ENTRY "write breakpoint: overlap from below", 0, overlap_next, 1 << 2

                WATCH
                SET_DR 3, cell
                SET_DR 7, DR7(3, DR7_ACCESS, 4)
                mov eax, [cell]
access_read:    mov [cell], eax
access_write:   nop
                LOGGED "access breakpoint: read and write", 2
                ENTRY "access breakpoint: read", 0, access_read, 1 << 3
                ENTRY "access breakpoint: write", 1, access_write, 1 << 3

                WATCH
                SET_DR 0, check_stack_top - 64
                SET_DR 7, DR7(0, DR7_WRITE, 4)
                mov ebx, esp
                mov esp, check_stack_top - 60
                push eax
push_next:      mov esp, ebx
                LOGGED "write breakpoint on the stack", 1
                ENTRY "write breakpoint on the stack", 0, push_next, 1 << 0

                WATCH
                SET_DR 0, cell + 4
                SET_DR 7, DR7(0, DR7_WRITE, 4)
                mov edi, cell
                mov ecx, 3
                xor eax, eax
rep_here:       rep stosd                       ; the second of three words: the trap comes between the iterations
                EXPECT "REP STOSD goes on behind the breakpoint", ecx, 0
                LOGGED "write breakpoint in REP STOSD", 1
                ENTRY "write breakpoint in REP STOSD", 0, rep_here, 1 << 0

; --- Breakpoint on a port: a trap behind the access, with CR4.DE ------------------------------------------------------
                mov eax, cr4
                or eax, CR4_DE
                mov cr4, eax
                WATCH
                SET_DR 2, POST
                SET_DR 7, DR7(2, DR7_PORT, 1)
                out POST, al
port_next:      nop
                out POST + 4, al
                LOGGED "port breakpoint", 1
                ENTRY "port breakpoint", 0, port_next, 1 << 2

; --- DR4 and DR5 ----------------------------------------------------------------------------------------------------
                CATCH
dr4_ud:         db 0x0F, 0x21, 0xE0             ; MOV EAX, DR4
                CAUGHT "#UD: MOV from DR4 with CR4.DE", VECTOR_UD, 0, dr4_ud
                mov eax, cr4
                and eax, ~CR4_DE
                mov cr4, eax
                CATCH
                db 0x0F, 0x21, 0xE8             ; MOV EAX, DR5
                CAUGHT "MOV from DR5 is MOV from DR7 without CR4.DE", NO_EXCEPTION, 0, 0
                EXPECT "DR5 reads as DR7", eax, DR7_FIXED

                jmp finish

; log_debug: the #DB handler. Logs EIP, DR6 and EFLAGS, clears DR6, sets RF so that an execution breakpoint does not
; come again at once, and stops stepping when enough steps are logged.
log_debug:
                push eax
                push ebx
                mov ebx, [log_count]
                cmp ebx, LOG_ENTRIES
                jae .full
                mov eax, [esp + 8]
                mov [log_eip + ebx * 4], eax
                mov eax, [esp + 16]
                mov [log_eflags + ebx * 4], eax
                mov eax, dr6
                mov [log_dr6 + ebx * 4], eax
                inc dword [log_count]
.full:          xor eax, eax
                mov dr6, eax
                or dword [esp + 16], FLAG_RF
                dec dword [steps_left]
                jnz .more
                and dword [esp + 16], ~FLAG_TF
.more:          pop ebx
                pop eax
                iret

soft_interrupt: iret

log_clear:
                pushad
                mov edi, log_count
                mov ecx, (1 + 3 * LOG_ENTRIES)
                xor eax, eax
                rep stosd
                popad
                ret

breakpoints_off:
                push eax
                xor eax, eax
                mov dr7, eax
                mov dr6, eax
                pop eax
                ret

finish:
                CHECK_END
