; cr3switch - address-space switches: MOV CR3 between two directories, then one touch in each of 16 pages.
; One iteration switches 100 times.

                %include "lib/bench.inc"
                %include "lib/protect.inc"

WINDOW          equ 0x700000    ; 16 linear pages that lead to other frames in each address space
FRAMES          equ 0x600000    ; frames of the first space; the second one's are 64 KiB behind

                BENCH "cr3switch", 400
                BSS other_directory, 4096, 4096
                BSS other_table, 4096, 4096

                PROTECT_ROUTINES

bench_setup:
                call gdt_init
                call paging_init
                mov esi, page_tables + 4096     ; the second space copies the table of 4..8 MiB ...
                mov edi, other_table
                mov ecx, 1024
                rep movsd
                mov ecx, 16                     ; ... and both get frames of their own in the window
                mov eax, FRAMES + (PAGE_PRESENT | PAGE_WRITE)
                mov edi, (WINDOW >> 12) & 0x3FF
.window:        mov [page_tables + 4096 + edi * 4], eax
                lea edx, [eax + 0x10000]
                mov [other_table + edi * 4], edx
                add eax, 4096
                inc edi
                dec ecx
                jnz .window
                mov eax, [page_directory]
                mov [other_directory], eax
                mov dword [other_directory + 4], other_table + (PAGE_PRESENT | PAGE_WRITE)
                mov eax, cr3
                mov cr3, eax
                ret

bench_kernel:
                mov ebp, ecx
                mov ecx, 50
.round:         mov eax, other_directory
                mov cr3, eax
                call touch
                mov eax, page_directory
                mov cr3, eax
                call touch
                dec ecx
                jnz .round
                mov eax, ebp
                ret

; touch: adds EBP into the first word of each page of the window, and that into EBP.
touch:
%assign page 0
%rep 16
                add [WINDOW + page * 4096], ebp
                add ebp, [WINDOW + page * 4096]
%assign page page + 1
%endrep
                ret

                BENCH_END
