; paging - 4 KiB and 4 MiB pages, PAE, rights at both levels, accessed and dirty bits, INVLPG, global pages, aliases.
;
; Only checks on which QEMU agrees with the SDM are here; strict.asm has the reserved bits. What a processor may still
; remember after a table was changed without INVLPG is not checked: both answers are right (4.10).
; Chapter and section numbers are those of the Intel SDM, volume 3A.

                %include "lib/check.inc"

FRAME_A         equ 0x600000            ; three frames, identity-mapped as well
FRAME_B         equ 0x601000
FRAME_C         equ 0x602000
WINDOW          equ 0x40000000          ; linear pages under test: the entries of window_table
HIGH            equ 0x80000000          ; linear address of the large pages under test
SELF            equ 0xFFC00000          ; the directory maps itself here: the tables as an array

%define WINDOW_PTE(page) window_table + (page) * 4
%define DIRECTORY(linear) page_directory + ((linear) >> 22) * 4

                BSS window_table, 4096, 4096
                BSS allowed, 4          ; one bit for each combination that did not fault
                BSS errors, 4           ; the error codes of those that did, ORed
                BSS combination, 4
                BSS pae_pointers, 32, 32
                BSS pae_low, 4096, 4096         ; directory of 0..1 GiB
                BSS pae_window, 4096, 4096      ; directory of 1..2 GiB
                BSS pae_table, 4096, 4096

FULL            equ PAGE_PRESENT | PAGE_WRITE | PAGE_USER

; MAP page, frame, bits: sets an entry of the window and forgets what the processor knew of it.
%macro MAP 3
                mov dword [WINDOW_PTE(%1)], (%2) | (%3)
                invlpg [WINDOW + (%1) * 4096]
%endmacro
; BITS "name", entry, mask, expected
%macro BITS 4
                push ecx
                mov ecx, [%2]
                and ecx, %3
                EXPECT %1, ecx, %4
                pop ecx
%endmacro
AD              equ PAGE_ACCESSED | PAGE_DIRTY

                CHECK_BEGIN "paging"
                mov eax, cr4
                or eax, CR4_PSE
                mov cr4, eax
                call paging_init
                mov esi, page_tables            ; ring 3 may use everything below 8 MiB
                mov ecx, 2048
.user:          or dword [esi], PAGE_USER
                add esi, 4
                dec ecx
                jnz .user
                mov dword [DIRECTORY(WINDOW)], window_table + FULL
                mov eax, cr3
                mov cr3, eax
                mov dword [FRAME_A], 0xAAAAAAAA
                mov dword [FRAME_B], 0xBBBBBBBB
                mov dword [FRAME_C], 0xCCCCCCCC

; --- Translation --------------------------------------------------------------------------------------------------
                MAP 0, FRAME_A, FULL
                EXPECT "a page leads to its frame", [WINDOW], 0xAAAAAAAA
                MAP 0, FRAME_B, FULL
                EXPECT "after INVLPG it leads to the new one", [WINDOW], 0xBBBBBBBB
                mov dword [WINDOW_PTE(0)], FRAME_C | FULL
                mov eax, cr3
                mov cr3, eax
                EXPECT "after MOV to CR3 as well", [WINDOW], 0xCCCCCCCC
                MAP 0, FRAME_A, FULL
                MAP 1, FRAME_A, FULL
                mov dword [WINDOW + 0x100], 0x12345678
                EXPECT "two pages, one frame", [WINDOW + 0x1100], 0x12345678
                MAP 0, FRAME_B, FULL
                MAP 1, FRAME_A, FULL            ; neighbours here, the other way round in memory
                mov dword [FRAME_B + 0xFFC], 0x44332211
                mov dword [FRAME_A], 0x88776655
                mov eax, [WINDOW + 0xFFE]
                EXPECT "a read across two frames", eax, 0x66554433
                mov dword [WINDOW + 0xFFD], 0xDDCCBBAA
                EXPECT "a write across two frames: first part", [FRAME_B + 0xFFC], 0xCCBBAA11
                EXPECT "a write across two frames: second part", [FRAME_A], 0x887766DD
                mov dword [DIRECTORY(SELF)], page_directory + (PAGE_PRESENT | PAGE_WRITE)
                invlpg [SELF + (WINDOW >> 10)]
                mov eax, [SELF + (WINDOW >> 10)]
                and eax, ~0xFFF
                EXPECT "a directory that maps itself shows the tables", eax, FRAME_B

; Code through an alias: patched at one address, executed at another.
                mov dword [FRAME_C], 0x000000B8         ; MOV EAX, imm32
                mov dword [FRAME_C + 4], 0xC300         ; ... RET
                MAP 2, FRAME_C, FULL
                call WINDOW + 0x2000
                EXPECT "code in a page", eax, 0
                mov byte [FRAME_C + 1], 0x77
                call WINDOW + 0x2000
                EXPECT "code patched through another address", eax, 0x77

; --- Accessed and dirty bits (4.8) ----------------------------------------------------------------------------------
                and dword [DIRECTORY(WINDOW)], ~AD
                MAP 3, FRAME_A, FULL
                mov eax, cr3
                mov cr3, eax
                mov eax, [WINDOW + 0x3000]
                BITS "a read sets A in the entry, not D", WINDOW_PTE(3), AD, PAGE_ACCESSED
                BITS "a read sets A in the directory entry", DIRECTORY(WINDOW), PAGE_ACCESSED, PAGE_ACCESSED
                mov [WINDOW + 0x3000], eax
                BITS "a write after a read sets D", WINDOW_PTE(3), AD, AD
                MAP 3, FRAME_A, FULL
                mov [WINDOW + 0x3000], eax
                BITS "a write sets A and D", WINDOW_PTE(3), AD, AD
                MAP 2, FRAME_C, FULL
                call WINDOW + 0x2000
                BITS "a fetch sets A, not D", WINDOW_PTE(2), AD, PAGE_ACCESSED
                MAP 3, FRAME_A, PAGE_PRESENT
                CATCH
                mov [WINDOW + 0x3000], eax
                CAUGHT "a write to a read-only page", VECTOR_PF, PF_PRESENT | PF_WRITE, ANYWHERE
                BITS "a write that faults does not set D", WINDOW_PTE(3), PAGE_DIRTY, 0
                MAP 3, FRAME_A, FULL
                MAP 4, 0, 0
                CATCH
                mov [WINDOW + 0x3FFE], eax
                CAUGHT "a write whose second page is not present", VECTOR_PF, PF_WRITE, ANYWHERE, WINDOW + 0x4000
                MAP 4, FRAME_B, FULL
                MAP 3, FRAME_A, FULL
                mov [WINDOW + 0x3FFE], eax
                BITS "a write across pages sets D in the first", WINDOW_PTE(3), AD, AD
                BITS "a write across pages sets D in the second", WINDOW_PTE(4), AD, AD

; --- Rights: 16 combinations of R/W and U/S at both levels, four kinds of access (4.6) ------------------------------
; Bit 0 of a combination is R/W of the page's entry, bit 1 its U/S, bits 2 and 3 the same of the directory entry.
%macro COMBINATIONS 4                   ; name, access, combinations allowed, error code of the others
                mov dword [allowed], 0
                mov dword [errors], 0
                mov dword [combination], 0
%%next:         call set_combination
                CATCH
                CALL_USER_OR_KERNEL %2
%$end:
  %pop
                mov ecx, [combination]
                cmp dword [caught_vector], VECTOR_PF
                je %%fault
                bts [allowed], ecx
                jmp %%done
%%fault:        mov eax, [caught_error]
                or [errors], eax
%%done:         inc dword [combination]
                cmp dword [combination], 16
                jb %%next
                EXPECT %1, [allowed], %3
  %strcat %%errors %1, ": error codes"
                EXPECT %%errors, [errors], %4
%endmacro
%macro CALL_USER_OR_KERNEL 1
  %ifidn %1, user_read
                CALL_USER user_read
  %elifidn %1, user_write
                CALL_USER user_write
  %else
                call %1
  %endif
%endmacro
                COMBINATIONS "rights: ring 3 reads", user_read, 0xCC00, PF_PRESENT | PF_USER
                COMBINATIONS "rights: ring 3 writes", user_write, 0x8000, PF_PRESENT | PF_USER | PF_WRITE
                COMBINATIONS "rights: ring 0 reads", kernel_read, 0xFFFF, 0
                COMBINATIONS "rights: ring 0 writes, CR0.WP = 1", kernel_write, 0xA0A0, PF_PRESENT | PF_WRITE
                mov eax, cr0
                and eax, ~CR0_WP
                mov cr0, eax
                COMBINATIONS "rights: ring 0 writes, CR0.WP = 0", kernel_write, 0xFFFF, 0
                MAP 5, FRAME_A, PAGE_PRESENT
                mov [WINDOW + 0x5000], eax
                BITS "with CR0.WP = 0 a write to a read-only page sets D", WINDOW_PTE(5), AD, AD
                mov eax, cr0
                or eax, CR0_WP
                mov cr0, eax
                CATCH
                mov [WINDOW + 0x5000], eax
                CAUGHT "CR0.WP works at once", VECTOR_PF, PF_PRESENT | PF_WRITE, ANYWHERE
                mov dword [DIRECTORY(WINDOW)], window_table + FULL
                mov eax, cr3
                mov cr3, eax

; --- Instructions that fault change nothing -------------------------------------------------------------------------
                MAP 6, 0, 0
                MAP 7, FRAME_A, FULL
%macro KEEPS_ESP 2                      ; name, instruction of ring 3 that pushes below WINDOW + 0x7000
                CATCH
                CALL_USER %%code
%%code:         mov esp, WINDOW + 0x7000
%%push:         %2
                int USER_DONE
                CAUGHT %1, VECTOR_PF, PF_WRITE | PF_USER, %%push
  %strcat %%esp %1, ": ESP"
                EXPECT %%esp, [caught_esp], WINDOW + 0x7000
%endmacro
                KEEPS_ESP "PUSH into a hole", push eax
                KEEPS_ESP "PUSHFD into a hole", pushfd
                KEEPS_ESP "CALL into a hole", call user_read
                KEEPS_ESP "PUSH of memory into a hole", push dword [esp]
                CATCH
                CALL_USER user_pop
user_pop:       mov esp, WINDOW + 0x6FFC
user_pop_2:     pop eax
                CAUGHT "POP out of a hole", VECTOR_PF, PF_USER, user_pop_2, WINDOW + 0x6FFC
                EXPECT "POP out of a hole: ESP", [caught_esp], WINDOW + 0x6FFC

; --- Global pages (4.10.2.4) ------------------------------------------------------------------------------------------
                mov eax, cr4
                or eax, CR4_PGE
                mov cr4, eax
                MAP 8, FRAME_A, FULL | PAGE_GLOBAL
                mov dword [FRAME_A], 0xAAAAAAAA
                mov dword [FRAME_B], 0xBBBBBBBB
                EXPECT "a global page", [WINDOW + 0x8000], 0xAAAAAAAA
                MAP 8, FRAME_B, FULL | PAGE_GLOBAL
                EXPECT "INVLPG forgets a global page", [WINDOW + 0x8000], 0xBBBBBBBB
                mov dword [WINDOW_PTE(8)], FRAME_A | FULL | PAGE_GLOBAL
                mov eax, cr4
                and eax, ~CR4_PGE
                mov cr4, eax
                EXPECT "clearing CR4.PGE forgets all", [WINDOW + 0x8000], 0xAAAAAAAA
                mov dword [WINDOW_PTE(8)], FRAME_B | FULL | PAGE_GLOBAL
                mov eax, cr3
                mov cr3, eax
                EXPECT "without CR4.PGE the global bit means nothing", [WINDOW + 0x8000], 0xBBBBBBBB

; --- 4 MiB pages (4.3) ------------------------------------------------------------------------------------------------
                mov dword [DIRECTORY(HIGH)], 0x400000 + (FULL | PAGE_LARGE)
                invlpg [HIGH]
                mov dword [FRAME_C], 0xC0FFEE00
                EXPECT "a 4 MiB page", [HIGH + FRAME_C - 0x400000], 0xC0FFEE00
                BITS "a 4 MiB page: a read sets A", DIRECTORY(HIGH), AD, PAGE_ACCESSED
                mov dword [HIGH + FRAME_C - 0x400000 + 4], 0xC0FFEE01
                EXPECT "a write through a 4 MiB page", [FRAME_C + 4], 0xC0FFEE01
                BITS "a 4 MiB page: a write sets D", DIRECTORY(HIGH), AD, AD
                mov dword [DIRECTORY(HIGH)], 0x400000 + (PAGE_PRESENT | PAGE_LARGE)
                invlpg [HIGH + 0x123456]
                CATCH
                mov [HIGH + 0x200000], eax
                CAUGHT "a read-only 4 MiB page", VECTOR_PF, PF_PRESENT | PF_WRITE, ANYWHERE, HIGH + 0x200000
                CATCH
                CALL_USER user_large
user_large:     mov eax, [HIGH + 0x3FFFFC]
                CAUGHT "a supervisor 4 MiB page", VECTOR_PF, PF_PRESENT | PF_USER, user_large, HIGH + 0x3FFFFC
                mov dword [DIRECTORY(HIGH + 0x400000)], window_table + FULL
                MAP 0, FRAME_B, FULL
                mov dword [DIRECTORY(HIGH)], 0x400000 + (FULL | PAGE_LARGE)
                mov eax, cr3
                mov cr3, eax
                mov word [0x7FFFFE], 0x2211
                mov word [FRAME_B], 0x4433
                mov eax, [HIGH + 0x3FFFFE]
                EXPECT "a read from a 4 MiB page into a 4 KiB page", eax, 0x44332211
                mov eax, cr4
                and eax, ~CR4_PSE
                mov cr4, eax
                mov dword [DIRECTORY(HIGH)], window_table + (FULL | PAGE_LARGE)
                mov eax, cr3
                mov cr3, eax
                mov eax, [HIGH]
                and eax, 0xFFFF
                EXPECT "without CR4.PSE bit 7 means nothing", eax, 0x4433

; --- Paging off and on ------------------------------------------------------------------------------------------------
                MAP 0, FRAME_C, FULL
                mov eax, cr0
                and eax, ~CR0_PG
                mov cr0, eax
                EXPECT "paging off: linear is physical", [FRAME_C], 0xC0FFEE00

; --- PAE (4.4): entries of eight bytes, three levels ------------------------------------------------------------------
                mov dword [pae_pointers], pae_low + PAGE_PRESENT
                mov dword [pae_pointers + 8], pae_window + PAGE_PRESENT
                mov edi, pae_low                ; 0..8 MiB in four pages of 2 MiB
                mov eax, FULL | PAGE_LARGE
                mov ecx, 4
.low:           mov [edi], eax
                add eax, 0x200000
                add edi, 8
                dec ecx
                jnz .low
                mov dword [pae_window], pae_table + FULL
                mov dword [pae_window + 8], 0x600000 + (FULL | PAGE_LARGE)
                mov dword [pae_table], FRAME_A + FULL
                mov dword [pae_table + 8], FRAME_B + PAGE_PRESENT
                mov eax, cr4
                or eax, CR4_PAE
                mov cr4, eax
                mov eax, pae_pointers
                mov cr3, eax
                mov eax, cr0
                or eax, CR0_PG
                mov cr0, eax
                mov dword [FRAME_A], 0xAAAAAAAA
                mov dword [FRAME_B], 0xBBBBBBBB
                EXPECT "PAE: a 4 KiB page", [WINDOW], 0xAAAAAAAA
                BITS "PAE: a read sets A in the entry", pae_table, AD, PAGE_ACCESSED
                BITS "PAE: a read sets A in the directory entry", pae_window, PAGE_ACCESSED, PAGE_ACCESSED
                mov dword [WINDOW], 0xA1A1A1A1
                BITS "PAE: a write sets D in the entry", pae_table, AD, AD
                EXPECT "PAE: a write", [FRAME_A], 0xA1A1A1A1
                EXPECT "PAE: a 2 MiB page", [WINDOW + 0x200000 + FRAME_C - 0x600000], 0xC0FFEE00
                BITS "PAE: a 2 MiB page: A, not D", pae_window + 8, AD, PAGE_ACCESSED
                CATCH
                mov [WINDOW + 0x1000], eax
                CAUGHT "PAE: a read-only page", VECTOR_PF, PF_PRESENT | PF_WRITE, ANYWHERE, WINDOW + 0x1000
                CATCH
                CALL_USER user_pae
user_pae:       mov eax, [WINDOW + 0x1000]
                CAUGHT "PAE: a supervisor page", VECTOR_PF, PF_PRESENT | PF_USER, user_pae, WINDOW + 0x1000
                CATCH
                mov eax, [WINDOW + 0x2000]
                CAUGHT "PAE: no entry", VECTOR_PF, 0, ANYWHERE, WINDOW + 0x2000
                CATCH
                mov eax, [WINDOW + 0x400000]
                CAUGHT "PAE: no directory entry", VECTOR_PF, 0, ANYWHERE, WINDOW + 0x400000
                CATCH
                mov eax, [HIGH]
                CAUGHT "PAE: no directory", VECTOR_PF, 0, ANYWHERE, HIGH
                mov dword [pae_pointers + 16], pae_window + PAGE_PRESENT
                mov eax, cr3
                mov cr3, eax
                EXPECT "PAE: MOV to CR3 loads the directory pointers", [HIGH], 0xA1A1A1A1
                mov dword [pae_table + 8], FRAME_C + FULL
                invlpg [WINDOW + 0x1000]
                EXPECT "PAE: INVLPG", [WINDOW + 0x1000], 0xC0FFEE00
                mov eax, cr0
                and eax, ~CR0_PG
                mov cr0, eax
                mov eax, cr4
                and eax, ~CR4_PAE
                mov cr4, eax
                jmp finish

; set_combination: page 5 of the window gets the rights of [combination].
set_combination:
                mov eax, [combination]
                mov ecx, eax
                and eax, 3
                shl eax, 1                      ; R/W and U/S are bits 1 and 2
                or eax, FRAME_A + PAGE_PRESENT
                mov [WINDOW_PTE(5)], eax
                shr ecx, 2
                shl ecx, 1
                or ecx, window_table + PAGE_PRESENT
                mov [DIRECTORY(WINDOW)], ecx
                mov eax, cr3
                mov cr3, eax
                ret

user_read:      mov eax, [WINDOW + 0x5000]
                int USER_DONE
user_write:     mov [WINDOW + 0x5000], eax
                int USER_DONE
kernel_read:    mov eax, [WINDOW + 0x5000]
                ret
kernel_write:   mov [WINDOW + 0x5000], eax
                ret

finish:
                CHECK_END
