; sensitive - every sensitive instruction of IA-32, in kernel mode and in user mode, and what it saw.
;
; One line for each: what ring 0 saw and what ring 3 saw, in hexadecimal; `#13(0010)` is a fault with its error code. All values are
; the guest's own (its tables, its selectors, its flags), so every machine prints the same, and a virtual machine that prints
; something else has let an instruction slip through. In user mode only: HLT, since nothing would wake the kernel, INVD, since it would
; lose what caches hold, and SYSEXIT, since SYSENTER's handler shows that it works. Not here: INT1, which QEMU does not have.
; Specified by: SDM 3A 5.9 (privilege), 2.5 (CR0), 2.4 (table registers); volume 2 by the names of the instructions.

                %include "lib/image.inc"
                %include "lib/ports.inc"
                %include "lib/serial.inc"
                %include "lib/protect.inc"

PRIVATE         equ GDT_FREE            ; data of ring 0, limit 0x12345
PUBLIC          equ GDT_FREE + 0x08 | 3 ; data of ring 3, limit 0x6789
CONFORMING      equ GDT_FREE + 0x10     ; code of ring 0 that outer rings may enter as they are
OPEN_GATE       equ GDT_FREE + 0x18 | 3 ; call gate for everybody
CLOSED_GATE     equ GDT_FREE + 0x20     ; call gate for ring 0
OWN_LDT         equ GDT_FREE + 0x28

INT_OPEN        equ 0x40                ; gates for everybody and for ring 0
INT_CLOSED      equ 0x41
INT_LEAVE       equ 0x42                ; ring 3 has finished

FLAGS_SEEN      equ 0x7200              ; IF, IOPL, NT
FLAGS_ALL       equ 0x3202              ; IF = 1, IOPL = 3
MSR_SYSENTER_CS equ 0x174
FAULT_MARK      equ 0xFA000000          ; | vector << 16 | error code
PIC_MASK        equ 0x21

LINES           equ 96
                BSS names, LINES * 4
                BSS seen, 2 * LINES * 4         ; by ring 0, then by ring 3
                BSS line, 4                     ; EDI of the next line: the code under TRY may use EDI
                BSS fault, 4
                BSS recover_eip, 4
                BSS recover_esp, 4
                BSS own_data, 4                 ; data selector of the ring that probes
                BSS in_kernel, 4                ; 1 while ring 0 probes
                BSS caller_cs, 4                ; what the target of a gate found on its stack
                BSS caller_flags, 4
                BSS far_pointer, 8
                BSS scratch, 128, 16
                BSS ldt, 8, 4096                ; not beside `scratch`: a monitor that watches the table would see every store there
                BSS sysenter_stack, 4096, 4096
                BSS user_stack, 4096, 4096
user_stack_top  equ user_stack + 4096
                BSS kernel_stack, 8192, 4096
kernel_stack_top equ kernel_stack + 8192

                IMAGE start

; SAW "name", operand: the next line. EBP = the column of this ring, EDI = 4 * the number of the line.
%macro SAW 2
                push eax
                mov eax, %2
                mov [ebp + edi], eax
                pop eax
                mov dword [names + edi], %%name
                add edi, 4
                mov [line], edi
                jmp %%done
%%name:         db %1, 0
%%done:
%endmacro

; TRY / TRIED "name", operand: the same for code that may fault; then the fault is what was seen.
%macro TRY 0
  %push try
                mov dword [recover_eip], %$end
                mov [recover_esp], esp
                mov dword [fault], 0
%endmacro
%macro TRIED 2
%$end:
                mov esp, [recover_esp]
                mov edi, [line]
                push dword %2
                cmp dword [fault], 0
                je %$fine
                mov eax, [fault]
                mov [esp], eax
%$fine:         pop eax
                SAW %1, eax
  %pop
%endmacro

; PRIVILEGED "name", instruction: succeeds in ring 0, without a value to show.
%macro PRIVILEGED 2+
                TRY
                %2
                TRIED %1, 0
%endmacro

start:
                mov esp, kernel_stack_top
                cld
                call serial_init
                call gdt_init
                call idt_init
                call set_up
                PRINT "sensitive", 10
                PRINT "                                    kernel    user", 10

                mov dword [in_kernel], 1
                mov dword [own_data], KERNEL_DATA
                mov ebp, seen
                call probe
                mov dword [in_kernel], 0
                mov dword [own_data], USER_DATA
                mov ebp, seen + LINES * 4
                mov eax, USER_DATA
                mov ds, eax
                mov es, eax
                mov fs, eax
                mov gs, eax
                push dword USER_DATA
                push dword user_stack_top
                push dword 0x202                ; IF = 1, as kernels leave it to their processes
                push dword USER_CODE
                push dword user_start
                iret
user_start:
                call probe
                PRIVILEGED "HLT (ring 3 only)", hlt
                PRIVILEGED "INVD (ring 3 only)", invd
                PRIVILEGED "SYSEXIT (ring 3 only)", sysexit
                int INT_LEAVE
finished:
                mov eax, KERNEL_DATA
                mov ds, eax
                mov es, eax
                mov esp, kernel_stack_top
                call print_lines
                EXIT EXIT_SUCCESS

; probe: all instructions, in the ring it is called in.
probe:
                sub edi, edi
                mov [line], edi
; --- Table registers, CR0, task ----------------------------------------------------------------------------------
                TRY
                sgdt [scratch]
                TRIED "SGDT base", [scratch + 2]
                TRY
                sgdt [scratch]
                movzx ebx, word [scratch]
                TRIED "SGDT limit", ebx
                TRY
                sidt [scratch]
                TRIED "SIDT base", [scratch + 2]
                TRY
                sidt [scratch]
                movzx ebx, word [scratch]
                TRIED "SIDT limit", ebx
                TRY
                sub ebx, ebx
                sldt bx
                TRIED "SLDT", ebx
                TRY
                sub ebx, ebx
                str bx
                TRIED "STR", ebx
                TRY
                sub ebx, ebx
                smsw bx
                TRIED "SMSW", ebx
; --- Flags -------------------------------------------------------------------------------------------------------
                pushfd
                pop ebx
                and ebx, FLAGS_SEEN
                SAW "PUSHFD: IF, IOPL, NT", ebx
                pushfd
                push dword FLAGS_ALL
                popfd
                pushfd
                pop ebx
                popfd
                and ebx, FLAGS_SEEN
                SAW "POPFD of IF = 1, IOPL = 3", ebx
                pushfd
                push dword 2
                popfd
                pushfd
                pop ebx
                popfd
                and ebx, FLAGS_SEEN
                SAW "POPFD of IF = 0, IOPL = 0", ebx
                pushfd
                push dword FLAGS_ALL
                push cs
                push dword .iret_1
                iret
.iret_1:        pushfd
                pop ebx
                popfd
                and ebx, FLAGS_SEEN
                SAW "IRETD with IF = 1, IOPL = 3", ebx
                pushfd
                push dword 2
                push cs
                push dword .iret_2
                iret
.iret_2:        pushfd
                pop ebx
                popfd
                and ebx, FLAGS_SEEN
                SAW "IRETD with IF = 0, IOPL = 0", ebx
                pushfd
                TRY
                sti
                pushfd
                pop ebx
                and ebx, FLAGS_SEEN
                TRIED "STI, then PUSHFD", ebx
                TRY
                cli
                pushfd
                pop ebx
                and ebx, FLAGS_SEEN
                TRIED "CLI, then PUSHFD", ebx
                popfd
; --- Segment registers read --------------------------------------------------------------------------------------
                push cs
                pop ebx
                SAW "PUSH CS", ebx
                push ss
                pop ebx
                SAW "PUSH SS", ebx
                push ds
                pop ebx
                SAW "PUSH DS", ebx
                push es
                pop ebx
                SAW "PUSH ES", ebx
                push fs
                pop ebx
                SAW "PUSH FS", ebx
                push gs
                pop ebx
                SAW "PUSH GS", ebx
                mov ebx, cs
                SAW "MOV r32, CS", ebx
                mov ebx, ss
                SAW "MOV r32, SS", ebx
                fninit
                fld1
                fnstenv [scratch]
                movzx ebx, word [scratch + 16]
                SAW "FNSTENV: CS of FLD1", ebx
                fninit
                fld1
                fnsave [scratch]
                movzx ebx, word [scratch + 16]
                SAW "FNSAVE: CS of FLD1", ebx
; --- Access rights -----------------------------------------------------------------------------------------------
%macro RIGHTS 2
                mov ecx, %2
                mov ebx, -1
                lar ebx, ecx
                and ebx, 0xFFF0FFFF             ; bits 19:16 are undefined
                SAW %strcat("LAR of ", %1), ebx
                mov ebx, -1
                lsl ebx, ecx
                SAW %strcat("LSL of ", %1), ebx
                verr cx
                setz bl
                movzx ebx, bl
                SAW %strcat("VERR of ", %1), ebx
                verw cx
                setz bl
                movzx ebx, bl
                SAW %strcat("VERW of ", %1), ebx
%endmacro
                RIGHTS "ring 0 data", PRIVATE
                RIGHTS "ring 3 data", PUBLIC
; --- Segment registers loaded ------------------------------------------------------------------------------------
%macro LOADS 3+                                 ; name, segment register, code that loads it
                TRY
                %3
                mov ebx, %2
                TRIED %1, ebx
                mov eax, [own_data]
                mov %2, eax
%endmacro
                mov dword [far_pointer], 0x1000
                mov dword [far_pointer + 4], KERNEL_DATA
                mov ecx, KERNEL_DATA
                LOADS "MOV DS of ring 0 data", ds, mov ds, ecx
                LOADS "MOV SS of ring 0 data", ss, mov ss, ecx
                TRY
                push dword KERNEL_DATA
                pop es
                mov ebx, es
                TRIED "POP ES of ring 0 data", ebx
                TRY
                push dword KERNEL_DATA
                pop ss
                mov ebx, ss
                TRIED "POP SS of ring 0 data", ebx
                LOADS "LDS of ring 0 data", ds, lds eax, [far_pointer]
                LOADS "LES of ring 0 data", es, les eax, [far_pointer]
                LOADS "LFS of ring 0 data", fs, lfs eax, [far_pointer]
                LOADS "LGS of ring 0 data", gs, lgs eax, [far_pointer]
                LOADS "LSS of ring 0 data", ss, lss eax, [far_pointer]
; --- Far transfers -----------------------------------------------------------------------------------------------
                TRY
                mov dword [far_pointer], .far_frame
                mov [far_pointer + 4], cs
                call far [far_pointer]
.far_frame:     mov ebx, [esp + 4]
                TRIED "CALL far: pushed CS", ebx
                TRY
                jmp KERNEL_CODE:.far_kernel
.far_kernel:    mov ebx, cs
                TRIED "JMP far to ring 0 code", ebx
                TRY
                push dword KERNEL_CODE
                push dword .far_return
                retf
.far_return:    mov ebx, cs
                TRIED "RETF to ring 0 code", ebx
                TRY
                call CONFORMING:see_cs
                TRIED "CALL to conforming code: CS", ebx
                TRY
                call OPEN_GATE:0
                mov ebx, [caller_cs]
                TRIED "CALL by an open gate: caller's CS", ebx
                TRY
                call CLOSED_GATE:0
                mov ebx, [caller_cs]
                TRIED "CALL by a ring 0 gate: caller's CS", ebx
; --- Software interrupts -----------------------------------------------------------------------------------------
                TRY
                int INT_OPEN
                TRIED "INT by an open gate: pushed CS", [caller_cs]
                SAW "INT by an open gate: pushed flags", [caller_flags]
                TRY
                int INT_CLOSED
                TRIED "INT by a ring 0 gate: pushed CS", [caller_cs]
                TRY
                int3
                TRIED "INT3 by a ring 0 gate: pushed CS", [caller_cs]
                TRY
                mov al, 0x7F
                inc al
                into
                TRIED "INTO by a ring 0 gate: pushed CS", [caller_cs]
                TRY
                mov [caller_cs], dword 0
                sysenter
                TRIED "SYSENTER: CS", [caller_cs]
; --- Privileged instructions -------------------------------------------------------------------------------------
                TRY
                mov ebx, cr0
                TRIED "MOV r32, CR0", ebx
                PRIVILEGED "MOV CR0, r32", call write_cr0
                TRY
                mov ebx, cr3
                TRIED "MOV r32, CR3", ebx
                PRIVILEGED "MOV CR3, r32", mov cr3, eax
                TRY
                mov ebx, dr0
                TRIED "MOV r32, DR0", ebx
                mov eax, 0x12345678
                PRIVILEGED "MOV DR0, r32", mov dr0, eax
                TRY
                clts
                sub ebx, ebx
                smsw bx
                TRIED "CLTS, then SMSW", ebx
                TRY
                mov eax, 0x3B
                lmsw ax
                sub ebx, ebx
                smsw bx
                clts
                TRIED "LMSW with TS, then SMSW", ebx
                PRIVILEGED "LGDT", lgdt [gdt_pointer]
                PRIVILEGED "LIDT", lidt [idt_pointer]
                mov eax, OWN_LDT
                PRIVILEGED "LLDT", lldt ax
                and byte [gdt + TASK_STATE + 5], ~2 & 0xFF
                mov eax, TASK_STATE
                PRIVILEGED "LTR", ltr ax
                PRIVILEGED "INVLPG", invlpg [scratch]
                PRIVILEGED "WBINVD", wbinvd
                TRY
                mov ecx, MSR_SYSENTER_CS
                rdmsr
                TRIED "RDMSR SYSENTER_CS", eax
                TRY
                mov ecx, MSR_SYSENTER_CS
                mov eax, KERNEL_CODE
                sub edx, edx
                wrmsr
                TRIED "WRMSR SYSENTER_CS", 0
                TRY
                in al, PIC_MASK
                movzx ebx, al
                TRIED "IN of the interrupt mask", ebx
                TRY
                mov al, 0xFF
                out PIC_MASK, al
                TRIED "OUT of the interrupt mask", 0
                TRY
                mov edi, scratch
                mov edx, PIC_MASK
                insb
                movzx ebx, byte [scratch]
                TRIED "INS of the interrupt mask", ebx
                TRY
                mov esi, all_ones
                mov edx, PIC_MASK
                outsb
                TRIED "OUTS of the interrupt mask", 0
                ret

; see_cs: far; the CS it runs with, in EBX.
see_cs:         mov ebx, cs
                retf

; write_cr0: CR0 as set_up chose it, with TS.
write_cr0:      mov eax, CR0_PE | CR0_MP | CR0_NE | CR0_TS | 0x10
                mov cr0, eax
                ret

; Targets of the gates.
gate_target:    push eax
                mov eax, [esp + 8]
                mov [caller_cs], eax
                pop eax
                retf
interrupt_target:
                push eax
                push ds
                mov eax, KERNEL_DATA
                mov ds, eax
                mov eax, [esp + 12]
                mov [caller_cs], eax
                mov eax, [esp + 16]
                and eax, FLAGS_SEEN
                mov [caller_flags], eax
                pop ds
                pop eax
                iret

; sysenter_target: back to whoever it was.
sysenter_target:
                mov eax, cs
                mov [caller_cs], eax
                mov ecx, [recover_esp]
                mov edx, [recover_eip]
                cmp dword [in_kernel], 0
                jne .kernel
                sti
                sysexit
.kernel:        mov esp, ecx
                mov eax, KERNEL_DATA
                jmp edx

; Faults: recorded, and the interrupted ring goes on at [recover_eip].
                EXCEPTION_STUBS fault, 20
fault_common:   push eax
                push ds
                mov eax, KERNEL_DATA
                mov ds, eax
                mov eax, [esp + 8]
                shl eax, 16
                or eax, [esp + 12]
                or eax, FAULT_MARK
                mov [fault], eax
                mov eax, [recover_eip]
                mov [esp + 16], eax
                pop ds
                pop eax
                add esp, 8
                iret

; set_up: descriptors, gates, MSRs, CR0 with MP and NE, no interrupts from the controllers.
set_up:
                mov al, 0xFF
                out PIC_MASK, al
                out 0xA1, al
                mov esi, descriptors
                mov edi, gdt + GDT_FREE
                mov ecx, (descriptors_end - descriptors) / 4
                rep movsd
                mov eax, OWN_LDT
                lldt ax
%assign vector 0
%rep 20
                SET_GATE vector, fault_%+vector, GATE_KERNEL
  %assign vector vector + 1
%endrep
                SET_GATE 3, interrupt_target, GATE_KERNEL
                SET_GATE 4, interrupt_target, GATE_KERNEL
                SET_GATE INT_OPEN, interrupt_target, GATE_USER
                SET_GATE INT_CLOSED, interrupt_target, GATE_KERNEL
                SET_GATE INT_LEAVE, finished, GATE_USER
                mov eax, CR0_PE | CR0_MP | CR0_NE | 0x10
                mov cr0, eax
                sub edx, edx
                mov ecx, MSR_SYSENTER_CS
                mov eax, KERNEL_CODE
                wrmsr
                inc ecx
                mov eax, sysenter_stack + 4096
                wrmsr
                inc ecx
                mov eax, sysenter_target
                wrmsr
                mov eax, 0x0BADF00D
                mov dr0, eax
                sub eax, eax
                mov cr3, eax
                ret

; print_lines: name, what ring 0 saw, what ring 3 saw.
print_lines:
                sub edi, edi
.line:          mov esi, [names + edi]
                test esi, esi
                jz .done
                call print_string
                mov ecx, 36
.pad:           cmp byte [esi], 0
                je .fill
                inc esi
                dec ecx
                jmp .pad
.fill:          mov al, ' '
                call print_char
                dec ecx
                jnz .fill
                mov eax, [seen + edi]
                call print_seen
                mov al, ' '
                call print_char
                call print_char
                mov eax, [seen + LINES * 4 + edi]
                call print_seen
                PRINT 10
                add edi, 4
                jmp .line
.done:          ret

; print_seen: EAX as a number, or as a fault: `#13(0010)`.
print_seen:
                mov edx, eax
                shr edx, 24
                cmp edx, FAULT_MARK >> 24
                je .fault
                call print_hex
                ret
.fault:         push eax
                PRINT "#"
                shr eax, 16
                movzx eax, al
                call print_dec
                PRINT "("
                pop eax
                mov ecx, 4
                call print_hex_digits
                PRINT ")"
                ret

all_ones:       db 0xFF
                align 8, db 0
descriptors:
                DESCRIPTOR 0, 0x12345, 0x93, 0x4        ; PRIVATE
                DESCRIPTOR 0, 0x6789, 0xF3, 0x4         ; PUBLIC
                DESCRIPTOR 0, 0xFFFFF, 0x9F, 0xC        ; CONFORMING
                dw ADDR(gate_target) & 0xFFFF, KERNEL_CODE, 0xEC00, ADDR(gate_target) >> 16
                dw ADDR(gate_target) & 0xFFFF, KERNEL_CODE, 0x8C00, ADDR(gate_target) >> 16
                DESCRIPTOR ldt, 7, 0x82, 0              ; OWN_LDT
descriptors_end:

                SERIAL_ROUTINES
                PROTECT_ROUTINES
                IMAGE_END
