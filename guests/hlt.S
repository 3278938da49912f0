/*
 * Sleeps in HLT and counts its wake-ups at COUNTER: the PIT's channel 0 raises IRQ 0 a hundred times a second through
 * the 8259.
 */
#include "guest.h"
#include "interrupts.h"

start:  flat_segments stack
        handle PIC_VECTOR, wake
        apic_on
        pic_on 0
        pit_on 100

sleep:  sti
        hlt
        jmp sleep

wake:   count
        end_of_pic
        movl $stack, %esp
        jmp sleep
