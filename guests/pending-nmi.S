/*
 * The second of two processors is in its handler of a non-maskable interrupt, and another such interrupt pends until the handler
 * returns, which it does when the guest is asked to continue. It stays in real mode, where handlers can return. The boot processor
 * writes to the debug port how many were taken: "1" when both were sent, "1" again when it is asked to continue, and after the second
 * one, when there was time for more, "2".
 */
#include "guest.h"
#include "apic.h"

#define TRAMPOLINE  8                   /* the page where the second processor begins */
#define SECOND_SP   0x7000
#define NMI_IVT     (4 * 2)             /* the real-mode vector: offset, then segment */
#define IS_READY    0x9000
#define IS_RELEASED 0x9001
#define TAKEN       0x9002

.macro tell_taken
        movb TAKEN, %al
        addb $'0', %al
        outb %al, $DEBUGCON
.endm

start:  copy_trampoline second, second_end, TRAMPOLINE
        movl $0, IS_READY
        apic_on
        send (INIT | TO_OTHERS)
        send (SIPI | TO_OTHERS | TRAMPOLINE)
1:      cmpb $0, IS_READY
        je 1b
        send (NMI | TO_OTHERS)
1:      cmpb $1, TAKEN
        jb 1b
        send (NMI | TO_OTHERS)
        tell_taken

        await_go
        tell_taken
        movb $1, IS_RELEASED
1:      cmpb $2, TAKEN
        jb 1b
        wait_a_little
        tell_taken
        stop

        .code16
second: xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $SECOND_SP, %sp
        movw $(on_nmi - second), NMI_IVT
        movw %cs, NMI_IVT + 2
        movb $1, IS_READY
1:      jmp 1b

on_nmi: incb TAKEN
1:      cmpb $0, IS_RELEASED
        je 1b
        iret
second_end:
