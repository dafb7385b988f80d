; segments - descriptors, far transfers, gates between the rings, 16- and 32-bit gates.
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
TASK_GATE       equ GDT_FREE + 0x68     ; task gate
GATE_INTERRUPT  equ GDT_FREE + 0x70     ; an interrupt gate, which has no business in a GDT
GATE_RING1      equ GDT_FREE + 0x78     ; call gate for ring 3 into CODE_RING1
CODE_RING1      equ GDT_FREE + 0x80
IN_LDT          equ 0x08 | 4            ; the only segment of the LDT, base = area + 16

TSS_SS1         equ 16                  ; in the 32-bit TSS (7.2.1)

                BSS area, 64, 16
                BSS ldt, 16, 8
                BSS seen_eflags, 4      ; what a handler has seen
                BSS seen_cs, 4
                BSS seen_esp, 4
                BSS seen_stack, 32, 4
                BSS seen_frame, 8       ; how many bytes the 16-bit gates pushed

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

                jmp finish

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
                GATE TASK_STATE, 0, 0, 0x85                       ; TASK_GATE
                GATE KERNEL_CODE, 0, 0, 0x8E                    ; GATE_INTERRUPT
                GATE CODE_RING1 | 1, 0, 0, 0xEC                 ; GATE_RING1
                DESCRIPTOR 0, 0xFFFFF, 0xBB, 0xC                ; CODE_RING1
descriptors_end:
ldt_template:   dq 0
                DESCRIPTOR area + 16, 0xFFF, 0x93, 0x4          ; IN_LDT
far_pointer:    dd 0x12345678
                dw BASED
finish:
                CHECK_END
