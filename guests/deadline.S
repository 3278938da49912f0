/*
 * Gives the local APIC's timer one TSC deadline and never another. It writes "D" to the debug port when that fires, or "-" at
 * once when the processor has no such timer; then it counts with interrupts on.
 */
#include "guest.h"
#include "interrupts.h"

#define TIMER_VECTOR      0x30
#define HAS_TSC_DEADLINE  (1 << 24)     /* CPUID leaf 1, ECX */
#define IA32_TSC_DEADLINE 0x6e0

start:  flat_segments stack
        handle TIMER_VECTOR, fired
        apic_on
        movl $1, %eax
        cpuid
        testl $HAS_TSC_DEADLINE, %ecx
        jz none
        movl $(TSC_DEADLINE | TIMER_VECTOR), APIC_TIMER
        rdtsc
        addl $200000, %eax
        adcl $0, %edx
        movl $IA32_TSC_DEADLINE, %ecx
        wrmsr

awake:  sti
1:      count
        jmp 1b

none:   debug_out '-'
        jmp awake

fired:  debug_out 'D'
        end_of_apic
        movl $stack, %esp
        jmp awake
