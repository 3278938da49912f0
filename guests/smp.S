/*
 * Every processor counts for ever in its own slot, the 32-bit word at SLOTS + 64 * APIC id (up to 64 processors).
 * The boot processor copies a real-mode trampoline to 0x8000 and wakes all others by INIT and SIPI through its local
 * APIC; they stay in real mode. AP slots count from 1, so a zero is a processor that never came up.
 */
#include "guest.h"

#define TRAMPOLINE 0x8000               /* SIPI vector 8 */
#define SLOTS      0x9000
#define APIC_ICR   0xfee00300           /* interrupt command, low word */
#define APIC_SVR   0xfee000f0           /* spurious vector; bit 8 switches the APIC on */
#define INIT_REST  0x000c4500           /* all excluding self, INIT, assert */
#define PATIENCE   20000                /* loop rounds between the messages */
#define SIPI_REST  (0x000c4600 | TRAMPOLINE >> 12)

start:  cld
        movl $trampoline, %esi
        movl $TRAMPOLINE, %edi
        movl $trampoline_end - trampoline, %ecx
        rep movsb
        movl $SLOTS, %edi
        movl $64 * 64 / 4, %ecx
        xorl %eax, %eax
        rep stosl

        orl $0x100, APIC_SVR
        movl $INIT_REST, APIC_ICR
        movl $PATIENCE, %ecx
1:      loop 1b
        movl $SIPI_REST, APIC_ICR
        movl $PATIENCE, %ecx
1:      loop 1b
        movl $SIPI_REST, APIC_ICR       /* a processor that runs ignores the second one */

1:      incl SLOTS
        jmp 1b

        .code16
trampoline:
        xorw %ax, %ax
        movw %ax, %ds
        movl $1, %eax
        cpuid
        shrl $24, %ebx                  /* initial APIC id */
        shlw $6, %bx
1:      incl SLOTS(%bx)
        jmp 1b
trampoline_end:
