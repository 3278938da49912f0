/*
 * Sleeps in HLT and is woken 500 times a second by the PIT; at each wake-up it counts and writes the number to the debug
 * port as a decimal line, "1\n", "2\n" ... Whoever has the guest has the next number, and the guest leaves the processor
 * to others meanwhile. COUNTER holds the last value whose line is complete. The handler does not return, as in hlt.S.
 */
#include "guest.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA    0x21
#define PIC2_DATA    0xa1
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND  0x43
#define PIT_DIVISOR  2386               /* 1193182 Hz / 500 */
#define VECTOR       0x20
#define APIC_SVR     0xfee000f0         /* spurious vector; bit 8 switches the APIC on */
#define APIC_LVT0    0xfee00350         /* local interrupt 0 */
#define EXTINT       0x700              /* passes the 8259's interrupts on, as firmware leaves it */

.macro out8 port, value
        movb $\value, %al
        outb %al, $\port
.endm

start:  lgdt gdt_pointer
        ljmp $8, $flat
flat:   movw $16, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl $stack, %esp
        movl $line_end - 1, %edi        /* the number's first digit */
        movb $'0', (%edi)

        movl $wake, %eax                /* a gate holds its address in two halves */
        movw %ax, gate
        shrl $16, %eax
        movw %ax, gate + 6
        lidt idt_pointer

        orl $0x100, APIC_SVR
        movl $EXTINT, APIC_LVT0
        out8 PIC1_COMMAND, 0x11         /* initialize; ICW4 follows */
        out8 PIC1_DATA, VECTOR
        out8 PIC1_DATA, 0x04            /* the second 8259 is on IRQ 2 */
        out8 PIC1_DATA, 0x01            /* 8086 mode */
        out8 PIC1_DATA, 0xfe            /* only IRQ 0 */
        out8 PIC2_DATA, 0xff

        out8 PIT_COMMAND, 0x34          /* channel 0, both bytes, rate generator */
        out8 PIT_CHANNEL0, (PIT_DIVISOR & 0xff)
        out8 PIT_CHANNEL0, (PIT_DIVISOR >> 8)

sleep:  sti
        hlt
        jmp sleep

        /* Interrupts are off from here to the next sleep: a line is whole before the next number. */
wake:   movl $line_end - 1, %esi
carry:  incb (%esi)
        cmpb $'9', (%esi)
        jbe print
        movb $'0', (%esi)
        decl %esi
        cmpl %edi, %esi
        jae carry
        movb $'1', (%esi)
        movl %esi, %edi

print:  movw $DEBUGCON, %dx
        movl %edi, %esi
next:   movb (%esi), %al
        outb %al, %dx
        incl %esi
        cmpl $line_end, %esi
        jb next
        movb $'\n', %al
        outb %al, %dx
        addl $1, COUNTER
        adcl $0, COUNTER + 4
        out8 PIC1_COMMAND, 0x20         /* end of interrupt */
        movl $stack, %esp
        jmp sleep

        .data
        .fill 20
line_end:
        .balign 8
gdt:    .quad 0
        .quad 0x00cf9b000000ffff        /* 8: code, 32-bit, flat */
        .quad 0x00cf93000000ffff        /* 16: data, flat */
gdt_pointer:
        .word gdt_pointer - gdt - 1
        .long gdt

        .balign 8
idt:    .fill VECTOR, 8, 0
gate:   .word 0, 8, 0x8e00, 0           /* 32-bit interrupt gate */
idt_pointer:
        .word idt_pointer - idt - 1
        .long idt

        .balign 16
        .fill 256
stack:
