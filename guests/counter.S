/* Counts at COUNTER indefinitely, with interrupts off: a vCPU that never leaves the guest by itself. */
#include "guest.h"

start:
1:      count
        jmp 1b
