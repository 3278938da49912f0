/*
 * How a tiny guest takes interrupts in protected mode: a flat GDT, an IDT whose gates `handle` sets, a stack, the local APIC and
 * the 8259, whose interrupts come through the APIC's LINT0 as firmware leaves it.
 *
 * A handler does not return, because some emulated KVM devices lack IRET in protected mode. It does its work, ends the interrupt
 * (`end_of_pic`, `end_of_apic`), empties the stack and goes to sleep again (`sleep`).
 */
#include "apic.h"

#define PIC1_COMMAND  0x20
#define PIC1_DATA     0x21
#define PIC2_COMMAND  0xa0
#define PIC2_DATA     0xa1
#define PIC_VECTOR    0x20              /* vector of IRQ 0; the others follow */
#define PIC2_VECTOR   0x28              /* vector of IRQ 8 */
#define PIC_EOI       0x20
#define PIT_CHANNEL0  0x40
#define PIT_COMMAND   0x43
#define PIT_HZ        1193182
#define IDT_VECTORS   64
#define CODE          8
#define DATA          16

.macro out8 port, value
        movb $\value, %al
        outb %al, $\port
.endm

/* Loads the GDT, the IDT, the segments and an empty stack. Changes EAX. */
.macro flat_segments stack
        lgdt %cs:gdt_pointer            /* of all segments only this one is known to reach it */
        ljmp $CODE, $1f
1:      movw $DATA, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl $\stack, %esp
        lidt idt_pointer
.endm

/* Sets a vector's gate: the handler's address in two halves, code segment, present, 32-bit interrupt gate. Changes EAX. */
.macro handle vector, handler
        movl $\handler, %eax
        movw %ax, idt + 8 * \vector
        movw $CODE, idt + 8 * \vector + 2
        movw $0x8e00, idt + 8 * \vector + 4
        shrl $16, %eax
        movw %ax, idt + 8 * \vector + 6
.endm

/* Lets the two 8259 raise this one of IRQ 0 to 15 at this processor, whose APIC is on. Changes AL. */
.macro pic_on irq
        movl $EXTINT, APIC_LVT0
        out8 PIC1_COMMAND, 0x11         /* initialize; ICW4 follows */
        out8 PIC1_DATA, PIC_VECTOR
        out8 PIC1_DATA, 0x04            /* the second 8259 is on IRQ 2 */
        out8 PIC1_DATA, 0x01            /* 8086 mode */
        out8 PIC2_COMMAND, 0x11
        out8 PIC2_DATA, PIC2_VECTOR
        out8 PIC2_DATA, 0x02
        out8 PIC2_DATA, 0x01
.if \irq < 8
        out8 PIC1_DATA, (0xff & ~(1 << \irq))
        out8 PIC2_DATA, 0xff
.else
        out8 PIC1_DATA, 0xfb            /* only the second one's */
        out8 PIC2_DATA, (0xff & ~(1 << (\irq - 8)))
.endif
.endm

/* Has the PIT raise IRQ 0 this often a second. Changes AL. */
.macro pit_on hertz
        out8 PIT_COMMAND, 0x34          /* channel 0, both bytes, rate generator */
        out8 PIT_CHANNEL0, ((PIT_HZ / \hertz) & 0xff)
        out8 PIT_CHANNEL0, ((PIT_HZ / \hertz) >> 8)
.endm

.macro end_of_pic
        out8 PIC1_COMMAND, PIC_EOI
.endm

.macro end_of_pic2
        out8 PIC2_COMMAND, PIC_EOI
        end_of_pic
.endm

        .data
        .balign 8
gdt:    .quad 0
        .quad 0x00cf9b000000ffff        /* CODE: 32-bit, flat */
        .quad 0x00cf93000000ffff        /* DATA: flat */
gdt_pointer:
        .word gdt_pointer - gdt - 1
        .long gdt

        .balign 8
idt:    .fill IDT_VECTORS, 8, 0
idt_pointer:
        .word idt_pointer - idt - 1
        .long idt

        .balign 16
        .fill 256
stack:
        .text
