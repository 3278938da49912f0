/*
 * Sleeps in HLT and counts its wake-ups at COUNTER: the PIT's channel 0 raises IRQ 0 a hundred times a second through
 * the 8259; with RTC defined (rtc.S) the CMOS clock's periods raise IRQ 8, 64 times a second. The interrupt handler does not return (some emulated KVM devices lack IRET in protected mode): it counts,
 * ends the interrupt, empties the stack and sleeps again.
 */
#include "guest.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA    0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA    0xa1
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND  0x43
#define PIT_DIVISOR  11932              /* 1193182 Hz / 100 */
#define CMOS_INDEX   0x70
#define CMOS_DATA    0x71
#define BASE_VECTOR  0x20
#ifdef RTC
#define VECTOR       (BASE_VECTOR + 8)
#else
#define VECTOR       BASE_VECTOR
#endif
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

        movl $wake, %eax                /* a gate holds its address in two halves */
        movw %ax, gate
        shrl $16, %eax
        movw %ax, gate + 6
        lidt idt_pointer

        orl $0x100, APIC_SVR
        movl $EXTINT, APIC_LVT0
        out8 PIC1_COMMAND, 0x11         /* initialize; ICW4 follows */
        out8 PIC1_DATA, BASE_VECTOR
        out8 PIC1_DATA, 0x04            /* the second 8259 is on IRQ 2 */
        out8 PIC1_DATA, 0x01            /* 8086 mode */
#ifdef RTC
        out8 PIC1_DATA, 0xfb            /* only the second 8259 */
        out8 PIC2_COMMAND, 0x11
        out8 PIC2_DATA, VECTOR
        out8 PIC2_DATA, 0x02
        out8 PIC2_DATA, 0x01
        out8 PIC2_DATA, 0xfe            /* only IRQ 8 */

        out8 CMOS_INDEX, 0x0a           /* status A: a period of 1/64 s */
        out8 CMOS_DATA, 0x2a
        out8 CMOS_INDEX, 0x0b           /* status B: periods interrupt */
        out8 CMOS_DATA, 0x42
        out8 CMOS_INDEX, 0x0c           /* status C: reading it takes the interrupt back */
        inb $CMOS_DATA, %al
#else
        out8 PIC1_DATA, 0xfe            /* only IRQ 0 */
        out8 PIC2_DATA, 0xff

        out8 PIT_COMMAND, 0x34          /* channel 0, both bytes, rate generator */
        out8 PIT_CHANNEL0, (PIT_DIVISOR & 0xff)
        out8 PIT_CHANNEL0, (PIT_DIVISOR >> 8)
#endif

sleep:  sti
        hlt
        jmp sleep

wake:   addl $1, COUNTER
        adcl $0, COUNTER + 4
#ifdef RTC
        inb $CMOS_DATA, %al
        out8 PIC2_COMMAND, 0x20
#endif
        out8 PIC1_COMMAND, 0x20         /* end of interrupt */
        movl $stack, %esp
        jmp sleep

        .data
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
