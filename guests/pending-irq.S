/*
 * Waits with interrupts off while two of them pend: the serial port's, whose transmitter is empty, in the 8259, and one that the
 * processor has sent to itself, in its APIC. Asked to continue it lets them in. Each handler writes its letter to the debug port, "P"
 * and "A", and when there was time for more, a "." follows. From then on it counts with interrupts on; the port's line stays up.
 */
#include "guest.h"
#include "interrupts.h"

#define SERIAL_IRQ 4
#define OWN_VECTOR 0x30

start:  flat_segments stack
        handle (PIC_VECTOR + SERIAL_IRQ), from_pic
        handle OWN_VECTOR, from_apic
        apic_on
        pic_on SERIAL_IRQ

        send (FIXED | TO_SELF | OWN_VECTOR)
1:      testl $(1 << (OWN_VECTOR % 32)), APIC_IRR + 16 * (OWN_VECTOR / 32)
        jz 1b
        movb $IER_THRE, %al
        movw $SERIAL_IER, %dx
        outb %al, %dx
        out8 PIC1_COMMAND, 0x0a         /* reads give what is requested */
1:      inb $PIC1_COMMAND, %al
        testb $(1 << SERIAL_IRQ), %al
        jz 1b

        await_go
awake:  sti
        wait_a_little
        cli
        debug_out '.'
        sti
1:      count
        jmp 1b

from_pic:
        debug_out 'P'
        end_of_pic
        movl $stack, %esp
        jmp awake

from_apic:
        debug_out 'A'
        end_of_apic
        movl $stack, %esp
        jmp awake
