/*
 * Three of four processors do not run while the guest waits: 1 got no command yet, 2 has had its INIT and waits for a start-up
 * IPI, 3 has counted and was sent back by INIT. Asked to continue, the boot processor starts them: 1 by INIT and SIPI, 2 and 3, which
 * need no more, by SIPI alone. Then each counts in its own slot, as in smp.S.
 */
#include "guest.h"
#include "apic.h"

#define TRAMPOLINE 8                    /* the page where the others begin */

start:  copy_trampoline trampoline, trampoline_end, TRAMPOLINE
        clear_slots
        apic_on
        send INIT, 3
        send (SIPI | TRAMPOLINE), 3
1:      cmpl $0, SLOTS + 64 * 3
        je 1b
        send INIT, 3
        send INIT, 2

        await_go
        send INIT, 1
        send (SIPI | TRAMPOLINE), 1
        send (SIPI | TRAMPOLINE), 2
        send (SIPI | TRAMPOLINE), 3
1:      incl SLOTS
        jmp 1b

        .code16
trampoline:
        count_in_slot
trampoline_end:
