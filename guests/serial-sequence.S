/*
 * Writes 64 KiB to the serial port: 8192 lines of seven lower-case hexadecimal digits and a line feed, "0000000\n"
 * to "0001fff\n". Each line is unique, so whatever is lost, doubled or swapped shows. Then debug-exit with 0.
 */
#include "guest.h"

#define LINES 0x2000

start:  xorl %ebx, %ebx                 /* the line's number */
line:   movl $24, %ecx                  /* the digit's position in bits */
digit:  movl %ebx, %eax
        shrl %cl, %eax
        andl $15, %eax
        movb digits(%eax), %al
        serial_out
        subl $4, %ecx
        jns digit
        movb $'\n', %al
        serial_out
        incl %ebx
        cmpl $LINES, %ebx
        jne line

        xorl %eax, %eax
        movw $DEBUG_EXIT, %dx
        outl %eax, %dx
        stop

digits: .ascii "0123456789abcdef"
