/*
 * Every processor counts indefinitely in its own slot, the 32-bit word at SLOTS + 64 * APIC id (up to 64 processors).
 * The boot processor copies a real-mode trampoline to a page below 1 MiB and wakes all others by INIT and SIPI through its local
 * APIC; they stay in real mode. AP slots count from 1, so a zero is a processor that never came up.
 */
#include "guest.h"
#include "apic.h"

#define TRAMPOLINE 8                    /* the page where the others begin */

start:  copy_trampoline trampoline, trampoline_end, TRAMPOLINE
        clear_slots
        apic_on
        send (INIT | TO_OTHERS)
        send (SIPI | TO_OTHERS | TRAMPOLINE)
        send (SIPI | TO_OTHERS | TRAMPOLINE)    /* a processor that runs ignores the second one */

1:      incl SLOTS
        jmp 1b

        .code16
trampoline:
        count_in_slot
trampoline_end:
