/* Counts at COUNTER for ever, with interrupts off: a vCPU that never leaves the guest by itself. */
#include "guest.h"

start:
1:      addl $1, COUNTER
        adcl $0, COUNTER + 4
        jmp 1b
