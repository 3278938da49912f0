/*
 * Two processors with everything at once. The PIT wakes the boot processor out of HLT 500 times a second; it writes the next number
 * to the serial port as a decimal line, "1\n", "2\n" ..., and sends an interrupt to the second processor. That one wakes out
 * of HLT, counts the pass and sends an interrupt back. Only then is the next tick worth a number. An interrupt between the two that
 * is lost ends the lines; one that is taken twice, on either side, makes the line "!". COUNTER holds how many came back.
 */
#include "guest.h"
#include "decimal.h"
#include "interrupts.h"

#define TRAMPOLINE 8                    /* the page where the second processor begins */
#define THERE      0x30                 /* vector of the interrupt to the second processor */
#define BACK       0x31                 /* and of that to the boot processor */

start:  flat_segments stack
        copy_trampoline trampoline, trampoline_end, TRAMPOLINE
        decimal_zero
        handle PIC_VECTOR, tick
        handle THERE, there
        handle BACK, back
        apic_on
        send (INIT | TO_OTHERS)
        send (SIPI | TO_OTHERS | TRAMPOLINE)
1:      cmpl $0, is_ready
        je 1b
        pic_on 0
        pit_on 500

sleep:  sti
        hlt
        jmp sleep

tick:   movl numbers, %eax
        cmpl returns, %eax
        jne ticked                      /* the second processor is late */
        decimal_increment
next:   movb (%esi), %al
        serial_out
        incl %esi
        cmpl $line_end, %esi
        jb next
        incl numbers
        movl $(FIXED | TO_OTHERS | THERE), APIC_ICR
ticked: end_of_pic
        movl $stack, %esp
        jmp sleep

back:   movl returns, %eax
        incl %eax
        cmpl numbers, %eax              /* as many were sent as came back */
        jne wrong
        cmpl passes, %eax               /* and as many were taken over there */
        jne wrong
        movl %eax, returns
        count
        end_of_apic
        movl $stack, %esp
        jmp sleep

wrong:  movb $'!', %al
        serial_out
        movb $'\n', %al
        serial_out
        stop

second: flat_segments second_stack
        apic_on
        movl $1, is_ready
doze:   sti
        hlt
        jmp doze

there:  incl passes
        end_of_apic
        movl $(FIXED | TO_OTHERS | BACK), APIC_ICR
        movl $second_stack, %esp
        jmp doze

        .code16
trampoline:
        lgdtl %cs:low_gdt_pointer - trampoline
        movl %cr0, %eax
        orl $1, %eax                    /* protected mode */
        movl %eax, %cr0
        ljmpl $CODE, $second
low_gdt_pointer:
        .word gdt_pointer - gdt - 1
        .long gdt
trampoline_end:

        .data
        .balign 4
numbers:
        .long 0                         /* written */
passes: .long 0                         /* counted by the second processor */
returns:
        .long 0                         /* the last number that came back */
is_ready:
        .long 0
        .balign 16
        .fill 256
second_stack:
