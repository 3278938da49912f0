/*
 * Sleeps in HLT and counts its wake-ups at COUNTER: the CMOS clock's periods raise IRQ 8, 64 times a second, through the 8259.
 */
#include "guest.h"
#include "interrupts.h"

#define CMOS_INDEX    0x70
#define CMOS_DATA     0x71
#define STATUS_A      0x0a
#define STATUS_B      0x0b
#define STATUS_C      0x0c

start:  flat_segments stack
        handle PIC2_VECTOR, wake
        apic_on
        pic_on 8
        out8 CMOS_INDEX, STATUS_A
        out8 CMOS_DATA, 0x2a            /* a period of 1/64 s */
        out8 CMOS_INDEX, STATUS_B
        out8 CMOS_DATA, 0x42            /* periods interrupt; hours are of 24 */
        out8 CMOS_INDEX, STATUS_C
        inb $CMOS_DATA, %al             /* what has been is not reported */

sleep:  sti
        hlt
        jmp sleep

wake:   count
        inb $CMOS_DATA, %al             /* reading status C takes the request back */
        end_of_pic2
        movl $stack, %esp
        jmp sleep
