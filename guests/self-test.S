/*
 * Has the keyboard controller test itself, waits until the answer is there and takes it: the VMM ends with the status that 0x55,
 * "passed", makes at the debug-exit port. Where no device answers at the data port it is another one.
 */
#include "guest.h"

#define I8042_DATA      0x60
#define I8042_COMMAND   0x64
#define SELF_TEST       0xaa
#define OUTPUT_FULL     0x01

start:  movb $SELF_TEST, %al
        outb %al, $I8042_COMMAND
1:      inb $I8042_COMMAND, %al
        testb $OUTPUT_FULL, %al
        jz 1b
        xorl %eax, %eax
        inb $I8042_DATA, %al
        movw $DEBUG_EXIT, %dx
        outl %eax, %dx
        stop
