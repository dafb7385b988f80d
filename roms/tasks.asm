; tasks - hardware task switches: JMP, CALL and INT to 32- and 16-bit task state segments, task gates, IRET back, and
; the double fault that only a task gate survives.
;
; Only checks on which QEMU agrees with the SDM are here; strict.asm has the others.
; Specified by: SDM 3A chapter 7.

                %include "lib/check.inc"

TASK_B          equ GDT_FREE            ; 32-bit TSS, ring 0
TASK_C          equ GDT_FREE + 0x08     ; 16-bit TSS, ring 0
TASK_ABSENT     equ GDT_FREE + 0x10     ; 32-bit TSS, P = 0
TASK_SHORT      equ GDT_FREE + 0x18     ; 32-bit TSS, limit one byte too small
TASK_GATE       equ GDT_FREE + 0x20     ; task gate to TASK_B
CODE_16         equ GDT_FREE + 0x28     ; 16-bit code, base = code_16
STACK_16        equ GDT_FREE + 0x30     ; 16-bit stack of TASK_C
EXECUTE_ONLY    equ GDT_FREE + 0x38     ; code that cannot be read

TSS_LINK        equ 0                   ; 32-bit TSS (7.2.1)
TSS_CR3         equ 28
TSS_EIP         equ 32
TSS_EFLAGS      equ 36
TSS_EAX         equ 40
TSS_ESP         equ 56
TSS_ES          equ 72
TSS_CS          equ 76
TSS_SS          equ 80
TSS_DS          equ 84
TSS_FS          equ 88
TSS_GS          equ 92
TSS_LDT         equ 96
TSS16_IP        equ 14                  ; 16-bit TSS (7.6)
TSS16_FLAGS     equ 16
TSS16_AX        equ 18
TSS16_SP        equ 26
TSS16_ES        equ 34
TSS16_CS        equ 36
TSS16_SS        equ 38
TSS16_DS        equ 40

                BSS tss_b, TSS_BYTES, 256
                BSS tss_c, 44, 256
                BSS task_stack, 1024, 16
task_stack_top  equ task_stack + 1024
                BSS stack_16, 256, 16
                BSS seen_eax, 4         ; what a task has seen
                BSS seen_eflags, 4
                BSS seen_tr, 4
                BSS seen_link, 4
                BSS seen_error, 4
                BSS rounds, 4

; TYPE_OF "name", selector, access byte expected: the sixth byte of a descriptor.
%macro TYPE_OF 3
                push ecx
                movzx ecx, byte [gdt + ((%2) & 0xFFF8) + 5]
                EXPECT %1, ecx, %3
                pop ecx
%endmacro

                CHECK_BEGIN "tasks"
                mov esi, descriptors
                mov edi, gdt + GDT_FREE
                mov ecx, (descriptors_end - descriptors) / 4
                rep movsd

; --- Tasks (7.3) ------------------------------------------------------------------------------------------------------
                call tasks_init
                mov eax, 0xA1
                call TASK_B:0                   ; runs task_b, which leaves by IRET
                EXPECT "CALL to a TSS: registers come from it", [seen_eax], 0xB0
                EXPECT "CALL to a TSS: TR", [seen_tr], TASK_B
                EXPECT "CALL to a TSS: link", [seen_link], TASK_STATE
                EXPECT "CALL to a TSS: the caller's registers come back", eax, 0xA1
                mov eax, [seen_eflags]
                and eax, FLAG_NT
                EXPECT "CALL to a TSS sets NT", eax, FLAG_NT
                mov eax, cr0
                and eax, CR0_TS
                EXPECT "a task switch sets CR0.TS", eax, CR0_TS
                clts
                str eax
                EXPECT "IRET with NT comes back to the caller's TSS", eax, TASK_STATE
                TYPE_OF "after IRET the callee is not busy", TASK_B, 0x89
                TYPE_OF "after IRET the caller is busy", TASK_STATE, 0x8B
                pushfd
                pop eax
                and eax, FLAG_NT
                EXPECT "after IRET NT is clear", eax, 0
                call TASK_GATE:0
                EXPECT "task gate: the task goes on behind its IRET", [rounds], 2

                call tasks_init
                mov dword [tss_b + TSS_EIP], task_b_jump
                jmp TASK_B:0                    ; runs task_b_jump, which jumps back
                EXPECT "JMP to a TSS: no link", [seen_link], 0x5555
                EXPECT "JMP to a TSS: the other one is not busy", [seen_eax], 0x89
                TYPE_OF "JMP back: it is not busy any more", TASK_B, 0x89
                mov eax, [seen_eflags]
                and eax, FLAG_NT
                EXPECT "JMP to a TSS leaves NT clear", eax, 0

                mov ebx, 0x12345678
                call TASK_C:0                   ; 16-bit: runs task_c, which leaves by IRET
                EXPECT "16-bit TSS: registers come from it", [seen_eax], 0xC0
                EXPECT "16-bit TSS: TR", [seen_tr], TASK_C
                EXPECT "16-bit TSS: the caller's registers come back whole", ebx, 0x12345678

                mov dword [idt + 0x85 * 8], TASK_B << 16
                mov dword [idt + 0x85 * 8 + 4], 0xE500         ; task gate, DPL 3
                call tasks_init
                int 0x85
                EXPECT "INT through a task gate", [seen_tr], TASK_B
                EXPECT "INT through a task gate: link", [seen_link], TASK_STATE
                call tasks_init
                CATCH
                CALL_USER user_task
user_task:      int 0x85
                mov eax, cs
                int USER_DONE
                CAUGHT "a task gate from ring 3 and back", USER_DONE, 0, ANYWHERE
                EXPECT "a task gate from ring 3: back in ring 3", [caught_eax], USER_CODE

                CATCH
                mov eax, 1
task_absent:    jmp TASK_ABSENT:0
                CAUGHT "#NP: a TSS that is not present", VECTOR_NP, TASK_ABSENT, task_absent
                CATCH
task_short:     jmp TASK_SHORT:0
                CAUGHT "#TS: a TSS that is too small", VECTOR_TS, TASK_SHORT, task_short
                CATCH
task_busy:      jmp TASK_STATE:0
                CAUGHT "#GP: JMP to the busy TSS", VECTOR_GP, TASK_STATE, task_busy
                CATCH
                CALL_USER user_tss
user_tss:       jmp TASK_B:0
                CAUGHT "#GP: JMP to a ring 0 TSS from ring 3", VECTOR_GP, TASK_B, user_tss
                CATCH
                pushfd
                or dword [esp], FLAG_NT
                popfd
                mov dword [tss + TSS_LINK], KERNEL_DATA
iret_link:      iret
                CAUGHT "#TS: IRET with NT and a bad link", VECTOR_TS, KERNEL_DATA, iret_link
                mov dword [tss + TSS_LINK], 0

; What is wrong with the new task's registers is found in the new task: TR is its TSS.
                call tasks_init
                mov dword [tss_b + TSS_DS], EXECUTE_ONLY
                CATCH
                jmp TASK_B:0
                CAUGHT "#TS: a task with execute-only data", VECTOR_TS, EXECUTE_ONLY, ANYWHERE
                str eax
                EXPECT "#TS: a task with execute-only data: found in the new task", eax, TASK_B
                call reload_task

; #DF through a task gate: the only way to survive a kernel stack that is gone.
                call paging_init
                call tasks_init
                mov dword [tss_b + TSS_EIP], task_df
                mov dword [idt + VECTOR_DF * 8], TASK_B << 16
                mov dword [idt + VECTOR_DF * 8 + 4], 0x8500
                mov dword [page_tables + (0x700000 >> 12) * 4], 0
                mov dword [recover_eip], .survived
                mov [recover_esp], esp
                call catch_clear
                mov esp, 0x701000
                mov eax, [esp - 8]              ; #PF; pushing its frame is a #PF again
.survived:      CATCH
                CAUGHT "#DF: through a task gate", NO_EXCEPTION, 0, 0
                EXPECT "#DF: error code on the task's stack", [seen_error], 0
                EXPECT "#DF: CR2 of the fault", [seen_eax], 0x700FFC
                jmp finish

; tasks_init: fresh contents for the TSSs of the two other tasks.
tasks_init:
                pushad
                mov edi, tss_b
                mov ecx, TSS_BYTES / 4
                xor eax, eax
                rep stosd
                mov dword [tss_b + TSS_LINK], 0x5555
                mov eax, cr3
                mov [tss_b + TSS_CR3], eax
                mov [tss + TSS_CR3], eax
                mov dword [tss_b + TSS_EIP], task_b
                mov dword [tss_b + TSS_EFLAGS], 2
                mov dword [tss_b + TSS_EAX], 0xB0
                mov dword [tss_b + TSS_ESP], task_stack_top
                mov dword [tss_b + TSS_CS], KERNEL_CODE
                mov eax, KERNEL_DATA
                mov [tss_b + TSS_ES], eax
                mov [tss_b + TSS_SS], eax
                mov [tss_b + TSS_DS], eax
                mov [tss_b + TSS_FS], eax
                mov [tss_b + TSS_GS], eax
                mov word [tss_b + TSS_IOMAP], TSS_BYTES
                mov edi, tss_c
                mov ecx, 44 / 4
                xor eax, eax
                rep stosd
                mov word [tss_c + TSS16_IP], task_c - code_16
                mov word [tss_c + TSS16_FLAGS], 2
                mov word [tss_c + TSS16_AX], 0xC0
                mov word [tss_c + TSS16_SP], 256
                mov word [tss_c + TSS16_CS], CODE_16
                mov word [tss_c + TSS16_ES], KERNEL_DATA
                mov word [tss_c + TSS16_DS], KERNEL_DATA
                mov word [tss_c + TSS16_SS], STACK_16
                mov dword [rounds], 0
                popad
                ret

; reload_task: TASK_STATE becomes the running task again, TASK_B is free.
reload_task:
                push eax
                mov byte [gdt + TASK_STATE + 5], 0x89
                mov byte [gdt + TASK_B + 5], 0x89
                mov eax, TASK_STATE
                ltr ax
                clts
                pop eax
                ret

; task_b: notes what it sees, leaves by IRET, and goes on there when it is called again.
task_b:
                inc dword [rounds]
                mov [seen_eax], eax
                str eax
                mov [seen_tr], eax
                pushfd
                pop dword [seen_eflags]
                movzx eax, word [tss_b + TSS_LINK]
                mov [seen_link], eax
                iret
                jmp task_b

task_b_jump:
                movzx eax, word [tss_b + TSS_LINK]
                mov [seen_link], eax
                movzx eax, byte [gdt + TASK_STATE + 5]
                mov [seen_eax], eax
                pushfd
                pop dword [seen_eflags]
                jmp TASK_STATE:0

task_df:
                pop dword [seen_error]          ; the error code
                mov eax, cr2
                mov [seen_eax], eax
                mov byte [gdt + TASK_STATE + 5], 0x89
                mov byte [gdt + TASK_B + 5], 0x89
                mov eax, TASK_STATE
                ltr ax
                clts
                mov esp, [recover_esp]
                pushfd
                and dword [esp], ~FLAG_NT
                popfd
                jmp [recover_eip]

; --- 16-bit code: reached through CODE_16, whose base is here -----------------------------------------------------------
                align 16, db 0x90
code_16:
                bits 16
task_c:         movzx eax, ax                   ; what the upper half holds in a 16-bit task is not defined
                mov [dword seen_eax], eax
                xor eax, eax
                str ax
                mov [dword seen_tr], eax
                iret
                bits 32

                align 8, db 0
descriptors:
                DESCRIPTOR tss_b, TSS_BYTES - 1, 0x89, 0        ; TASK_B
                DESCRIPTOR tss_c, 43, 0x81, 0                   ; TASK_C
                DESCRIPTOR tss_b, TSS_BYTES - 1, 0x09, 0        ; TASK_ABSENT
                DESCRIPTOR tss_b, TSS_BYTES - 2, 0x89, 0        ; TASK_SHORT
                dw 0, TASK_B, 0x8500, 0                         ; TASK_GATE
                DESCRIPTOR ADDR(code_16), 0xFFFF, 0x9B, 0       ; CODE_16
                DESCRIPTOR stack_16, 0xFF, 0x93, 0              ; STACK_16
                DESCRIPTOR 0, 0xFFFFF, 0x99, 0xC                ; EXECUTE_ONLY
descriptors_end:

finish:
                CHECK_END
