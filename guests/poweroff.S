/*
 * Switches the machine off as ACPI does: SLP_EN with the sleep type of S5 to the PM1a control register. Port and type
 * (0x604, 5) are those that vmm's FADT and \_S5 name.
 */
#include "guest.h"

#define PM1A_CONTROL 0x604
#define SLP_TYP_S5   5
#define SLP_EN       (1 << 13)

start:  movw $PM1A_CONTROL, %dx
        movw $(SLP_TYP_S5 << 10 | SLP_EN), %ax
        outw %ax, %dx
        stop
