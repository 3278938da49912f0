/*
 * What all tiny guests share: how they start and where they talk.
 *
 * A tiny guest is an ELF file with a PVH note (XEN_ELFNOTE_PHYS32_ENTRY): the loader jumps to `start` in 32-bit
 * protected mode with flat segments, paging and interrupts off, EBX at the start info block. There is no stack and
 * no descriptor table that a guest may rely on. Code is linked at 1 MiB; numbers that a test reads from guest memory
 * are at COUNTER. Source: Xen's docs/misc/pvh.pandoc, include/public/elfnote.h.
 */

#define COUNTER     0x200000    /* guest-physical address of a 64-bit little-endian count */
#define GO          0x200008    /* guest-physical address of a 32-bit word: set from outside, it lets a waiting guest continue */
#define CHANGE      0x20000c    /* guest-physical address of a 32-bit word: set from outside, it has a guest change what else would stay as it is */
#define SERVED      0x200010    /* guest-physical address of 32-bit words, one a virtio device: how many buffers came back */
#define DONE        0x200040    /* guest-physical address of 64-bit counts, one a queue of a disk: how many requests came back */

#define SERIAL      0x3f8       /* 16550: data register */
#define SERIAL_IER  0x3f9       /* 16550: interrupt enable */
#define IER_DATA    0x01        /* interrupt when bytes were received */
#define IER_THRE    0x02        /* interrupt when the transmitter is empty */
#define SERIAL_IIR  0x3fa       /* 16550: interrupt identification; written, FIFO control */
#define SERIAL_LSR  0x3fd       /* 16550: line status */
#define LSR_DR      0x01        /* a received byte is there */
#define LSR_THRE    0x20        /* the transmitter takes a byte */
#define DEBUGCON    0xe9        /* isa-debugcon */
#define DEBUG_EXIT  0xf4        /* isa-debug-exit: status (value << 1) | 1 */

        .section .note.pvh, "a", @note
        .balign 4
        .long 4, 8, 18          /* name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz "Xen"
        .quad start

        .text
        .code32
        .globl start

/* Counts one more at COUNTER. */
.macro count
        addl $1, COUNTER
        adcl $0, COUNTER + 4
.endm

/* Waits in a tight loop until GO is set, and counts meanwhile: an observer that sees COUNTER move knows that the guest has come here. */
.macro await_go
1:      count
        cmpl $0, GO
        je 1b
.endm

/* Writes a character to the debug port. Changes AL. */
.macro debug_out character
        movb $\character, %al
        outb %al, $DEBUGCON
.endm

/* Stops for good: nothing can wake a vCPU that halts with interrupts off. */
.macro stop
1:      cli
        hlt
        jmp 1b
.endm

/* Sends AL to the serial port once the transmitter is free. Changes AH and DX. */
.macro serial_out
        movb %al, %ah
        movw $SERIAL_LSR, %dx
1:      inb %dx, %al
        testb $LSR_THRE, %al
        jz 1b
        movb %ah, %al
        movw $SERIAL, %dx
        outb %al, %dx
.endm
