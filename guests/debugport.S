/*
 * Counts for ever and writes each value to the debug port as a decimal line, "1\n", "2\n" ...: a guest that is nearly
 * always in the middle of port I/O. COUNTER holds the last value whose line is complete.
 */
#include "guest.h"

        /* The number is kept as text, least significant digit last; %edi is its first digit. */
start:  movw $DEBUGCON, %dx
        movl $line_end - 1, %edi
        movb $'0', (%edi)
count:  movl $line_end - 1, %esi
carry:  incb (%esi)
        cmpb $'9', (%esi)
        jbe print
        movb $'0', (%esi)
        decl %esi
        cmpl %edi, %esi
        jae carry
        movb $'1', (%esi)
        movl %esi, %edi

print:  movl %edi, %esi
next:   movb (%esi), %al
        outb %al, %dx
        incl %esi
        cmpl $line_end, %esi
        jb next
        movb $'\n', %al
        outb %al, %dx
        addl $1, COUNTER
        adcl $0, COUNTER + 4
        jmp count

        .data
        .fill 20
line_end:
