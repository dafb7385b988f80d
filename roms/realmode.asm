; realmode - down from protected mode to real mode and up again, big real mode, and virtual-8086 mode.
;
; The 16-bit part is copied to REAL_BASE, below 1 MiB. It needs no BIOS: it has its own interrupt vectors. What it sees
; goes into `results`, which the 32-bit part judges and prints.
; Specified by: SDM 3A 9.9 (mode switches), chapter 20 (8086 emulation).

                %include "lib/check.inc"

REAL_BASE       equ 0x8000              ; where the 16-bit code runs: segment 0x0800
REAL_SEGMENT    equ REAL_BASE >> 4
REAL_STACK      equ 0x7000
RESULTS         equ 0x6000              ; 16-bit code leaves its results here, one word of 32 bits each
SCRATCH         equ 0x10000             ; 64 KiB for segment arithmetic

CODE_16         equ GDT_FREE            ; 16-bit code, base REAL_BASE, limit 0xFFFF
DATA_16         equ GDT_FREE + 8        ; data, base 0, limit 0xFFFF: what real mode expects in the hidden parts
DATA_BIG        equ KERNEL_DATA         ; data, base 0, 4 GiB

                BSS kernel_esp, 4
                BSS seen_segments, 16

%define R(n) dword [RESULTS + (n) * 4]  ; a result, as both parts see it (DS = 0 in the 16-bit part)
%define REAL(label) ((label) - real_code)

; IN_V86 label, eflags: enters virtual-8086 mode at a label of the 16-bit part, all segments 0 but CS.
%macro IN_V86 2
                push dword 0                    ; GS FS DS ES
                push dword 0
                push dword 0
                push dword 0
                push dword 0                    ; SS ESP
                push dword REAL_STACK
                push dword FLAG_VM | 2 | (%2)
                push dword REAL_SEGMENT
                push dword REAL(%1)
                iret
%endmacro
IOPL_3          equ 3 << 12

                CHECK_BEGIN "realmode"
                mov esi, descriptors
                mov edi, gdt + GDT_FREE
                mov ecx, (descriptors_end - descriptors) / 4
                rep movsd
                mov esi, real_code
                mov edi, REAL_BASE
                mov ecx, (real_code_end - real_code + 3) / 4
                rep movsd
                mov edi, RESULTS
                mov ecx, 64
                xor eax, eax
                rep stosd
                mov dword [SCRATCH + 0x20], 0x11223344
                mov byte [SCRATCH + 0xFFFF], 0x55
                mov byte [SCRATCH], 0x66
                in al, 0x92                     ; A20 on: address line 20 is no longer held at 0
                or al, 2
                and al, 0xFE
                out 0x92, al

; --- Down and up ----------------------------------------------------------------------------------------------------
                mov [kernel_esp], esp
                lidt [real_idt]
                jmp CODE_16:REAL(leave_protected)
back:           mov eax, KERNEL_DATA            ; back in 32-bit code, the rest of the way
                mov ds, eax
                mov es, eax
                mov ss, eax
                mov fs, eax
                mov gs, eax
                mov esp, [kernel_esp]
                lidt [idt_pointer]
                EXPECT "real mode: CR0.PE is 0", R(0), 0
                EXPECT "real mode: a segment is its selector times 16", R(1), 0x11223344
                EXPECT "real mode: base and offset beyond 1 MiB, A20 on", R(2), 0x7F
                EXPECT "real mode: INT n through the vector table", R(3), 0x600D
                EXPECT "real mode: INT n pushes six bytes", R(4), 6
                EXPECT "real mode: INT n clears IF", R(5), 0
                EXPECT "real mode: IRET restores IF", R(6), FLAG_IF
                EXPECT "real mode: #DE, IP at the instruction", R(7), REAL(real_divide)
                EXPECT "real mode: #OF, IP behind INTO", R(8), REAL(real_into_next)
                EXPECT "real mode: #BR, IP at BOUND", R(9), REAL(real_bound)
                EXPECT "real mode: #UD, IP at UD2", R(10), REAL(real_ud2)
                EXPECT "real mode: LTR is #UD", R(11), REAL(real_ltr)
                EXPECT "real mode: ARPL is #UD", R(12), REAL(real_arpl)
                EXPECT "real mode: LAR is #UD", R(13), REAL(real_lar)
                EXPECT "real mode: 66h gives 32-bit operands", R(14), 0x12345678
                EXPECT "real mode: 67h gives 32-bit addresses", R(15), 0x11223344
                EXPECT "real mode: an offset wraps at 64 KiB between string elements", R(16), 0x6655
                EXPECT "real mode: SI after the wrap", R(17), 1
                EXPECT "real mode: far CALL and RET", R(18), REAL_SEGMENT
                EXPECT "real mode: SP wraps from 0 to FFFEh", R(19), 0xFFFE
                EXPECT "real mode: PUSH SP pushes the old value", R(20), REAL_STACK
                EXPECT "real mode: PUSHF of 16 bits has bits 15:12 clear", R(21), 0
                EXPECT "real mode: LOOP counts CX only", R(22), 0x00010003
                EXPECT "real mode: trap flag", R(23), REAL(real_step)
                EXPECT "big real mode: a read above 1 MiB", R(24), 0x464C457F
                EXPECT "big real mode: loading a segment keeps the limit", R(25), 0x464C457F

; --- Virtual-8086 mode ------------------------------------------------------------------------------------------------
                CATCH
                IN_V86 v86_segment, 0
                CAUGHT "v86: INT n with IOPL 0 is a #GP", VECTOR_GP, 0, REAL(v86_segment_end)
                EXPECT "v86: a segment is its selector times 16", [caught_eax], 0x11223344
                EXPECT "v86: the pushed CS", [caught_cs], REAL_SEGMENT
                mov eax, [caught_eflags]
                and eax, FLAG_VM
                EXPECT "v86: the pushed EFLAGS have VM = 1", eax, FLAG_VM
                pushfd
                pop eax
                and eax, FLAG_VM
                EXPECT "v86: the handler runs with VM = 0", eax, 0
                CATCH
                IN_V86 v86_cli, 0
                CAUGHT "v86: CLI with IOPL 0 is a #GP", VECTOR_GP, 0, REAL(v86_cli)
                CATCH
                IN_V86 v86_pushf, 0
                CAUGHT "v86: PUSHF with IOPL 0 is a #GP", VECTOR_GP, 0, REAL(v86_pushf)
                CATCH
                IN_V86 v86_popf, 0
                CAUGHT "v86: POPF with IOPL 0 is a #GP", VECTOR_GP, 0, REAL(v86_popf)
                CATCH
                IN_V86 v86_iret, 0
                CAUGHT "v86: IRET with IOPL 0 is a #GP", VECTOR_GP, 0, REAL(v86_iret)
                CATCH
                IN_V86 v86_hlt, IOPL_3
                CAUGHT "v86: HLT is a #GP", VECTOR_GP, 0, REAL(v86_hlt)
                CATCH
                IN_V86 v86_cr0, IOPL_3
                CAUGHT "v86: MOV from CR0 is a #GP", VECTOR_GP, 0, REAL(v86_cr0)
                CATCH
                IN_V86 v86_out, IOPL_3
                CAUGHT "v86: OUT asks the I/O permission map even with IOPL 3", VECTOR_GP, 0, REAL(v86_out)
                CATCH
                IN_V86 v86_arpl, IOPL_3
                CAUGHT "v86: ARPL is #UD", VECTOR_UD, 0, REAL(v86_arpl)
                CATCH
                IN_V86 v86_divide_in, 0
                CAUGHT "v86: #DE goes to ring 0", VECTOR_DE, 0, REAL(v86_divide)
                CATCH
                IN_V86 v86_flags, IOPL_3
                CAUGHT "v86: INT n with IOPL 3 goes through the IDT", USER_DONE, 0, REAL(v86_flags_end)
                mov eax, [caught_eax]
                and eax, 0x3200
                EXPECT "v86: with IOPL 3 STI and PUSHF are free", eax, 0x3200
                SET_GATE 0x82, note_segments, GATE_USER
                CATCH
                IN_V86 v86_note, IOPL_3
                CAUGHT "v86: an interrupt saves the segments", USER_DONE, 0, REAL(v86_note_end)
                EXPECT "v86: DS is empty in the handler", [seen_segments], 0
                EXPECT "v86: DS is on its stack", [seen_segments + 4], 0x1000
                EXPECT "v86: ES is on its stack", [seen_segments + 8], 0x2000
                EXPECT "v86: IRET goes back with the segments", [caught_eax], 0x20001000
                CATCH
                IN_V86 v86_int3, 0
                CAUGHT "v86: INT3 with IOPL 0 goes through the IDT", VECTOR_BP, 0, REAL(v86_int3) + 1

                mov dword [tss + TSS_SS0], KERNEL_DATA
                EXPECT "protected mode after all that: flat segments", [LOAD_ADDRESS], 0x464C457F
                jmp finish

; note_segments: from virtual-8086 mode: what DS is now and what was pushed, then back.
note_segments:
                push eax
                mov eax, ds
                mov [ss:seen_segments], eax
                mov eax, [esp + 4 + 24]         ; EIP CS EFLAGS ESP SS ES DS FS GS
                mov [ss:seen_segments + 4], eax
                mov eax, [esp + 4 + 20]
                mov [ss:seen_segments + 8], eax
                pop eax
                iret

                align 8, db 0
descriptors:
                DESCRIPTOR REAL_BASE, 0xFFFF, 0x9B, 0
                DESCRIPTOR 0, 0xFFFF, 0x93, 0
descriptors_end:
real_idt:       dw 0x3FF
                dd 0

; --- The 16-bit part: runs at REAL_BASE ---------------------------------------------------------------------------------
                align 16, db 0x90
real_code:
                bits 16
; VECTOR number, label: an entry of the vector table (DS = 0).
%macro VECTOR 2
                mov word [(%1) * 4], REAL(%2)
                mov word [(%1) * 4 + 2], REAL_SEGMENT
%endmacro

leave_protected:
                mov ax, DATA_16
                mov ds, ax
                mov es, ax
                mov ss, ax
                mov fs, ax
                mov gs, ax
                mov eax, cr0
                and al, ~1 & 0xFF
                mov cr0, eax
                jmp REAL_SEGMENT:REAL(real_start)
real_start:
                xor ax, ax
                mov ds, ax
                mov es, ax
                mov ss, ax
                mov sp, REAL_STACK
                VECTOR 0, real_handler
                VECTOR 1, real_handler_step
                VECTOR 4, real_handler
                VECTOR 5, real_handler
                VECTOR 6, real_handler
                VECTOR 0x60, real_interrupt

                smsw ax
                and eax, 1
                mov R(0), eax
                mov ax, SCRATCH >> 4
                mov fs, ax
                mov eax, [fs:0x20]
                mov R(1), eax
                mov ax, 0xFFFF
                mov fs, ax
                movzx eax, byte [fs:0x10]       ; FFFF0h + 10h = 1 MiB: the image's first byte
                mov R(2), eax

                mov al, 0xFF                    ; no interrupt line may use the vectors we do not have
                out PIC1 + 1, al
                out PIC2 + 1, al
                sti
                mov bx, sp
                int 0x60
                pushf
                pop ax
                cli
                and eax, FLAG_IF
                mov R(6), eax

; Exceptions: the handler leaves the IP it was given in DX and goes on at DI.
                mov di, REAL(after_divide)
                xor cx, cx
real_divide:    div cl
after_divide:  mov R(7), edx
                mov di, REAL(after_into)
                mov al, 0x7F
                inc al
                into
real_into_next: nop
after_into:    mov R(8), edx
                mov di, REAL(after_bound)
                mov ax, 9
real_bound:     bound ax, [cs:REAL(real_bounds)]
after_bound:   mov R(9), edx
                mov di, REAL(after_ud2)
real_ud2:       ud2
after_ud2:     mov R(10), edx
                mov di, REAL(after_ltr)
real_ltr:       ltr ax
after_ltr:     mov R(11), edx
                mov di, REAL(after_arpl)
real_arpl:      arpl ax, bx
after_arpl:    mov R(12), edx
                mov di, REAL(after_lar)
real_lar:       lar ax, bx
after_lar:     mov R(13), edx

                mov eax, 0x12345678
                mov R(14), eax
                mov ax, SCRATCH >> 4
                mov fs, ax
                mov ebx, 0x10
                mov eax, [fs:ebx * 2]
                mov R(15), eax

                push ds
                mov ax, SCRATCH >> 4
                mov ds, ax
                mov si, 0xFFFF
                cld
                lodsb
                mov ah, [si]                    ; SI is 0 now
                xchg al, ah
                xchg al, ah
                mov bx, ax
                lodsb
                pop ds
                movzx eax, bx
                mov R(16), eax
                movzx eax, si
                mov R(17), eax

                call REAL_SEGMENT:REAL(real_far)

                mov bx, sp                      ; the word goes to the end of the segment 0x2000
                mov ax, 0x2000
                mov ss, ax
                xor sp, sp
                push ax
                movzx ecx, sp
                xor ax, ax
                mov ss, ax
                mov sp, bx
                mov R(19), ecx
                mov sp, REAL_STACK
                push sp
                pop ax
                movzx eax, ax
                mov R(20), eax
                pushf
                pop ax
                and eax, 0xF000
                mov R(21), eax
                mov ecx, 0x00010002
                mov ax, 0
.loop:          inc ax
                loop .loop
                movzx eax, ax
                or ecx, eax
                inc ecx
                mov R(22), ecx

                pushf
                pop ax
                or ax, FLAG_TF
                push ax
                popf
                nop                             ; one instruction, then #DB
real_step:      mov R(23), edx

; Big real mode: FS gets a limit of 4 GiB in protected mode and keeps it in real mode.
                lgdt [cs:REAL(gdt_again)]
                mov eax, cr0
                or al, 1
                mov cr0, eax
                jmp CODE_16:REAL(.protected)
.protected:     mov ax, DATA_BIG
                mov fs, ax
                mov eax, cr0
                and al, ~1 & 0xFF
                mov cr0, eax
                jmp REAL_SEGMENT:REAL(.big)
.big:           mov eax, [fs:dword LOAD_ADDRESS]
                mov R(24), eax
                mov ax, 0x100
                mov fs, ax                      ; base 0x1000
                mov eax, [fs:dword LOAD_ADDRESS - 0x1000]
                mov R(25), eax

                mov eax, cr0
                or al, 1
                mov cr0, eax
                jmp dword KERNEL_CODE:back

real_interrupt: sub bx, sp                      ; what INT pushed
                movzx ebx, bx
                mov R(4), ebx
                pushf
                pop ax
                and eax, FLAG_IF
                mov R(5), eax
                mov R(3), dword 0x600D
                iret
real_handler:   pop dx                          ; IP CS FLAGS
                add sp, 4
                movzx edx, dx
                jmp di
real_handler_step:
                push bp
                mov bp, sp
                movzx edx, word [bp + 2]
                and word [bp + 6], ~FLAG_TF
                pop bp
                iret
real_far:       mov ax, cs
                movzx eax, ax
                mov R(18), eax
                retf
real_bounds:    dw 0, 8
gdt_again:      dw GDT_ENTRIES * 8 - 1
                dd gdt

; Virtual-8086 mode.
v86_segment:    mov ax, SCRATCH >> 4
                mov fs, ax
                mov eax, [fs:0x20]
v86_segment_end: int USER_DONE
v86_cli:        cli
v86_pushf:      pushf
v86_popf:       popf
v86_iret:       iret
v86_hlt:        hlt
v86_cr0:        mov eax, cr0
v86_out:        out POST, al
v86_arpl:       arpl ax, bx
v86_divide_in:  xor dx, dx
v86_divide:     div dl
v86_flags:      sti
                pushf
                pop ax
                cli
                int USER_DONE
v86_flags_end:
v86_note:       mov ax, 0x1000
                mov ds, ax
                mov ax, 0x2000
                mov es, ax
                int 0x82
                mov ax, es
                shl eax, 16
                mov ax, ds
                int USER_DONE
v86_note_end:
v86_int3:       int3
real_code_end:
                bits 32

finish:
                CHECK_END
