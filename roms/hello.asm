; hello - the smallest guest: one line on COM1, then status 33.
;
; The loader enters in 32-bit protected mode with flat segments, paging off and interrupts off. ESP is undefined.

                %include "lib/image.inc"
                %include "lib/ports.inc"

                IMAGE start

start:          mov dx, COM1 + 3        ; line control: 8 data bits, no parity, 1 stop bit
                mov al, 0x03
                out dx, al
                mov esi, text
.next:          mov dx, COM1 + 5        ; wait until the transmitter takes another byte
.wait:          in al, dx
                test al, LSR_THR_EMPTY
                jz .wait
                lodsb
                test al, al
                jz .done
                mov dx, COM1
                out dx, al
                jmp .next
.done:          EXIT EXIT_SUCCESS

text:           db "Hello from ring 0.", 10, 0

                IMAGE_END
