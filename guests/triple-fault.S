/* Faults with an empty interrupt table: the processor shuts down, which resets the machine or ends the VMM. */
#include "guest.h"

start:  lidt none
        ud2

none:   .word 0
        .long 0
