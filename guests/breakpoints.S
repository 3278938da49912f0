/*
 * Sets the four debug registers to four instructions, waits, and runs into them when it is asked to continue. Each instruction writes
 * "-" to the debug port; the handler of the breakpoint writes the register's number in its place: "0123" when all hold.
 */
#include "guest.h"
#include "interrupts.h"

#define DB      1                       /* the vector of debug exceptions */
#define ENABLED 0x455                   /* DR7: all four locally, to be executed; bit 10 is always set */

start:  flat_segments stack
        handle DB, hit
        movl $watched0, %eax
        movl %eax, %dr0
        movl $watched1, %eax
        movl %eax, %dr1
        movl $watched2, %eax
        movl %eax, %dr2
        movl $watched3, %eax
        movl %eax, %dr3
        movl $ENABLED, %eax
        movl %eax, %dr7
        movw $DEBUGCON, %dx

        await_go
        movb $'-', %al
watched0:
        outb %al, %dx
        movb $'-', %al
watched1:
        outb %al, %dx
        movb $'-', %al
watched2:
        outb %al, %dx
        movb $'-', %al
watched3:
        outb %al, %dx
        debug_out '.'
        stop

        /* The exception comes before the instruction, which is one byte long: continue behind it. */
hit:    movl %dr6, %eax
        bsfl %eax, %eax                 /* its lowest bits say which */
        addb $'0', %al
        outb %al, %dx
        xorl %eax, %eax
        movl %eax, %dr6
        popl %eax
        incl %eax
        movl $stack, %esp
        jmp *%eax
