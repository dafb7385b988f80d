; forkwait - a process forks a child and waits for it, again and again: kernel entries, copied page tables, page
; faults, switches of address spaces. After Adams and Agesen's forkwait (ASPLOS 2006, section 6.2), the load that
; virtual machines of their time were worst at: 40,000 rounds took 6.02 s natively, 36.9 s under their software VMM,
; 106.4 s under their hardware VMM.
;
; One iteration is one round. The parent has sixteen pages of data; the child reads them all and writes to four.

                %include "lib/bench.inc"
                %include "lib/marker.inc"
                %include "lib/process.inc"

                %define BENCH_MARKS
                BENCH "forkwait", 6000

DATA_PAGES      equ 16
WORDS_READ      equ 64                  ; of each page
PAGES_WRITTEN   equ 4
ROUND           equ USER_HEAP + 8       ; which round it is, in the first page

bench_setup:    call world_init
                START_PROCESS parent, 0
                ret
bench_kernel:   jmp world_run

                SYSTEM_CALLS
                MARKER_ROUTINES
                WORLD_ROUTINES

                PROGRAM parent
                mov edi, USER_HEAP
                mov eax, 1
.fill:          stosd
                imul eax, 1664525
                add eax, 1013904223
                cmp edi, USER_HEAP + DATA_PAGES * 4096
                jb .fill
                mov dword [ROUND], 0
.round:         CALL_KERNEL SYS_FORK
                test eax, eax
                jz .child
                CALL_KERNEL SYS_WAIT
                mov ebx, eax
                inc dword [ROUND]
                CALL_KERNEL SYS_REPORT
                jmp .round

.child:         mov edi, USER_HEAP
                xor ebx, ebx
.page:          xor ecx, ecx
.word:          rol ebx, 1
                add ebx, [edi + ecx * 4]
                inc ecx
                cmp ecx, WORDS_READ
                jb .word
                add edi, 4096
                cmp edi, USER_HEAP + DATA_PAGES * 4096
                jb .page
%assign page 1
%rep PAGES_WRITTEN
                add [USER_HEAP + page * 4096], ebx
                xor ebx, [USER_HEAP + page * 4096]
  %assign page page + 1
%endrep
                CALL_KERNEL SYS_EXIT
                align 4096, db 0xCC

                BENCH_END
