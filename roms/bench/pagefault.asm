; pagefault - demand paging: unmap a page, INVLPG, touch it; the #PF handler maps it and the access runs again.
; One iteration takes 1,000 faults over 16 linear pages.

                %include "lib/bench.inc"
                %include "lib/protect.inc"

WINDOW          equ 0x700000    ; 16 linear pages that come and go
FRAMES          equ 0x600000    ; the 16 frames behind them, always mapped at their own address

                BENCH "pagefault", 300

                PROTECT_ROUTINES

bench_setup:    call gdt_init
                call idt_init
                SET_GATE 14, page_fault, GATE_KERNEL
                call paging_init
                ret

bench_kernel:
                mov ebp, ecx                    ; EBP = value that goes through the pages
                mov ecx, 1000
.page:          mov esi, ecx
                and esi, 15
                mov ebx, esi
                shl ebx, 12                     ; EBX = offset of the page in the window
                mov dword [page_tables + (WINDOW >> 12) * 4 + esi * 4], 0
                invlpg [WINDOW + ebx]
                mov [WINDOW + ebx], ebp         ; faults, then runs again
                add ebp, [FRAMES + ebx]
                dec ecx
                jnz .page
                mov eax, ebp
                ret

; page_fault: maps the page of CR2 to its frame. The error code is on the stack: 2, a write to a page not present.
page_fault:
                push eax
                push edx
                mov eax, cr2
                add ebp, [esp + 8]              ; the error code counts into the checksum
                mov edx, eax
                and eax, 0xF000
                shr edx, 12
                add eax, FRAMES + (PAGE_PRESENT | PAGE_WRITE)
                mov [page_tables + edx * 4], eax
                pop edx
                pop eax
                add esp, 4                      ; drop the error code
                iret

                BENCH_END
