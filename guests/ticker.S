/*
 * Sleeps in HLT and is woken 500 times a second by the PIT; at each wake-up it counts and writes the number to the debug
 * port as a decimal line, "1\n", "2\n" ... The process that has the guest has the next number, and the guest leaves the processor
 * to others meanwhile. COUNTER holds the last value whose line is complete.
 */
#ifndef RATE
#define RATE 500
#endif
#include "guest.h"
#include "decimal.h"
#include "interrupts.h"
#ifdef DISK
#include "virtio.h"
#include "disk-log.h"
#endif
#ifdef NET
#include "net-flow.h"
#endif

start:  flat_segments stack
        decimal_zero
        handle PIC_VECTOR, wake
        apic_on
        pic_on 0
        pit_on RATE
#ifdef DISK
        call disk_start
#endif
#ifdef NET
        call net_start
#endif

sleep:  sti
        hlt
        jmp sleep

        /* Interrupts are off from here to the next sleep: a line is whole before the next number. */
wake:   decimal_increment
        movw $DEBUGCON, %dx
next:   movb (%esi), %al
        outb %al, %dx
        incl %esi
        cmpl $line_end, %esi
        jb next
        count
#ifdef NET
        call net_tick
#endif
        end_of_pic
        movl $stack, %esp
        jmp sleep

#ifdef DISK
        disk_log disk, 23, 0x31, 0x220000, 64
#endif
#ifdef NET
        net_flow net, 22, 0x32, 0x240000
#endif
