; pgchurn - page-table churn: map a page, INVLPG, touch it, unmap it, INVLPG again.
; One iteration does it 1,000 times over 16 linear pages.

                %include "lib/bench.inc"
                %include "lib/protect.inc"

WINDOW          equ 0x700000    ; 16 linear pages that come and go
FRAMES          equ 0x600000    ; the 16 frames behind them, always mapped at their own address

                BENCH "pgchurn", 400

                PROTECT_ROUTINES

bench_setup:    call gdt_init
                call paging_init
                ret

bench_kernel:
                mov ebp, ecx                    ; EBP = value that goes through the pages
                mov ecx, 1000
.page:          mov esi, ecx
                and esi, 15
                mov ebx, esi
                shl ebx, 12                     ; EBX = offset of the page in the window
                lea eax, [ebx + FRAMES + (PAGE_PRESENT | PAGE_WRITE)]
                mov [page_tables + (WINDOW >> 12) * 4 + esi * 4], eax
                invlpg [WINDOW + ebx]
                add [WINDOW + ebx], ebp
                mov dword [page_tables + (WINDOW >> 12) * 4 + esi * 4], 0
                invlpg [WINDOW + ebx]
                add ebp, [FRAMES + ebx]
                dec ecx
                jnz .page
                mov eax, ebp
                ret

                BENCH_END
