/*
 * Sets two timers that fire once, the PIT's and the local APIC's, and never sets them again. Each writes its letter to the debug
 * port when it fires, "P" and "L"; in between the guest counts with interrupts on.
 */
#include "guest.h"
#include "interrupts.h"

#define TIMER_VECTOR 0x30

start:  flat_segments stack
        handle PIC_VECTOR, from_pit
        handle TIMER_VECTOR, from_apic
        apic_on
        pic_on 0
        movl $DIVIDE_BY_1, APIC_DIVIDE
        movl $(ONE_SHOT | TIMER_VECTOR), APIC_TIMER
        movl $100000, APIC_COUNT
        out8 PIT_COMMAND, 0x30          /* channel 0, both bytes, mode 0: once */
        out8 PIT_CHANNEL0, 0xff
        out8 PIT_CHANNEL0, 0x04

awake:  sti
1:      count
        jmp 1b

from_pit:
        debug_out 'P'
        end_of_pic
        movl $stack, %esp
        jmp awake

from_apic:
        debug_out 'L'
        end_of_apic
        movl $stack, %esp
        jmp awake
