; segments - descriptors, far transfers, gates between the rings, 16- and 32-bit gates and tasks.
;
; Only checks on which QEMU agrees with the SDM are here; it has no segment limits and no rights on access, so those
; are in strict.asm. Chapter and section numbers are those of the Intel SDM, volume 3A.

                %include "lib/check.inc"

; Descriptors, from GDT_FREE on; see the table at the end.
READ_ONLY       equ GDT_FREE            ; data, base 0
EXECUTE_ONLY    equ GDT_FREE + 0x08
CONFORMING      equ GDT_FREE + 0x10     ; code of ring 0 that outer rings may enter as they are
BYTES           equ GDT_FREE + 0x18     ; data, limit 0x12345 bytes
PAGES           equ GDT_FREE + 0x20     ; data, limit 1 in pages
BASED           equ GDT_FREE + 0x28     ; data, base = area
FRESH           equ GDT_FREE + 0x30     ; data, accessed bit clear
GATE_SAME       equ GDT_FREE + 0x38     ; call gate, ring 0 only
GATE_INNER      equ GDT_FREE + 0x40     ; call gate for ring 3, two parameters
GATE_ABSENT     equ GDT_FREE + 0x48     ; call gate for ring 3, P = 0
CODE_16         equ GDT_FREE + 0x50     ; 16-bit code, base = code_16
GATE_16         equ GDT_FREE + 0x58     ; 16-bit call gate into CODE_16
LDT             equ GDT_FREE + 0x60
TASK_B          equ GDT_FREE + 0x68     ; 32-bit TSS, ring 0
TASK_C          equ GDT_FREE + 0x70     ; 16-bit TSS, ring 0
TASK_ABSENT     equ GDT_FREE + 0x78     ; 32-bit TSS, P = 0
TASK_SHORT      equ GDT_FREE + 0x80     ; 32-bit TSS, limit one byte too small
TASK_GATE       equ GDT_FREE + 0x88     ; task gate to TASK_B
GATE_INTERRUPT  equ GDT_FREE + 0x90     ; an interrupt gate, which has no business in a GDT
GATE_RING1      equ GDT_FREE + 0x98     ; call gate for ring 3 into CODE_RING1
CODE_RING1      equ GDT_FREE + 0xA0
STACK_16        equ GDT_FREE + 0xA8     ; 16-bit stack of TASK_C
IN_LDT          equ 0x08 | 4            ; the only segment of the LDT, base = area + 16

TSS_LINK        equ 0                   ; 32-bit TSS (7.2.1)
TSS_SS1         equ 16
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

                BSS area, 64, 16
                BSS tss_b, TSS_BYTES, 256
                BSS tss_c, 44, 256
                BSS task_stack, 1024, 16
task_stack_top  equ task_stack + 1024
                BSS ldt, 16, 8
                BSS seen_eax, 4         ; what a task or a handler has seen
                BSS seen_eflags, 4
                BSS seen_cs, 4
                BSS seen_tr, 4
                BSS seen_link, 4
                BSS seen_esp, 4
                BSS seen_stack, 32, 4
                BSS rounds, 4
                BSS seen_frame, 8       ; how many bytes the 16-bit gates pushed
                BSS stack_16, 256, 16

; TYPE_OF "name", selector, access byte expected: the sixth byte of a descriptor.
%macro TYPE_OF 3
                push ecx
                movzx ecx, byte [gdt + ((%2) & 0xFFF8) + 5]
                EXPECT %1, ecx, %3
                pop ecx
%endmacro
; ZERO_FLAG "name", 0 or 1: expects ZF as the instruction before left it.
%macro ZERO_FLAG 2
                setz cl
                movzx ecx, cl
                EXPECT %1, ecx, %2
%endmacro

                CHECK_BEGIN "segments"
                mov esi, descriptors
                mov edi, gdt + GDT_FREE
                mov ecx, (descriptors_end - descriptors) / 4
                rep movsd
                mov esi, ldt_template
                mov edi, ldt
                mov ecx, 4
                rep movsd
                mov dword [area], 0x11223344
                mov dword [area + 16], 0x55667788

; --- LAR, LSL, VERR, VERW (5.10) ----------------------------------------------------------------------------------
                mov ebx, KERNEL_DATA
                lar eax, ebx
                ZERO_FLAG "LAR of a data segment: ZF", 1
                and eax, 0x00F0FF00             ; bits 19:16 are undefined
                EXPECT "LAR of a data segment", eax, 0x00C09300
                mov ebx, TASK_STATE
                lar eax, ebx
                and eax, 0x00F0FF00
                EXPECT "LAR of the busy TSS", eax, 0x00008B00
                mov ebx, GATE_SAME
                lar eax, ebx
                ZERO_FLAG "LAR of a call gate: ZF", 1
                and eax, 0xFF00
                EXPECT "LAR of a call gate", eax, 0x8C00
                mov ebx, TASK_GATE
                lar eax, ebx
                ZERO_FLAG "LAR of a task gate: ZF", 1
                mov ebx, GATE_INTERRUPT
                mov eax, 0x1234
                lar eax, ebx
                ZERO_FLAG "LAR of an interrupt gate: ZF", 0
                EXPECT "LAR that fails leaves its register alone", eax, 0x1234
                xor ebx, ebx
                lar eax, ebx
                ZERO_FLAG "LAR of the null selector: ZF", 0
                mov ebx, GDT_ENTRIES * 8
                lar eax, ebx
                ZERO_FLAG "LAR beyond the GDT limit: ZF", 0
                mov ebx, KERNEL_DATA | 3
                lar eax, ebx
                ZERO_FLAG "LAR with an RPL above the DPL: ZF", 0
                mov ebx, CONFORMING | 3
                lar eax, ebx
                ZERO_FLAG "LAR of a conforming segment with RPL 3: ZF", 1

                mov ebx, KERNEL_DATA
                lsl eax, ebx
                EXPECT "LSL of a flat segment", eax, 0xFFFFFFFF
                mov ebx, BYTES
                lsl eax, ebx
                EXPECT "LSL with byte granularity", eax, 0x12345
                mov ebx, PAGES
                lsl eax, ebx
                EXPECT "LSL with page granularity", eax, 0x1FFF
                mov ebx, TASK_STATE
                lsl eax, ebx
                EXPECT "LSL of a TSS", eax, TSS_BYTES - 1
                mov ebx, GATE_SAME
                lsl eax, ebx
                ZERO_FLAG "LSL of a call gate: ZF", 0
                mov ebx, TASK_GATE
                lsl eax, ebx
                ZERO_FLAG "LSL of a task gate: ZF", 0

                mov ebx, READ_ONLY
                verr bx
                ZERO_FLAG "VERR of read-only data", 1
                verw bx
                ZERO_FLAG "VERW of read-only data", 0
                mov ebx, KERNEL_DATA
                verw bx
                ZERO_FLAG "VERW of writable data", 1
                mov ebx, KERNEL_CODE
                verr bx
                ZERO_FLAG "VERR of readable code", 1
                verw bx
                ZERO_FLAG "VERW of code", 0
                mov ebx, EXECUTE_ONLY
                verr bx
                ZERO_FLAG "VERR of execute-only code", 0
                mov ebx, KERNEL_DATA | 3
                verr bx
                ZERO_FLAG "VERR with an RPL above the DPL", 0
                mov ebx, CONFORMING | 3
                verr bx
                ZERO_FLAG "VERR of conforming code with RPL 3", 1
                mov ebx, TASK_STATE
                verr bx
                ZERO_FLAG "VERR of a TSS", 0
                xor ebx, ebx
                verr bx
                ZERO_FLAG "VERR of the null selector", 0

                CATCH                           ; ring 3 asks about a ring 0 segment
                CALL_USER user_verr
user_verr:      mov ebx, KERNEL_DATA
                xor eax, eax
                verr bx
                setz al
                lar edx, ebx
                setz ah
                int USER_DONE
                CAUGHT "VERR and LAR in ring 3", USER_DONE, 0, ANYWHERE
                EXPECT "VERR and LAR of a ring 0 segment in ring 3: ZF", [caught_eax], 0

; --- ARPL ---------------------------------------------------------------------------------------------------------
                mov eax, KERNEL_DATA
                mov ebx, USER_CODE
                arpl ax, bx
                ZERO_FLAG "ARPL raises the RPL: ZF", 1
                EXPECT "ARPL raises the RPL", eax, KERNEL_DATA | 3
                mov eax, USER_DATA
                mov ebx, KERNEL_CODE
                arpl ax, bx
                ZERO_FLAG "ARPL never lowers the RPL: ZF", 0
                EXPECT "ARPL never lowers the RPL", eax, USER_DATA

; --- Loads: base, accessed bit, LDT ---------------------------------------------------------------------------------
                mov eax, BASED
                mov es, eax
                mov eax, [es:0]
                EXPECT "a segment base is added", eax, 0x11223344
                mov eax, BASED
                mov fs, eax
                mov eax, [fs:16]
                EXPECT "FS override", eax, 0x55667788
                mov ebx, -16
                mov eax, BASED
                mov gs, eax
                mov eax, [gs:ebx + 32]
                EXPECT "an effective address wraps before the base is added", eax, 0x55667788
                TYPE_OF "a descriptor that was never loaded is not accessed", FRESH, 0x92
                mov eax, FRESH
                mov es, eax
                TYPE_OF "loading a segment sets its accessed bit", FRESH, 0x93
                push cs
                pop eax
                EXPECT "PUSH CS pushes the selector", eax, KERNEL_CODE
                mov eax, LDT
                lldt ax
                sldt eax
                EXPECT "SLDT", eax, LDT
                mov eax, IN_LDT
                mov es, eax
                mov eax, [es:0]
                EXPECT "a segment of the LDT", eax, 0x55667788
                CATCH
                mov eax, 0x10 | 4
ldt_limit:      mov es, eax
                CAUGHT "#GP: a selector beyond the LDT limit", VECTOR_GP, 0x10 | ERROR_LDT, ldt_limit
                mov eax, KERNEL_DATA
                mov es, eax
                mov fs, eax
                mov gs, eax
                str eax
                EXPECT "STR", eax, TASK_STATE
                les ebx, [far_pointer]
                mov eax, es
                EXPECT "LES loads the selector", eax, BASED
                EXPECT "LES loads the offset", ebx, 0x12345678
                mov eax, KERNEL_DATA
                mov es, eax

; --- Far transfers in one ring --------------------------------------------------------------------------------------
                call KERNEL_CODE:far_routine
                EXPECT "far CALL and RET", [seen_cs], KERNEL_CODE
                push dword 0x77777777
                mov ebx, esp
                push dword 1
                push dword 2
                call KERNEL_CODE:far_routine_8
                sub ebx, esp
                EXPECT "far RET 8 drops its parameters", ebx, 0
                pop eax
                jmp CONFORMING:.conforming
.conforming:    mov eax, cs
                EXPECT "far JMP to conforming code", eax, CONFORMING
                jmp KERNEL_CODE:.back
.back:          call GATE_SAME:0                ; the offset is ignored
                EXPECT "call gate in one ring", [seen_cs], KERNEL_CODE
                mov dword [idt + 0x84 * 8], (CODE_16 << 16) | (interrupt_16 - code_16)
                mov dword [idt + 0x84 * 8 + 4], 0x8600          ; 16-bit interrupt gate
                CATCH
                call CODE_16:0
                CAUGHT "far CALL to 16-bit code and back", NO_EXCEPTION, 0, 0
                call CODE_16:calls_16 - code_16
                EXPECT "16-bit call gate: a frame of two words", [seen_frame], 4
                EXPECT "16-bit interrupt gate: a frame of three words", [seen_frame + 4], 6

; --- Call gates between the rings (5.8.3 to 5.8.6) --------------------------------------------------------------------
                CATCH
                CALL_USER user_gate
user_gate:      mov eax, USER_DATA
                mov fs, eax
                xor eax, eax
                mov gs, eax
                push dword 0x1111
                push dword 0x2222
                call GATE_INNER:0
user_returned:  mov eax, esp
                mov ebx, cs
                mov ecx, ss
                mov edx, es
                int USER_DONE
                CAUGHT "call gate to ring 0 and back", USER_DONE, 0, ANYWHERE
                EXPECT "call gate: CS in the gate has RPL 0", [seen_cs], KERNEL_CODE
                EXPECT "call gate: return EIP", [seen_stack], user_returned
                EXPECT "call gate: return CS", [seen_stack + 4], USER_CODE
                EXPECT "call gate: first parameter copied", [seen_stack + 8], 0x2222
                EXPECT "call gate: second parameter copied", [seen_stack + 12], 0x1111
                EXPECT "call gate: ESP of ring 3", [seen_stack + 16], user_stack_top - 8
                EXPECT "call gate: SS of ring 3", [seen_stack + 20], USER_DATA
                EXPECT "call gate: stack from the TSS", [seen_esp], interrupt_stack_top - 24
                EXPECT "far RET 8 to ring 3: both stacks lose the parameters", [caught_eax], user_stack_top
                EXPECT "far RET to ring 3: CS", [caught_ebx], USER_CODE
                EXPECT "far RET to ring 3: SS", [caught_ecx], USER_DATA
                EXPECT "far RET to ring 3 empties ES of a ring 0 segment", [caught_edx], 0
                CATCH
                CALL_USER user_absent
user_absent:    call GATE_ABSENT:0
                CAUGHT "#NP: a call gate that is not present", VECTOR_NP, GATE_ABSENT, user_absent
                CATCH
                CALL_USER user_ring
user_ring:      call GATE_SAME:0
                CAUGHT "#GP: a call gate of ring 0 from ring 3", VECTOR_GP, GATE_SAME, user_ring
                CATCH
                CALL_USER user_conform
user_conform:   jmp (CONFORMING | 3):user_conforming
user_conforming: mov eax, cs
                int USER_DONE
                CAUGHT "ring 3 in conforming code", USER_DONE, 0, ANYWHERE
                EXPECT "conforming code keeps the ring", [caught_eax], CONFORMING | 3

; A bad stack in the TSS is a #TS with the selector of the stack. Tried on ring 1, so that the handler has its own.
                mov dword [tss + TSS_SS1], 0
                CATCH
                CALL_USER user_ss1
user_ss1:       call GATE_RING1:0
                CAUGHT "#TS: a null stack in the TSS", VECTOR_TS, 0, user_ss1
                mov dword [tss + TSS_SS1], KERNEL_DATA | 1
                CATCH
                CALL_USER user_ss1_dpl
user_ss1_dpl:   call GATE_RING1:0
                CAUGHT "#TS: a stack of another ring in the TSS", VECTOR_TS, KERNEL_DATA, user_ss1_dpl

; --- Interrupt gates ------------------------------------------------------------------------------------------------
                SET_GATE 0x82, note_flags, GATE_KERNEL
                SET_GATE 0x83, note_flags, GATE_TRAP
                mov al, 0xFF                    ; all interrupt lines off: IF may be set now
                out PIC1 + 1, al
                out PIC2 + 1, al
                sti
                int 0x82
                mov eax, [seen_eflags]
                and eax, FLAG_IF
                EXPECT "an interrupt gate clears IF", eax, 0
                int 0x83
                mov eax, [seen_eflags]
                and eax, FLAG_IF
                EXPECT "a trap gate keeps IF", eax, FLAG_IF
                pushfd
                pop eax
                and eax, FLAG_IF
                EXPECT "IRET restores IF", eax, FLAG_IF
                cli

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
                EXPECT "#DF: error code on the task's stack", [seen_stack], 0
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
                pop dword [seen_stack]          ; the error code
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

far_routine:    mov [seen_cs], cs
                retf
far_routine_8:  retf 8

; gate_inner: what GATE_INNER leads to: notes its stack, loads a ring 0 segment into ES, returns to ring 3.
gate_inner:
                mov [seen_esp], esp
                mov [seen_cs], cs
                push ds
                mov eax, KERNEL_DATA
                mov ds, eax
                mov es, eax
                lea esi, [esp + 4]
                mov edi, seen_stack
                mov ecx, 6
                cld
                rep movsd
                pop ds
                retf 8

note_flags:     pushfd
                pop dword [seen_eflags]
                iret

; --- 16-bit code: reached through CODE_16, whose base is here. A 16-bit frame holds 16-bit return offsets, so only
; --- 16-bit code can call through 16-bit gates.
                align 16, db 0x90
code_16:
                bits 16
                o32 retf                        ; the CALL came from 32-bit code: its frame is 32-bit
calls_16:
                mov ebx, esp
                call GATE_16:0
                int 0x84
                o32 retf
gate_16:        sub ebx, esp
                mov [dword seen_frame], ebx
                mov ebx, esp
                add ebx, 4
                retf
interrupt_16:   sub ebx, esp
                mov [dword seen_frame + 4], ebx
                iret
task_c:         movzx eax, ax                   ; what the upper half holds in a 16-bit task is not defined
                mov [dword seen_eax], eax
                xor eax, eax
                str ax
                mov [dword seen_tr], eax
                iret
                bits 32

; GATE selector, offset, parameters, access: the eight bytes of a gate descriptor.
%macro GATE 4
                dw (%2) & 0xFFFF, %1
                db %3, %4
                dw ((%2) >> 16) & 0xFFFF
%endmacro
                align 8, db 0
descriptors:
                DESCRIPTOR 0, 0xFFFFF, 0x91, 0xC                ; READ_ONLY
                DESCRIPTOR 0, 0xFFFFF, 0x99, 0xC                ; EXECUTE_ONLY
                DESCRIPTOR 0, 0xFFFFF, 0x9F, 0xC                ; CONFORMING
                DESCRIPTOR 0, 0x12345, 0x93, 0x4                ; BYTES
                DESCRIPTOR 0, 1, 0x93, 0xC                      ; PAGES
                DESCRIPTOR area, 0xFFFFF, 0x93, 0xC             ; BASED
                DESCRIPTOR 0, 0xFFFFF, 0x92, 0xC                ; FRESH
                GATE KERNEL_CODE, ADDR(far_routine), 0, 0x8C    ; GATE_SAME
                GATE KERNEL_CODE, ADDR(gate_inner), 2, 0xEC     ; GATE_INNER
                GATE KERNEL_CODE, ADDR(gate_inner), 2, 0x6C     ; GATE_ABSENT
                DESCRIPTOR ADDR(code_16), 0xFFFF, 0x9B, 0       ; CODE_16
                GATE CODE_16, gate_16 - code_16, 0, 0x84        ; GATE_16
                DESCRIPTOR ldt, 15, 0x82, 0                     ; LDT
                DESCRIPTOR tss_b, TSS_BYTES - 1, 0x89, 0        ; TASK_B
                DESCRIPTOR tss_c, 43, 0x81, 0                   ; TASK_C
                DESCRIPTOR tss_b, TSS_BYTES - 1, 0x09, 0        ; TASK_ABSENT
                DESCRIPTOR tss_b, TSS_BYTES - 2, 0x89, 0        ; TASK_SHORT
                GATE TASK_B, 0, 0, 0x85                         ; TASK_GATE
                GATE KERNEL_CODE, 0, 0, 0x8E                    ; GATE_INTERRUPT
                GATE CODE_RING1 | 1, 0, 0, 0xEC                 ; GATE_RING1
                DESCRIPTOR 0, 0xFFFFF, 0xBB, 0xC                ; CODE_RING1
                DESCRIPTOR stack_16, 0xFF, 0x93, 0              ; STACK_16
descriptors_end:
ldt_template:   dq 0
                DESCRIPTOR area + 16, 0xFFF, 0x93, 0x4          ; IN_LDT
far_pointer:    dd 0x12345678
                dw BASED
finish:
                CHECK_END
