/*
 * Counts indefinitely and writes each value to the debug port as a decimal line, "1\n", "2\n" ...: a guest that is nearly
 * always in the middle of port I/O. COUNTER holds the last value whose line is complete.
 */
#include "guest.h"
#include "decimal.h"

start:  decimal_zero
        movw $DEBUGCON, %dx
line:   decimal_increment
next:   movb (%esi), %al
        outb %al, %dx
        incl %esi
        cmpl $line_end, %esi
        jb next
        count
        jmp line
