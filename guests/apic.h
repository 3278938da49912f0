/*
 * How a tiny guest's processors reach each other, and themselves: through the local APIC, by its interrupt command register.
 * Source: Intel SDM volume 3, chapter 11.
 */

#define APIC_EOI      0xfee000b0
#define APIC_SVR      0xfee000f0        /* spurious vector; bit 8 switches the APIC on */
#define APIC_IRR      0xfee00200        /* requested interrupts: 32 vectors every 16 bytes */
#define APIC_ICR      0xfee00300        /* interrupt command, low word: to write it is to send */
#define APIC_ICR_HIGH 0xfee00310        /* interrupt command, high word: the receiver's APIC id, from bit 24 on */
#define APIC_TIMER    0xfee00320        /* the timer's mode and vector */
#define APIC_LVT0     0xfee00350        /* local interrupt 0 */
#define APIC_COUNT    0xfee00380        /* what the timer counts down from: to write it is to start */
#define APIC_DIVIDE   0xfee003e0        /* how much slower than the bus the timer counts */
#define EXTINT        0x700             /* passes the 8259's interrupts on */

#define ONE_SHOT      0
#define TSC_DEADLINE  0x40000
#define DIVIDE_BY_1   0xb

/* A command is a kind, a destination unless APIC_ICR_HIGH names one, and a vector. */
#define FIXED         0x4000
#define NMI           0x4400
#define INIT          0x4500
#define SIPI          0x4600            /* its vector is the page where the processor begins */
#define TO_SELF       0x40000
#define TO_OTHERS     0xc0000

#define DELAY         20000             /* rounds of a loop in which a processor obeys */
#define SLOTS         0x9000            /* one word for each processor, at 64 * APIC id */

/* Switches this processor's APIC on. */
.macro apic_on
        orl $0x100, APIC_SVR
.endm

.macro end_of_apic
        movl $0, APIC_EOI
.endm

/* Gives other processors, and interrupts, time to come. Changes ECX. */
.macro wait_a_little
        movl $DELAY, %ecx
1:      loop 1b
.endm

/* Sends a command to one processor, or without an id to where the command says, and gives it time to obey. Changes ECX. */
.macro send command, id=0
        movl $(\id << 24), APIC_ICR_HIGH
        movl $\command, APIC_ICR
        wait_a_little
.endm

/* Puts the code between two labels where SIPI with this page has a processor begin, in real mode. Changes ESI, EDI, ECX. */
.macro copy_trampoline from, to, page
        cld
        movl $\from, %esi
        movl $(\page << 12), %edi
        movl $\to - \from, %ecx
        rep movsb
.endm

/* Sets all slots to 0. Changes EAX, EDI, ECX. */
.macro clear_slots
        cld
        movl $SLOTS, %edi
        movl $64 * 64 / 4, %ecx
        xorl %eax, %eax
        rep stosl
.endm

/* In real mode: counts in this processor's slot indefinitely. */
.macro count_in_slot
        xorw %ax, %ax
        movw %ax, %ds
        movl $1, %eax
        cpuid
        shrl $24, %ebx                  /* initial APIC id */
        shlw $6, %bx
1:      incl SLOTS(%bx)
        jmp 1b
.endm
