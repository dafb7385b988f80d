; Runs packed machine states one after the other and prints what became of each. It is a ROM of its own: no BIOS, no devices but a
; debug port. random-state.ts packs the states, machines.ts builds the ROM around this code and reads what it prints.
;
; A state is entered by IRET and left by INT CD, with which all memory is filled: its task gate saves every register in the
; state's own TSS and leads back here. A state that shuts the processor down is found out after the reset, by the magic number.
;
; Output on port E9: "E number crc" or "S number" (shutdown) for each state, "Z" at the end. The crc covers the 64 KB of the state,
; its TSS included, and CR0, CR2, CR4, DR6, GDTR, IDTR and the link to the task that was left.
;
; Assemble: nasm -f bin -o harness.bin harness.asm. The code lies at the start of the ROM's last 64 KB; machines.ts adds the
; reset vector and fills in the two words behind the first jump.
        bits 16
        org 0
%define FLAT(x) (0xFFFF0000 + (x))
MAGIC equ 0x5ca1ab1e
STATE equ 0x90000
HTSS  equ 0x91000
INFO  equ 0x92000                       ; what is hashed besides memory
INFO_WORDS equ 9
        jmp near start16
        align 8
count:  dd 0                            ; states in the ROM
table:  dd 0                            ; address of the table of their addresses
start16:
        cli
        cld
        o32 lgdt [cs:gdtr - $$]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 8:FLAT(start32)
        align 8
gdt:    dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:   dw 23
        dd FLAT(gdt)
nullidt: dw 0
        dd 0
        bits 32
start32:
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        mov esp, 0x9F000
        cmp dword [STATE], MAGIC
        jne .fresh
        mov al, 'S'
        call putc
        mov eax, [STATE + 4]
        call hex
        call newline
        inc dword [STATE + 4]
        jmp next
.fresh: mov dword [STATE], MAGIC
        mov dword [STATE + 4], 0
        mov edi, 0x10000
        mov ecx, 0x80000 / 4
        mov eax, 0xCDCDCDCD
        rep stosd
next:   mov ax, 0x10
        o32 lgdt [FLAT(gdtr)]
        jmp 8:FLAT(.cs)
.cs:    mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, 0x9F000
        push dword 2
        popfd
        lidt [FLAT(nullidt)]
        mov eax, [STATE + 4]
        cmp eax, [FLAT(count)]
        jae finish
        mov ecx, [FLAT(table)]
        mov ebx, [ecx + eax * 4]        ; header
        xor edi, edi
        mov ecx, 0x10000 / 4
        mov eax, 0xCDCDCDCD
        rep stosd
        lea esi, [ebx + 128]
        mov edx, [ebx + 124]            ; patches
.patch: or edx, edx
        jz .done
        lodsd
        mov edi, eax
        lodsd
        mov ecx, eax
        rep movsb
        dec edx
        jmp .patch
.done:  mov edi, HTSS
        mov ecx, 26
        xor eax, eax
        rep stosd
        mov dword [HTSS + 32], FLAT(ended)
        mov dword [HTSS + 36], 2
        mov dword [HTSS + 56], 0x9F000
        mov dword [HTSS + 72], 29 * 8
        mov dword [HTSS + 76], 30 * 8
        mov dword [HTSS + 80], 29 * 8
        mov dword [HTSS + 84], 29 * 8
        mov dword [HTSS + 88], 29 * 8
        mov dword [HTSS + 92], 29 * 8
        mov word [HTSS + 102], 0x68
        mov eax, 0xFFFF0FF0
        mov dr6, eax
        xor eax, eax
        mov cr2, eax
        mov dr7, eax
        xor edx, edx
        mov eax, [ebx + 96]
        mov ecx, 0x174
        wrmsr
        mov eax, [ebx + 100]
        mov ecx, 0x175
        wrmsr
        mov eax, [ebx + 104]
        mov ecx, 0x176
        wrmsr
        mov eax, [ebx + 44]
        mov cr4, eax
        lgdt [ebx + 80]
        lldt [ebx + 72]
        ltr [ebx + 76]
        mov eax, [ebx + 40]
        mov cr0, eax
        mov esp, 0x5FF0
        test dword [ebx + 36], 0x20000
        jnz .v86
        test byte [ebx + 52], 3         ; cs rpl
        jz .ring0
        push dword [ebx + 56]           ; ss
        push dword [ebx + 16]           ; esp
        push dword [ebx + 36]
        push dword [ebx + 52]
        push dword [ebx + 32]
        jmp .segs
.v86:   push dword [ebx + 68]
        push dword [ebx + 64]
        push dword [ebx + 60]
        push dword [ebx + 48]
        push dword [ebx + 56]
        push dword [ebx + 16]
        push dword [ebx + 36]
        push dword [ebx + 52]
        push dword [ebx + 32]
        lidt [ebx + 88]
        jmp .go
.ring0: mov ss, [ebx + 56]
        mov esp, [ebx + 16]
        push dword [ebx + 36]
        push dword [ebx + 52]
        push dword [ebx + 32]
.segs:  lidt [ebx + 88]
        mov es, [cs:ebx + 48]
        mov fs, [cs:ebx + 64]
        mov gs, [cs:ebx + 68]
        mov ds, [cs:ebx + 60]
.go:    mov esi, ebx
        mov eax, [cs:esi + 0]
        mov ecx, [cs:esi + 4]
        mov edx, [cs:esi + 8]
        mov ebx, [cs:esi + 12]
        mov ebp, [cs:esi + 20]
        mov edi, [cs:esi + 28]
        mov esi, [cs:esi + 24]
        iretd

; The harness's task: the state is over.
ended:  push dword 2
        popfd
        mov dword [INFO + 4], 0
        mov dword [INFO + 12], 0
        sgdt [INFO]
        sidt [INFO + 8]
        mov eax, cr0
        mov [INFO + 16], eax
        mov eax, cr2
        mov [INFO + 20], eax
        mov eax, cr4
        mov [INFO + 24], eax
        mov eax, dr6
        mov [INFO + 28], eax
        movzx eax, word [HTSS]
        mov [INFO + 32], eax
        mov al, 'E'
        call putc
        mov eax, [STATE + 4]
        call hex
        xor eax, eax
        mov esi, INFO
        mov ecx, INFO_WORDS
        call hash
        xor esi, esi
        mov ecx, 0x4000
        call hash
        call hex
        call newline
        inc dword [STATE + 4]
        mov eax, cr0
        and eax, ~8
        mov cr0, eax
        o32 lgdt [FLAT(gdtr)]
        jmp 8:FLAT(next)
finish: mov al, 'Z'
        call putc
        call newline
        mov dword [STATE], 0
        mov al, 0x11
        out 0xf4, al
        mov esi, FLAT(shut)
        mov ecx, 8
        mov dx, 0x8900
        rep outsb
        hlt
shut:   db "Shutdown"
; Adds ecx words at esi to the hash eax.
hash:   rol eax, 5
        add eax, [esi]
        xor eax, 0x9E3779B9
        add esi, 4
        loop hash
        ret
putc:   out 0xE9, al
        ret
newline: mov al, 10
        out 0xE9, al
        ret
hex:    push ecx
        push eax
        push edx
        mov edx, eax
        mov ecx, 8
.l:     rol edx, 4
        mov al, dl
        and al, 15
        cmp al, 10
        sbb al, 0x69
        das
        out 0xE9, al
        loop .l
        mov al, ' '
        out 0xE9, al
        pop edx
        pop eax
        pop ecx
        ret
