/* Sends every byte that comes in on the serial port back, by polling, indefinitely. COUNTER holds how many. */
#include "guest.h"

start:
next:   movw $SERIAL_LSR, %dx
        inb %dx, %al
        testb $LSR_DR, %al
        jz next
        movw $SERIAL, %dx
        inb %dx, %al
        serial_out
        count
        jmp next
