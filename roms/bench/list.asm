; list - linked lists: find by value, reverse in place, merge-sort by value, as CoreMark and many kernels do.
; 512 nodes scattered over 64 KiB; one iteration finds 16 values, reverses the list and sorts it by a changing key.

                %include "lib/bench.inc"

NODES           equ 512
NODE_STRIDE     equ 128         ; bytes between nodes; node: +0 next (0 = end), +4 value

                BENCH "list", 8000
                BSS nodes, NODES * NODE_STRIDE, 4096
                BSS head, 4
                BSS key, 4

; Nodes are linked in a fixed pseudo-random order: node i is followed by node (i * 5 + 3) mod 512 (a full cycle).
bench_setup:
                mov ecx, NODES - 1
                xor ebx, ebx                    ; EBX = number of the node
                mov esi, nodes                  ; ESI = the node
                mov [head], esi
.link:          imul eax, ebx, 40503
                xor eax, 0x5A5A
                and eax, 0xFFFF
                mov [esi + 4], eax
                lea ebx, [ebx + ebx * 4 + 3]
                and ebx, NODES - 1
                mov edi, ebx
                shl edi, 7
                add edi, nodes
                mov [esi], edi
                mov esi, edi
                dec ecx
                jnz .link
                mov dword [esi], 0
                mov dword [esi + 4], 0x7777
                ret

bench_kernel:
                imul eax, ecx, 0x9E37           ; the key decides the order of this iteration's sort
                and eax, 0xFFFF
                mov [key], eax

                xor ebp, ebp                    ; EBP = checksum
                mov ecx, 16                     ; find 16 values, some of them absent
.find:          imul edx, ecx, 0x1D3B
                xor edx, [key]
                and edx, 0xFFFF
                mov esi, [head]
                xor eax, eax
.search:        cmp [esi + 4], edx
                je .hit
                inc eax
                mov esi, [esi]
                test esi, esi
                jnz .search
.hit:           add ebp, eax
                rol ebp, 3
                dec ecx
                jnz .find

                mov esi, [head]                 ; reverse in place
                xor eax, eax
.reverse:       mov edi, [esi]
                mov [esi], eax
                mov eax, esi
                mov esi, edi
                test esi, esi
                jnz .reverse

                call sort                       ; EAX = list in, list out
                mov [head], eax

                mov esi, eax                    ; fold the new order into the checksum
.fold:          rol ebp, 1
                add ebp, [esi + 4]
                mov esi, [esi]
                test esi, esi
                jnz .fold
                mov eax, ebp
                ret

; sort: EAX = list (not empty). Returns EAX = the list in ascending order of (value xor key), equal ones in their old
; order. A recursive merge sort; keeps EBP.
sort:
                cmp dword [eax], 0
                je .single
                mov esi, eax                    ; ESI moves one node while EDI moves two: ESI ends in the middle
                mov edi, [eax]
.halve:         mov edi, [edi]
                test edi, edi
                jz .split
                mov esi, [esi]
                mov edi, [edi]
                test edi, edi
                jnz .halve
.split:         mov edx, [esi]                  ; EDX = second half
                mov dword [esi], 0
                push edx
                call sort
                xchg eax, [esp]
                call sort
                mov edi, eax                    ; EDI = sorted second half
                pop esi                         ; ESI = sorted first half

                push dword 0                    ; [ESP] = head of the merged list
                mov ecx, esp                    ; ECX = where the next link goes
                mov ebx, [key]
.merge:         test esi, esi
                jz .rest_of_second
                test edi, edi
                jz .rest_of_first
                mov eax, [esi + 4]
                xor eax, ebx
                mov edx, [edi + 4]
                xor edx, ebx
                cmp eax, edx
                ja .take_second
                mov [ecx], esi
                mov ecx, esi
                mov esi, [esi]
                jmp .merge
.take_second:   mov [ecx], edi
                mov ecx, edi
                mov edi, [edi]
                jmp .merge
.rest_of_second:
                mov [ecx], edi
                pop eax
                ret
.rest_of_first: mov [ecx], esi
                pop eax
.single:        ret

                BENCH_END
