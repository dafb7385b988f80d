; strict - what the SDM demands and QEMU's TCG does not do: segment limits and rights on every access, alignment
; checks, reserved bits, some LOCK rules, the finer points of error codes. Expected results are the SDM's; Bochs 2.7
; prints the same transcript. See README.md for what QEMU does instead.
;
; Chapter and section numbers are those of the Intel SDM, volume 3A unless said otherwise.

                %include "lib/check.inc"

BAD_MSR         equ 0x12345             ; no processor has it
READ_ONLY       equ GDT_FREE            ; data
SMALL           equ GDT_FREE + 0x08     ; data, base = area, limit 0xF
EXPAND_DOWN     equ GDT_FREE + 0x10     ; data, base = area, valid from 0x10 to 0xFFFFFFFF
EXPAND_DOWN_16  equ GDT_FREE + 0x18     ; data, base = area, valid from 0x10 to 0xFFFF
EXECUTE_ONLY    equ GDT_FREE + 0x20     ; code, flat
SMALL_CODE      equ GDT_FREE + 0x28     ; code, base = small_code, limit 0xF
TASK_B          equ GDT_FREE + 0x30
USER_SMALL      equ GDT_FREE + 0x38 | 3 ; SMALL for ring 3
HOLE            equ 0x700000

                BSS area, 0x20000, 4096
                BSS tss_b, TSS_BYTES, 256
                BSS pae_pointers, 32, 32
                BSS pae_low, 4096, 4096
                BSS pae_window, 4096, 4096
                BSS pae_table, 4096, 4096

                CHECK_BEGIN "strict"
                mov esi, descriptors
                mov edi, gdt + GDT_FREE
                mov ecx, (descriptors_end - descriptors) / 4
                rep movsd

; --- Segment limits (5.3): every byte of an access must lie within ---------------------------------------------------
                mov eax, SMALL
                mov fs, eax
                CATCH
                mov eax, [fs:12]
                mov [fs:12], eax
                mov al, [fs:15]
                CAUGHT "limit: the last bytes of a segment", NO_EXCEPTION, 0, 0
                mov eax, SMALL
                mov fs, eax
                CATCH
limit_read:     mov eax, [fs:13]
                CAUGHT "limit: a read whose last byte is outside", VECTOR_GP, 0, limit_read
                mov eax, SMALL
                mov fs, eax
                CATCH
limit_write:    mov [fs:16], al
                CAUGHT "limit: a write just outside", VECTOR_GP, 0, limit_write
                mov eax, SMALL
                mov fs, eax
                CATCH
limit_wrap:     mov ax, [fs:dword 0xFFFFFFFF]
                CAUGHT "limit: an access that wraps", VECTOR_GP, 0, limit_wrap
                mov eax, SMALL
                mov es, eax
                mov dword [area + 12], 0
                CATCH
                mov edi, 8
                mov ecx, 4
                mov eax, 0x5A5A5A5A
limit_rep:      rep stosd
                CAUGHT "limit: REP STOSD stops at the limit", VECTOR_GP, 0, limit_rep
                EXPECT "limit: REP STOSD: ECX", [caught_ecx], 2
                EXPECT "limit: REP STOSD: the last word inside is written", [area + 12], 0x5A5A5A5A
                mov eax, SMALL
                mov fs, eax
                CATCH
                xor eax, eax
limit_rmw:      add [fs:14], eax
                CAUGHT "limit: read and write", VECTOR_GP, 0, limit_rmw
                mov eax, EXPAND_DOWN
                mov fs, eax
                CATCH
                mov eax, [fs:0x10]
                mov eax, [fs:0x1000]
                CAUGHT "expand-down: above the limit", NO_EXCEPTION, 0, 0
                mov eax, EXPAND_DOWN
                mov fs, eax
                CATCH
expand_read:    mov al, [fs:0x0F]
                CAUGHT "expand-down: at the limit", VECTOR_GP, 0, expand_read
                mov eax, EXPAND_DOWN
                mov fs, eax
                CATCH
expand_cross:   mov eax, [fs:0x0E]
                CAUGHT "expand-down: from below the limit", VECTOR_GP, 0, expand_cross
                mov eax, EXPAND_DOWN_16
                mov fs, eax
                CATCH
                mov ax, [fs:0xFFFE]
                CAUGHT "expand-down, B = 0: up to 0xFFFF", NO_EXCEPTION, 0, 0
                mov eax, EXPAND_DOWN_16
                mov fs, eax
                CATCH
expand_16:      mov ax, [fs:0xFFFF]
                CAUGHT "expand-down, B = 0: beyond 0xFFFF", VECTOR_GP, 0, expand_16

; Stack segments raise #SS. In ring 3, so that the handler has a stack of its own.
                CATCH
                CALL_USER user_stack_read
user_stack_read: mov eax, USER_SMALL
                mov ss, eax
                mov ebp, 13
user_stack_at:  mov eax, [ebp]
                CAUGHT "#SS: a read through EBP outside the stack segment", VECTOR_SS, 0, user_stack_at
                CATCH
                CALL_USER user_push
user_push:      mov eax, USER_SMALL
                mov ss, eax
                mov esp, 2
user_push_at:   push eax
                CAUGHT "#SS: PUSH outside the stack segment", VECTOR_SS, 0, user_push_at
                EXPECT "#SS: PUSH leaves ESP alone", [caught_esp], 2
                CATCH
                CALL_USER user_pop
user_pop:       mov eax, USER_SMALL
                mov ss, eax
                mov esp, 14
user_pop_at:    pop eax
                CAUGHT "#SS: POP outside the stack segment", VECTOR_SS, 0, user_pop_at
                CATCH
                CALL_USER user_call
user_call:      mov eax, USER_SMALL
                mov ss, eax
                mov esp, 3
user_call_at:   call user_call
                CAUGHT "#SS: CALL outside the stack segment", VECTOR_SS, 0, user_call_at

; Code segments: the target of a transfer and every byte fetched.
                CATCH
code_jmp:       jmp SMALL_CODE:0x10
                CAUGHT "limit: far JMP beyond the code segment", VECTOR_GP, 0, code_jmp
                CATCH
                push dword 2
                push dword SMALL_CODE
                push dword 0x20
code_iret:      iret
                CAUGHT "limit: IRET beyond the code segment", VECTOR_GP, 0, code_iret
                CATCH
                push dword SMALL_CODE
                push dword 0x20
code_retf:      retf
                CAUGHT "limit: far RET beyond the code segment", VECTOR_GP, 0, code_retf
                CATCH
                jmp SMALL_CODE:0                ; jumps to 0x10
                CAUGHT "limit: near JMP beyond the code segment", VECTOR_GP, 0, 0
                CATCH
                jmp SMALL_CODE:2                ; an instruction over the limit
                CAUGHT "limit: an instruction that does not fit", VECTOR_GP, 0, 0xC

; --- Rights (5.5, 3.4.5.1) --------------------------------------------------------------------------------------------
                mov eax, READ_ONLY
                mov fs, eax
                CATCH
                mov eax, [fs:area]
rights_write:   mov [fs:area], eax
                CAUGHT "rights: a write to a read-only segment", VECTOR_GP, 0, rights_write
                CATCH
rights_code:    mov [cs:area], eax
                CAUGHT "rights: a write to a code segment", VECTOR_GP, 0, rights_code
                CATCH
                jmp EXECUTE_ONLY:execute_only
execute_only:   mov eax, [cs:area]
                CAUGHT "rights: a read from an execute-only segment", VECTOR_GP, 0, execute_only
                xor eax, eax
                mov fs, eax
                CATCH
null_read:      mov eax, [fs:area]
                CAUGHT "rights: a read through a null selector", VECTOR_GP, 0, null_read
                CATCH
                push dword USER_DATA            ; DS holds a ring 0 segment: IRET to ring 3 empties it
                push dword user_stack_top
                push dword 2
                push dword USER_CODE
                push dword user_null
                iret
user_null:      mov eax, [area]
                CAUGHT "rights: DS emptied by IRET", VECTOR_GP, 0, user_null

; --- Alignment (6.15, #AC): ring 3, EFLAGS.AC and CR0.AM ---------------------------------------------------------------
                mov eax, cr0
                or eax, CR0_AM
                mov cr0, eax
                CATCH
                CALL_USER user_ac, FLAG_AC | 2
user_ac:        mov eax, [area + 1]
                CAUGHT "#AC: a misaligned read in ring 3", VECTOR_AC, 0, user_ac
                CATCH
                CALL_USER user_ac_word, FLAG_AC | 2
user_ac_word:   mov [area + 1], ax
                CAUGHT "#AC: a misaligned word write in ring 3", VECTOR_AC, 0, user_ac_word
                CATCH
                CALL_USER user_ac_good, FLAG_AC | 2
user_ac_good:   mov eax, [area + 4]
                mov ax, [area + 2]
                mov al, [area + 1]
                int USER_DONE
                CAUGHT "#AC: aligned accesses are free", USER_DONE, 0, ANYWHERE
                CATCH
                CALL_USER user_ac_off
user_ac_off:    mov eax, [area + 1]
                int USER_DONE
                CAUGHT "#AC: not without EFLAGS.AC", USER_DONE, 0, ANYWHERE
                CATCH
                push dword FLAG_AC | 2
                popfd
                mov eax, [area + 1]
                CAUGHT "#AC: not in ring 0", NO_EXCEPTION, 0, 0
                mov eax, cr0
                and eax, ~CR0_AM
                mov cr0, eax
                CATCH
                CALL_USER user_ac_am, FLAG_AC | 2
user_ac_am:     mov eax, [area + 1]
                int USER_DONE
                CAUGHT "#AC: not without CR0.AM", USER_DONE, 0, ANYWHERE

; --- LOCK (SDM 2A) ----------------------------------------------------------------------------------------------------
%macro NO_LOCK 2+
                CATCH
%%lock:         db 0xF0
                %2
                CAUGHT %1, VECTOR_UD, 0, %%lock
%endmacro
                NO_LOCK "#UD: LOCK MOV", mov [area], eax
                NO_LOCK "#UD: LOCK MOV from memory", mov eax, [area]
                NO_LOCK "#UD: LOCK PUSH", push eax
                NO_LOCK "#UD: LOCK LEA", lea eax, [area]
                NO_LOCK "#UD: LOCK TEST", test [area], eax
                NO_LOCK "#UD: LOCK BT", bt dword [area], 1
                NO_LOCK "#UD: LOCK SHL", shl dword [area], 1
                NO_LOCK "#UD: LOCK MUL", mul dword [area]
                NO_LOCK "#UD: LOCK MOVSB", movsb
                NO_LOCK "#UD: LOCK CLI", cli

; --- Control registers and MSRs (2.5, 4.1.1) --------------------------------------------------------------------------
                CATCH
                mov ecx, BAD_MSR
gp_rdmsr:       rdmsr
                CAUGHT "#GP: RDMSR of an MSR that does not exist", VECTOR_GP, 0, gp_rdmsr
                CATCH
                mov ecx, BAD_MSR
gp_wrmsr:       wrmsr
                CAUGHT "#GP: WRMSR of an MSR that does not exist", VECTOR_GP, 0, gp_wrmsr
                CATCH
                mov eax, cr0
                and eax, ~CR0_PE
                or eax, CR0_PG
gp_pg:          mov cr0, eax
                CAUGHT "#GP: CR0.PG without CR0.PE", VECTOR_GP, 0, gp_pg
                CATCH
                mov eax, cr0
                or eax, 1 << 29
                and eax, ~(1 << 30)
gp_nw:          mov cr0, eax
                CAUGHT "#GP: CR0.NW without CR0.CD", VECTOR_GP, 0, gp_nw
                CATCH
                mov eax, cr4
                or eax, 1 << 31
gp_cr4:         mov cr4, eax
                CAUGHT "#GP: reserved bit of CR4", VECTOR_GP, 0, gp_cr4
                CATCH
                xor eax, eax
gp_ltr_null:    ltr ax
                CAUGHT "#GP: LTR of the null selector", VECTOR_GP, 0, gp_ltr_null

; --- Debug (SDM 3B 17.2.4, 17.3.1) ------------------------------------------------------------------------------------
                CATCH
                db 0xF1
int1_next:      nop
                CAUGHT "#DB: INT1", VECTOR_DB, 0, int1_next
                mov eax, 1 << 13
                mov dr7, eax
                CATCH
gd_here:        mov eax, dr0
                CAUGHT "#DB: MOV from DR0 with DR7.GD", VECTOR_DB, 0, gd_here
                mov eax, dr6
                and eax, 0xE00F
                EXPECT "#DB: DR6.BD", eax, 1 << 13
                mov eax, dr7
                EXPECT "#DB: entering the handler clears DR7.GD", eax, 1 << 10

; --- Pushed flags and error codes (6.13, 17.3.1.1) ----------------------------------------------------------------------
                mov dword [idt + VECTOR_UD * 8 + 4], 0x00000E00
                CATCH
ud_no_gate:     ud2
                CAUGHT "#NP: while #UD is delivered: EXT", VECTOR_NP, VECTOR_UD * 8 + ERROR_IDT + ERROR_EXT, ud_no_gate
                SET_GATE VECTOR_UD, catch_6, GATE_KERNEL
                CATCH
                ud2
                CAUGHT "#UD pushes EFLAGS", VECTOR_UD, 0, ANYWHERE
                mov eax, [caught_eflags]
                and eax, FLAG_RF
                EXPECT "a fault pushes RF = 1", eax, FLAG_RF

; --- Task switch: faults of the new task's segments are found in the new task (7.3) ---------------------------------------
                mov dword [tss_b + 32], task_b          ; EIP
                mov dword [tss_b + 36], 2               ; EFLAGS
                mov dword [tss_b + 56], check_stack_top ; ESP
                mov eax, KERNEL_DATA
                mov [tss_b + 72], eax                   ; ES
                mov dword [tss_b + 76], KERNEL_CODE
                mov [tss_b + 80], eax                   ; SS
                mov dword [tss_b + 84], EXECUTE_ONLY    ; DS
                mov word [tss_b + TSS_IOMAP], TSS_BYTES
                CATCH
                jmp TASK_B:0
                CAUGHT "#TS: a task with execute-only data: EIP of the new task", VECTOR_TS, EXECUTE_ONLY, task_b
                mov byte [gdt + TASK_STATE + 5], 0x89
                mov eax, TASK_STATE
                ltr ax
                clts

; --- Pages: a read-modify-write access is a write; reserved bits (4.7) ---------------------------------------------------
                mov eax, cr4
                or eax, CR4_PSE
                mov cr4, eax
                call paging_init
                mov dword [page_tables + (HOLE >> 12) * 4], 0
                mov eax, cr3
                mov cr3, eax
%macro MODIFIES 2+
                CATCH
%%here:         %2
                CAUGHT %1, VECTOR_PF, PF_WRITE, %%here, HOLE + 32
%endmacro
                MODIFIES "#PF: XCHG is a write", xchg eax, [HOLE + 32]
                MODIFIES "#PF: ADD is a write", add [HOLE + 32], eax
                MODIFIES "#PF: INC is a write", inc dword [HOLE + 32]
                MODIFIES "#PF: BTS is a write", bts dword [HOLE + 32], 1
                MODIFIES "#PF: SHL is a write", shl dword [HOLE + 32], 1
                MODIFIES "#PF: LOCK CMPXCHG is a write", lock cmpxchg [HOLE + 32], eax
                mov dword [page_directory + (0x80000000 >> 22) * 4], 0x00200000 | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE
                CATCH
rsvd_pse:       mov eax, [0x80000000]
                CAUGHT "#PF: reserved bit 21 of a 4 MiB page", VECTOR_PF, PF_PRESENT | PF_RESERVED, rsvd_pse, 0x80000000
                CATCH
rsvd_pse_write: mov [0x80000004], eax
                CAUGHT "#PF: reserved bit, write", VECTOR_PF, PF_PRESENT | PF_RESERVED | PF_WRITE, rsvd_pse_write, 0x80000004
                mov eax, cr0
                and eax, ~CR0_PG
                mov cr0, eax

                mov dword [pae_pointers], pae_low + PAGE_PRESENT
                mov dword [pae_pointers + 8], pae_window + PAGE_PRESENT
                mov edi, pae_low
                mov eax, PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE
                mov ecx, 4
.low:           mov [edi], eax
                add eax, 0x200000
                add edi, 8
                dec ecx
                jnz .low
                mov dword [pae_window], pae_table + (PAGE_PRESENT | PAGE_WRITE)
                mov dword [pae_window + 8], 0x602000 | PAGE_PRESENT | PAGE_LARGE        ; bit 13 is reserved
                mov dword [pae_table], 0x600000 + PAGE_PRESENT
                mov dword [pae_table + 4], 1 << 28      ; bit 60 of the entry is reserved
                mov dword [pae_table + 8], 0x600000 + PAGE_PRESENT
                mov eax, cr4
                or eax, CR4_PAE
                mov cr4, eax
                mov eax, pae_pointers
                mov cr3, eax
                mov eax, cr0
                or eax, CR0_PG
                mov cr0, eax
                CATCH
rsvd_pae:       mov eax, [0x40000000]
                CAUGHT "#PF: PAE: a reserved bit of an entry", VECTOR_PF, PF_PRESENT | PF_RESERVED, rsvd_pae, 0x40000000
                CATCH
rsvd_pae_large: mov eax, [0x40200000]
                CAUGHT "#PF: PAE: reserved bit 13 of a 2 MiB page", VECTOR_PF, PF_PRESENT | PF_RESERVED, rsvd_pae_large, 0x40200000
                mov dword [pae_pointers + 8], 0         ; the pointers are registers: loaded by MOV to CR3 only (4.4.1)
                invlpg [0x40001000]
                CATCH
                mov eax, [0x40001000]
                CAUGHT "PAE: the directory pointers stay until MOV to CR3", NO_EXCEPTION, 0, 0
                mov dword [pae_pointers + 8], pae_window + (PAGE_PRESENT | 1 << 1)
                CATCH
                mov eax, cr3
pae_pointer:    mov cr3, eax
                CAUGHT "#GP: PAE: a reserved bit of a directory pointer", VECTOR_GP, 0, pae_pointer
                mov eax, cr0
                and eax, ~CR0_PG
                mov cr0, eax
                jmp finish

task_b:         jmp TASK_STATE:0

                align 16, db 0x90
small_code:     jmp short small_code + 0x10     ; offset 0
                times 10 nop                    ; offset 2
                db 0xB8, 0, 0, 0, 0             ; offset 0xC: MOV EAX, imm32, whose last byte is beyond the limit

                align 8, db 0
descriptors:
                DESCRIPTOR 0, 0xFFFFF, 0x91, 0xC                        ; READ_ONLY
                DESCRIPTOR area, 0xF, 0x93, 0x4                         ; SMALL
                DESCRIPTOR area, 0xF, 0x97, 0x4                         ; EXPAND_DOWN
                DESCRIPTOR area, 0xF, 0x97, 0x0                         ; EXPAND_DOWN_16
                DESCRIPTOR 0, 0xFFFFF, 0x99, 0xC                        ; EXECUTE_ONLY
                DESCRIPTOR ADDR(small_code), 0xF, 0x9B, 0x4             ; SMALL_CODE
                DESCRIPTOR tss_b, TSS_BYTES - 1, 0x89, 0                ; TASK_B
                DESCRIPTOR area, 0xF, 0xF3, 0x4                         ; USER_SMALL
descriptors_end:

finish:
                CHECK_END
