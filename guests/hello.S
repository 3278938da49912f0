/* Writes "hello from vmm\n" to the serial port, then halts with interrupts off. */
#include "guest.h"

start:  movl $text, %esi
next:   movb (%esi), %al
        testb %al, %al
        jz done
        serial_out
        incl %esi
        jmp next
done:   stop

text:   .asciz "hello from vmm\n"
