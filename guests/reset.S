/* Writes "up\n" to the serial port, then pulses the reset line through the keyboard controller, at every boot. */
#include "guest.h"

start:  movb $'u', %al
        serial_out
        movb $'p', %al
        serial_out
        movb $'\n', %al
        serial_out
        movb $0xfe, %al
        outb %al, $0x64
        stop
