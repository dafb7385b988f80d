; privilege - what ring 3 may not do: privileged instructions, instructions that IOPL guards, ports, inner rings.
;
; Only checks on which QEMU agrees with the SDM are here; strict.asm has the others.
; Specified by: SDM 3A 5.9 (privileged instructions), volume 1, 19.5 (I/O protection).

                %include "lib/check.inc"

IO_TASK         equ GDT_FREE            ; a TSS with an I/O permission map
IO_MAP_BYTES    equ 32                  ; ports 0 .. 0xFF
IO_TSS_BYTES    equ TSS_BYTES + IO_MAP_BYTES + 4

                BSS io_tss, IO_TSS_BYTES, 256
                BSS scratch, 8, 8

                CHECK_BEGIN "privilege"
                mov esi, descriptors
                mov edi, gdt + GDT_FREE
                mov ecx, (descriptors_end - descriptors) / 4
                rep movsd

; --- Ring 3: privileged instructions are #GP(0) -------------------------------------------------------------------
%macro PRIVILEGED 2+
                CATCH
                CALL_USER %%code
%%code:         %2
                int USER_DONE
                CAUGHT %1, VECTOR_GP, 0, %%code
%endmacro
                PRIVILEGED "#GP: HLT in ring 3", hlt
                PRIVILEGED "#GP: CLI in ring 3", cli
                PRIVILEGED "#GP: STI in ring 3", sti
                PRIVILEGED "#GP: CLTS in ring 3", clts
                PRIVILEGED "#GP: LGDT in ring 3", lgdt [gdt_pointer]
                PRIVILEGED "#GP: LIDT in ring 3", lidt [idt_pointer]
                PRIVILEGED "#GP: LLDT in ring 3", lldt ax
                PRIVILEGED "#GP: LTR in ring 3", ltr ax
                PRIVILEGED "#GP: LMSW in ring 3", lmsw ax
                PRIVILEGED "#GP: MOV from CR0 in ring 3", mov eax, cr0
                PRIVILEGED "#GP: MOV to CR3 in ring 3", mov cr3, eax
                PRIVILEGED "#GP: MOV from DR7 in ring 3", mov eax, dr7
                PRIVILEGED "#GP: INVD in ring 3", invd
                PRIVILEGED "#GP: WBINVD in ring 3", wbinvd
                PRIVILEGED "#GP: INVLPG in ring 3", invlpg [scratch]
                PRIVILEGED "#GP: RDMSR in ring 3", rdmsr
                PRIVILEGED "#GP: WRMSR in ring 3", wrmsr
                PRIVILEGED "#GP: IN in ring 3 without I/O permission", in al, 0x80
                PRIVILEGED "#GP: OUT in ring 3 without I/O permission", out 0x80, al
                CATCH
                CALL_USER user_int_kernel
user_int_kernel: int VECTOR_DE
                CAUGHT "#GP: INT from ring 3 through a ring 0 gate", VECTOR_GP, VECTOR_DE * 8 + ERROR_IDT, user_int_kernel
                CATCH
                CALL_USER user_segment
user_segment:   mov ebx, KERNEL_DATA
user_segment_2: mov ds, ebx
                CAUGHT "#GP: a ring 0 data segment in ring 3", VECTOR_GP, KERNEL_DATA, user_segment_2
                CATCH
                CALL_USER user_call
user_call:      call KERNEL_CODE:0x1000
                CAUGHT "#GP: far CALL from ring 3 to ring 0 code", VECTOR_GP, KERNEL_CODE, user_call
                EXPECT "the pushed CS is the ring 3 one", [caught_cs], USER_CODE
                EXPECT "the pushed SS is the ring 3 one", [caught_ss], USER_DATA
                EXPECT "the pushed ESP is the ring 3 one", [caught_esp], user_stack_top

; POPF in ring 3 cannot change IF or IOPL, and says nothing.
                CATCH
                CALL_USER user_popf
user_popf:      push dword 0x3202               ; IF = 1, IOPL = 3
                popfd
                int USER_DONE
                CAUGHT "POPF in ring 3 does not fault", USER_DONE, 0, ANYWHERE
                mov eax, [caught_eflags]
                and eax, 0x3200
                EXPECT "POPF in ring 3 leaves IF and IOPL alone", eax, 0

; CR4.TSD and CR4.PCE decide about RDTSC and RDPMC.
                mov eax, cr4
                or eax, 1 << 2
                mov cr4, eax
                CATCH
                CALL_USER user_rdtsc
user_rdtsc:     rdtsc
                int USER_DONE
                CAUGHT "#GP: RDTSC in ring 3 with CR4.TSD", VECTOR_GP, 0, user_rdtsc
                mov eax, cr4
                and eax, ~(1 << 2)
                mov cr4, eax
                CATCH
                CALL_USER user_rdtsc_2
user_rdtsc_2:   rdtsc
                int USER_DONE
                CAUGHT "RDTSC in ring 3 without CR4.TSD", USER_DONE, 0, ANYWHERE

; The I/O permission map of the TSS: a clear bit allows the port; every byte of the access must be allowed.
                call io_map_on
                CATCH
                CALL_USER user_io_good
user_io_good:   mov dx, 0x80
                out dx, al
                out dx, ax
                int USER_DONE
                CAUGHT "I/O permission map: allowed ports", USER_DONE, 0, ANYWHERE
                CATCH
                CALL_USER user_io_bad
user_io_bad:    mov dx, 0x81
user_io_bad_2:  out dx, ax
                int USER_DONE
                CAUGHT "#GP: I/O permission map: the second byte is not allowed", VECTOR_GP, 0, user_io_bad_2
                CATCH
                CALL_USER user_io_far
user_io_far:    mov dx, 0x3F8
user_io_far_2:  in al, dx
                int USER_DONE
                CAUGHT "#GP: I/O permission map: a port beyond the limit of the TSS", VECTOR_GP, 0, user_io_far_2

; With IOPL = 3 ring 3 may use STI, CLI and every port; the I/O permission map is not asked.
                CATCH
                CALL_USER user_iopl, 0x3002
user_iopl:      cli
                in al, 0x61
                pushfd
                pop ebx
                int USER_DONE
                CAUGHT "IOPL 3: CLI and IN in ring 3", USER_DONE, 0, ANYWHERE
                mov eax, [caught_ebx]
                and eax, 0x3000
                EXPECT "IOPL 3: PUSHFD shows it", eax, 0x3000
                CATCH
                CALL_USER user_iopl_1, 0x1002
user_iopl_1:    cli
                CAUGHT "#GP: CLI in ring 3 with IOPL 1", VECTOR_GP, 0, user_iopl_1

; What ring 3 may always do.
                CATCH
                CALL_USER user_free
user_free:      sgdt [scratch]
                sidt [scratch]
                str eax
                sldt eax
                smsw eax
                cpuid
                nop
                int USER_DONE
                CAUGHT "SGDT, SIDT, STR, SLDT, SMSW and CPUID in ring 3", USER_DONE, 0, ANYWHERE

                jmp finish

; io_map_on: an I/O permission map for the ports 0 to 0xFF: only ports 0x80 and 0x81 are allowed.
; The TSS limit must include the map and one byte of ones behind it (19.5.2).
io_map_on:
                mov edi, io_tss
                mov ecx, IO_TSS_BYTES / 4
                mov eax, 0xFFFFFFFF
                rep stosd
                mov edi, io_tss
                mov ecx, TSS_BYTES / 4
                xor eax, eax
                rep stosd
                mov dword [io_tss + TSS_ESP0], interrupt_stack_top
                mov dword [io_tss + TSS_SS0], KERNEL_DATA
                mov word [io_tss + TSS_IOMAP], TSS_BYTES
                and byte [io_tss + TSS_BYTES + 0x80 / 8], ~3 & 0xFF
                mov eax, IO_TASK
                ltr ax
                ret

                align 8, db 0
descriptors:
                DESCRIPTOR io_tss, IO_TSS_BYTES - 1, 0x89, 0
descriptors_end:

finish:
                CHECK_END
