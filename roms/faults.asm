; faults - every exception an i686 without coprocessor can raise: its vector, error code, pushed EIP and CR2.
;
; Only checks on which QEMU agrees with the SDM are here, so that QEMU can be the witness; strict.asm has the others.
; Ring 3 is in privilege.asm, segment registers and tasks in segments.asm and tasks.asm, #DB in debug.asm.
; Chapter and section numbers are those of the Intel SDM, volume 3A.

                %include "lib/check.inc"

HOLE            equ 0x700000            ; a page that is taken away for the page-fault checks
READ_ONLY       equ 0x701000            ; a page mapped without the write bit
SUPERVISOR      equ 0x702000            ; a page ring 3 must not use
NOT_PRESENT     equ GDT_FREE            ; a data segment with P = 0
NOT_PRESENT_CODE equ GDT_FREE + 8
EXECUTE_ONLY    equ GDT_FREE + 16       ; a code segment that cannot be read

                CHECK_BEGIN "faults"

; Descriptors the checks use.
                mov esi, descriptors
                mov edi, gdt + GDT_FREE
                mov ecx, (descriptors_end - descriptors) / 4
                rep movsd

; --- #DE divide error (6.15): a fault, EIP at the instruction -----------------------------------------------------
                xor ecx, ecx
                CATCH
de_8:           div cl
                CAUGHT "#DE: DIV r8 by zero", VECTOR_DE, 0, de_8
                CATCH
de_16:          div cx
                CAUGHT "#DE: DIV r16 by zero", VECTOR_DE, 0, de_16
                CATCH
de_32:          div ecx
                CAUGHT "#DE: DIV r32 by zero", VECTOR_DE, 0, de_32
                CATCH
                mov edx, 5
                xor eax, eax
                mov ecx, 5
de_overflow:    div ecx                         ; 5 * 2^32 / 5 does not fit
                CAUGHT "#DE: DIV r32 quotient too large", VECTOR_DE, 0, de_overflow
                CATCH
                mov eax, 0x80000000
                cdq
                mov ecx, -1
de_signed:      idiv ecx
                CAUGHT "#DE: IDIV of the smallest number by -1", VECTOR_DE, 0, de_signed
                CATCH
                mov eax, 0x8000
                mov cl, 0xFF
de_signed_8:    idiv cl
                CAUGHT "#DE: IDIV r8 quotient too large", VECTOR_DE, 0, de_signed_8
                CATCH
de_aam:         aam 0
                CAUGHT "#DE: AAM 0", VECTOR_DE, 0, de_aam
                mov eax, 0x1234
                mov edx, 0x5678
                xor ecx, ecx
                CATCH
                div ecx
                CAUGHT "#DE: leaves ESP and EIP alone", VECTOR_DE, 0, ANYWHERE

; --- #BP, #OF: traps, EIP behind the instruction; #BR: a fault ----------------------------------------------------
                CATCH
                int3
bp_next:        nop
                CAUGHT "#BP: INT3", VECTOR_BP, 0, bp_next
                CATCH
                db 0xCD, 0x03
bp_long_next:   nop
                CAUGHT "#BP: INT 3 in two bytes", VECTOR_BP, 0, bp_long_next
                CATCH
                mov al, 0x7F
                inc al                          ; sets OF
                into
of_next:        nop
                CAUGHT "#OF: INTO with OF = 1", VECTOR_OF, 0, of_next
                CATCH
                xor eax, eax                    ; clears OF
                into
                CAUGHT "#OF: INTO with OF = 0 does nothing", NO_EXCEPTION, 0, 0
                CATCH
                mov eax, 11
br_above:       bound eax, [bounds]
                CAUGHT "#BR: BOUND above the upper bound", VECTOR_BR, 0, br_above
                CATCH
                mov eax, -6
br_below:       bound eax, [bounds]
                CAUGHT "#BR: BOUND below the lower bound", VECTOR_BR, 0, br_below
                CATCH
                mov eax, -5
                bound eax, [bounds]
                mov eax, 10
                bound eax, [bounds]
                CAUGHT "#BR: BOUND on the bounds does nothing", NO_EXCEPTION, 0, 0
                CATCH
                mov ax, 4
br_word:        bound ax, [bounds_16]
                CAUGHT "#BR: BOUND r16", VECTOR_BR, 0, br_word

; --- #UD invalid opcode -------------------------------------------------------------------------------------------
                CATCH
ud_ud2:         ud2
                CAUGHT "#UD: UD2", VECTOR_UD, 0, ud_ud2
                CATCH
ud_0fff:        db 0x0F, 0xFF, 0xC0
                CAUGHT "#UD: UD0", VECTOR_UD, 0, ud_0fff
                CATCH
ud_mov_cs:      db 0x8E, 0xC8                   ; MOV CS, AX
                CAUGHT "#UD: MOV to CS", VECTOR_UD, 0, ud_mov_cs
                CATCH
ud_mov_seg6:    db 0x8E, 0xF0                   ; segment register 6
                CAUGHT "#UD: MOV to segment register 6", VECTOR_UD, 0, ud_mov_seg6
                CATCH
ud_lea:         db 0x8D, 0xC0                   ; LEA EAX, EAX
                CAUGHT "#UD: LEA with a register operand", VECTOR_UD, 0, ud_lea
                CATCH
ud_lss:         db 0x0F, 0xB2, 0xC0             ; LSS EAX, EAX
                CAUGHT "#UD: LSS with a register operand", VECTOR_UD, 0, ud_lss
                CATCH
ud_far_call:    db 0xFF, 0xD8                   ; CALL far EAX
                CAUGHT "#UD: far CALL with a register operand", VECTOR_UD, 0, ud_far_call
                CATCH
ud_ff7:         db 0xFF, 0xF8                   ; FF /7
                CAUGHT "#UD: FF /7", VECTOR_UD, 0, ud_ff7
                CATCH
ud_fe2:         db 0xFE, 0xD0                   ; FE /2
                CAUGHT "#UD: FE /2", VECTOR_UD, 0, ud_fe2
                CATCH
ud_cmpxchg8b:   db 0x0F, 0xC7, 0xC8             ; CMPXCHG8B EAX
                CAUGHT "#UD: CMPXCHG8B with a register operand", VECTOR_UD, 0, ud_cmpxchg8b
                CATCH
ud_lgdt:        db 0x0F, 0x01, 0xD7             ; LGDT EDI
                CAUGHT "#UD: LGDT with a register operand", VECTOR_UD, 0, ud_lgdt
                CATCH
ud_cr1:         db 0x0F, 0x20, 0xC8             ; MOV EAX, CR1
                CAUGHT "#UD: MOV from CR1", VECTOR_UD, 0, ud_cr1
                CATCH
ud_cr5:         db 0x0F, 0x22, 0xE8             ; MOV CR5, EAX
                CAUGHT "#UD: MOV to CR5", VECTOR_UD, 0, ud_cr5

; LOCK: only with a memory destination and only on the instructions listed under LOCK in SDM 2A.
                CATCH
ud_lock_add:    db 0xF0
                add eax, ecx
                CAUGHT "#UD: LOCK ADD with a register destination", VECTOR_UD, 0, ud_lock_add
                CATCH
ud_lock_nop:    db 0xF0, 0x90
                CAUGHT "#UD: LOCK NOP", VECTOR_UD, 0, ud_lock_nop
                CATCH
ud_lock_cmp:    db 0xF0
                cmp [scratch], eax
                CAUGHT "#UD: LOCK CMP", VECTOR_UD, 0, ud_lock_cmp
                CATCH
ud_lock_load:   db 0xF0
                add eax, [scratch]
                CAUGHT "#UD: LOCK ADD with a memory source", VECTOR_UD, 0, ud_lock_load
                CATCH
                lock add [scratch], eax
                lock dec dword [scratch]
                lock xchg [scratch], eax
                lock bts dword [scratch], 3
                lock cmpxchg [scratch], ecx
                lock xadd [scratch], ecx
                lock not byte [scratch]
                lock cmpxchg8b [scratch]
                CAUGHT "LOCK on what may be locked", NO_EXCEPTION, 0, 0

; --- #NM: coprocessor not available (CR0.EM, CR0.TS) --------------------------------------------------------------
                mov eax, cr0
                mov ebx, eax                    ; EBX = CR0 to go back to
                and eax, ~(CR0_TS | CR0_MP)
                or eax, CR0_EM
                mov cr0, eax
                CATCH
nm_em:          fninit
                CAUGHT "#NM: FNINIT with CR0.EM", VECTOR_NM, 0, nm_em
                CATCH
                wait
                CAUGHT "WAIT with CR0.EM only does nothing", NO_EXCEPTION, 0, 0
                mov eax, ebx
                and eax, ~CR0_EM
                or eax, CR0_MP | CR0_TS
                mov cr0, eax
                CATCH
nm_ts:          db 0xD9, 0xC0                   ; FLD ST0
                CAUGHT "#NM: FLD with CR0.TS", VECTOR_NM, 0, nm_ts
                CATCH
nm_wait:        wait
                CAUGHT "#NM: WAIT with CR0.MP and CR0.TS", VECTOR_NM, 0, nm_wait
                clts
                mov eax, cr0
                and eax, CR0_TS
                EXPECT "CLTS clears CR0.TS", eax, 0
                mov cr0, ebx

; --- #GP in ring 0 ------------------------------------------------------------------------------------------------
                CATCH
                db 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90
                CAUGHT "an instruction of 15 bytes", NO_EXCEPTION, 0, 0
                CATCH
gp_16:          times 15 db 0x66
                nop
                CAUGHT "#GP: an instruction of 16 bytes", VECTOR_GP, 0, gp_16
                CATCH
gp_int:         int 0x90                        ; its gate is empty: type 0
                CAUGHT "#GP: INT through an empty gate", VECTOR_GP, 0x90 * 8 + ERROR_IDT, gp_int
                lidt [short_idt]
                CATCH
gp_limit:       int 0x82
                CAUGHT "#GP: INT beyond the IDT limit", VECTOR_GP, 0x82 * 8 + ERROR_IDT, gp_limit
                lidt [idt_pointer]
                SET_GATE 0x82, catch_user, 0x0E                 ; an interrupt gate with P = 0
                CATCH
np_gate:        int 0x82
                CAUGHT "#NP: INT through a gate that is not present", VECTOR_NP, 0x82 * 8 + ERROR_IDT, np_gate
                mov dword [idt + 0x82 * 8], (KERNEL_DATA << 16) | 0x1000
                mov dword [idt + 0x82 * 8 + 4], 0x00108E00
                CATCH
gp_gate_data:   int 0x82
                CAUGHT "#GP: a gate to a data segment", VECTOR_GP, KERNEL_DATA, gp_gate_data
                mov dword [idt + 0x82 * 8], 0x1000
                CATCH
gp_gate_null:   int 0x82
                CAUGHT "#GP: a gate to the null selector", VECTOR_GP, 0, gp_gate_null
                mov dword [idt + 0x82 * 8], (NOT_PRESENT_CODE << 16) | 0x1000
                CATCH
np_gate_code:   int 0x82
                CAUGHT "#NP: a gate to a code segment that is not present", VECTOR_NP, NOT_PRESENT_CODE, np_gate_code

; --- Segment registers --------------------------------------------------------------------------------------------
                CATCH
                mov eax, NOT_PRESENT
np_ds:          mov ds, eax
                CAUGHT "#NP: a data segment that is not present", VECTOR_NP, NOT_PRESENT, np_ds
                CATCH
                mov eax, NOT_PRESENT
ss_np:          mov ss, eax
                CAUGHT "#SS: a stack segment that is not present", VECTOR_SS, NOT_PRESENT, ss_np
                CATCH
                xor eax, eax
gp_ss_null:     mov ss, eax
                CAUGHT "#GP: a null stack segment", VECTOR_GP, 0, gp_ss_null
                CATCH
                mov eax, KERNEL_CODE
gp_ss_code:     mov ss, eax
                CAUGHT "#GP: a code segment as stack", VECTOR_GP, KERNEL_CODE, gp_ss_code
                CATCH
                mov eax, USER_DATA
gp_ss_rpl:      mov ss, eax
                CAUGHT "#GP: a stack segment of another ring", VECTOR_GP, USER_DATA & ~3, gp_ss_rpl
                CATCH
                mov eax, EXECUTE_ONLY
gp_ds_execute:  mov ds, eax
                CAUGHT "#GP: an execute-only segment as data", VECTOR_GP, EXECUTE_ONLY, gp_ds_execute
                CATCH
                mov eax, TASK_STATE
gp_ds_system:   mov es, eax
                CAUGHT "#GP: a system segment as data", VECTOR_GP, TASK_STATE, gp_ds_system
                CATCH
                mov eax, GDT_ENTRIES * 8
gp_ds_limit:    mov fs, eax
                CAUGHT "#GP: a selector beyond the GDT limit", VECTOR_GP, GDT_ENTRIES * 8, gp_ds_limit
                CATCH
                xor eax, eax
                lldt ax
                CAUGHT "LLDT of the null selector is allowed", NO_EXCEPTION, 0, 0
                CATCH
                mov eax, GDT_FREE | 4
gp_ds_ldt:      mov gs, eax                     ; there is no LDT now
                CAUGHT "#GP: a selector into the LDT when there is none", VECTOR_GP, GDT_FREE | ERROR_LDT, gp_ds_ldt
                CATCH
                xor eax, eax
                mov es, eax
                mov fs, eax
                mov gs, eax
                CAUGHT "null data selectors may be loaded", NO_EXCEPTION, 0, 0
                mov eax, KERNEL_DATA
                mov es, eax

; --- Far transfers and IRET ---------------------------------------------------------------------------------------
                CATCH
gp_jmp_null:    jmp 0:0x1000
                CAUGHT "#GP: far JMP to the null selector", VECTOR_GP, 0, gp_jmp_null
                CATCH
gp_jmp_data:    jmp KERNEL_DATA:0x1000
                CAUGHT "#GP: far JMP to a data segment", VECTOR_GP, KERNEL_DATA, gp_jmp_data
                CATCH
np_jmp:         jmp NOT_PRESENT_CODE:0x1000
                CAUGHT "#NP: far JMP to a code segment that is not present", VECTOR_NP, NOT_PRESENT_CODE, np_jmp
                CATCH
gp_jmp_user:    jmp USER_CODE:0x1000
                CAUGHT "#GP: far JMP to an outer ring", VECTOR_GP, USER_CODE & ~3, gp_jmp_user
                CATCH
                push dword 0
                push dword 0x1000
gp_retf:        retf
                CAUGHT "#GP: far RET to the null selector", VECTOR_GP, 0, gp_retf
                CATCH
                push dword 2
                push dword 0
                push dword 0x1000
gp_iret_null:   iret
                CAUGHT "#GP: IRET to the null selector", VECTOR_GP, 0, gp_iret_null
                CATCH
                push dword 2
                push dword KERNEL_DATA
                push dword 0x1000
gp_iret_data:   iret
                CAUGHT "#GP: IRET to a data segment", VECTOR_GP, KERNEL_DATA, gp_iret_data
                CATCH
                push dword 2
                push dword GDT_ENTRIES * 8
                push dword 0x1000
gp_iret_limit:  iret
                CAUGHT "#GP: IRET to a selector beyond the GDT limit", VECTOR_GP, GDT_ENTRIES * 8, gp_iret_limit
                CATCH
                push dword KERNEL_DATA
                push dword user_stack_top
                push dword 2
                push dword USER_CODE
                push dword 0x1000
gp_iret_ss:     iret
                CAUGHT "#GP: IRET to ring 3 with a ring 0 stack", VECTOR_GP, KERNEL_DATA, gp_iret_ss
                CATCH
                push dword 0
                push dword user_stack_top
                push dword 2
                push dword USER_CODE
                push dword 0x1000
gp_iret_ss0:    iret
                CAUGHT "#GP: IRET to ring 3 with a null stack", VECTOR_GP, 0, gp_iret_ss0

; --- Task register and LDT ----------------------------------------------------------------------------------------
                CATCH
                mov eax, TASK_STATE             ; busy since gdt_init
gp_ltr_busy:    ltr ax
                CAUGHT "#GP: LTR of a busy TSS", VECTOR_GP, TASK_STATE, gp_ltr_busy
                CATCH
                mov eax, KERNEL_DATA
gp_ltr_data:    ltr ax
                CAUGHT "#GP: LTR of a data segment", VECTOR_GP, KERNEL_DATA, gp_ltr_data
                CATCH
                mov eax, TASK_STATE
gp_lldt_tss:    lldt ax
                CAUGHT "#GP: LLDT of a TSS", VECTOR_GP, TASK_STATE, gp_lldt_tss

; --- Double fault (6.15, table 6-5): a contributory exception while another one is delivered ------------------------
                mov dword [idt + VECTOR_GP * 8 + 4], 0          ; the #GP gate is gone
                CATCH
                xor eax, eax
                mov ss, eax
                CAUGHT "#DF: #GP whose gate is missing", VECTOR_DF, 0, ANYWHERE
                mov dword [idt + VECTOR_NP * 8 + 4], 0
                CATCH
                mov eax, NOT_PRESENT
                mov ds, eax
                CAUGHT "#DF: #NP and #GP whose gates are missing", VECTOR_DF, 0, ANYWHERE
                SET_GATE VECTOR_GP, catch_13, GATE_KERNEL
                SET_GATE VECTOR_NP, catch_11, GATE_KERNEL
                mov dword [idt + VECTOR_DE * 8 + 4], 0
                CATCH
                xor ecx, ecx
                div ecx
                CAUGHT "#DF: #DE whose gate is missing", VECTOR_DF, 0, ANYWHERE
                SET_GATE VECTOR_DE, catch_0, GATE_KERNEL

; --- #PF page fault (4.7): error code and CR2 ---------------------------------------------------------------------
                call paging_init
                mov esi, page_tables            ; everything is ring 3's as well ...
                mov ecx, 2048
.user:          or dword [esi], PAGE_USER
                add esi, 4
                dec ecx
                jnz .user
                mov dword [page_tables + (HOLE >> 12) * 4], 0   ; ... but for three pages
                and dword [page_tables + (READ_ONLY >> 12) * 4], ~PAGE_WRITE
                and dword [page_tables + (SUPERVISOR >> 12) * 4], ~PAGE_USER
                mov eax, cr3
                mov cr3, eax

                CATCH
pf_read:        mov eax, [HOLE + 4]
                CAUGHT "#PF: read of a page that is not present", VECTOR_PF, 0, pf_read, HOLE + 4
                CATCH
pf_write:       mov [HOLE + 8], eax
                CAUGHT "#PF: write to a page that is not present", VECTOR_PF, PF_WRITE, pf_write, HOLE + 8
                CATCH
                mov eax, HOLE + 12
pf_fetch:       jmp eax
                CAUGHT "#PF: fetch from a page that is not present", VECTOR_PF, 0, HOLE + 12, HOLE + 12
                CATCH
pf_directory:   mov al, [0x80000123]
                CAUGHT "#PF: read through an empty directory entry", VECTOR_PF, 0, pf_directory, 0x80000123
                CATCH
pf_wp:          mov [READ_ONLY], al
                CAUGHT "#PF: ring 0 write to a read-only page, CR0.WP = 1", VECTOR_PF, PF_PRESENT | PF_WRITE, pf_wp, READ_ONLY
                CATCH
                CALL_USER user_pf_read
user_pf_read:   mov eax, [HOLE]
                CAUGHT "#PF: ring 3 read of a page that is not present", VECTOR_PF, PF_USER, user_pf_read, HOLE
                CATCH
                CALL_USER user_pf_super
user_pf_super:  mov eax, [SUPERVISOR + 16]
                CAUGHT "#PF: ring 3 read of a supervisor page", VECTOR_PF, PF_USER | PF_PRESENT, user_pf_super, SUPERVISOR + 16
                CATCH
                CALL_USER user_pf_write
user_pf_write:  mov [SUPERVISOR + 20], eax
                CAUGHT "#PF: ring 3 write to a supervisor page", VECTOR_PF, PF_USER | PF_PRESENT | PF_WRITE, user_pf_write, SUPERVISOR + 20
                CATCH
                CALL_USER user_pf_ro
user_pf_ro:     mov [READ_ONLY + 24], eax
                CAUGHT "#PF: ring 3 write to a read-only page", VECTOR_PF, PF_USER | PF_PRESENT | PF_WRITE, user_pf_ro, READ_ONLY + 24
                CATCH
                CALL_USER SUPERVISOR
                CAUGHT "#PF: ring 3 fetch from a supervisor page", VECTOR_PF, PF_USER | PF_PRESENT, SUPERVISOR, SUPERVISOR

; Accesses across the end of a page: CR2 is the first byte that faults, and nothing is written.
                mov dword [HOLE - 4], 0x11111111
                CATCH
                mov eax, 0x22222222
pf_cross:       mov [HOLE - 2], eax
                CAUGHT "#PF: a write whose second half faults", VECTOR_PF, PF_WRITE, pf_cross, HOLE
                EXPECT "the first half is not written", [HOLE - 4], 0x11111111
                CATCH
pf_cross_read:  mov ax, [HOLE - 1]
                CAUGHT "#PF: a read whose second byte faults", VECTOR_PF, 0, pf_cross_read, HOLE
                mov dword [HOLE - 4], 0xB8909090        ; NOP NOP NOP and the first byte of MOV EAX, imm32
                CATCH
                mov eax, HOLE - 4
                jmp eax
                CAUGHT "#PF: an instruction whose rest is not present", VECTOR_PF, 0, HOLE - 1, HOLE

; Registers change only when an instruction completes; REP stops at the element that faults.
                CATCH
                mov esi, HOLE - 8
                mov edi, scratch_area
                mov ecx, 4
pf_rep:         rep movsd
                CAUGHT "#PF: REP MOVSD into a hole", VECTOR_PF, 0, pf_rep, HOLE
                EXPECT "REP MOVSD stopped at the element: ECX", [caught_ecx], 2
                EXPECT "REP MOVSD stopped at the element: ESI", [caught_esi], HOLE
                EXPECT "REP MOVSD stopped at the element: EDI", [caught_edi], scratch_area + 8
                jmp finish

                align 8, db 0
descriptors:
                DESCRIPTOR 0, 0xFFFFF, 0x12, 0xC        ; NOT_PRESENT
                DESCRIPTOR 0, 0xFFFFF, 0x1A, 0xC        ; NOT_PRESENT_CODE
                DESCRIPTOR 0, 0xFFFFF, 0x98, 0xC        ; EXECUTE_ONLY
descriptors_end:
bounds:         dd -5, 10
bounds_16:      dw -3, 3
short_idt:      dw 0x82 * 8 - 1
                dd idt
                BSS scratch, 8, 8
                BSS scratch_area, 64, 8

finish:
                CHECK_END
