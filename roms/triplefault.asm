; triplefault - how a machine ends when nobody can handle an exception: the IDT is empty, so #UD cannot be delivered,
; nor the #GP that follows, nor the #DF after that. The processor shuts down (SDM 3A 6.15, #DF).
;
; An emulator must end this as a named exit of the guest, never as a crash of its own.

                %include "lib/image.inc"
                %include "lib/ports.inc"
                %include "lib/serial.inc"

                IMAGE start

start:          mov esp, stack_top
                call serial_init
                PRINT "triplefault: three exceptions without a handler", 10
                lidt [no_idt]
                ud2
                PRINT "triplefault: still alive, which is wrong", 10
                EXIT EXIT_FAILURE

                align 8, db 0
no_idt:         dw 0
                dd 0

                SERIAL_ROUTINES
                BSS stack, 4096, 4096
stack_top       equ stack + 4096
                IMAGE_END
