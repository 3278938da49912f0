/*
 * Counts and writes the count to the debug port as the ticker does, and drives the virtio entropy devices at virtio-mmio-bus.23 and .22
 * meanwhile: at every eighth tick each is offered its buffer again, if that came back. SERVED and the word behind it hold how many
 * came back (of 16 bits), as the interrupts of the second I/O APIC have said. Two virtio disks, at virtio-mmio-bus.21 and .20, are kept busy
 * (disk-log.h).
 */
#include "guest.h"
#include "decimal.h"
#include "interrupts.h"
#include "virtio.h"
#include "disk-log.h"

#define RATE          500
#define OFFERED_EVERY 8                 /* ticks: a power of two */
#define FIRST         23
#define FIRST_PAGE    0x210000
#define FIRST_VECTOR  0x33            /* above the disks, whose interrupts may come without a pause on a slow host */
#define SECOND        22
#define SECOND_PAGE   0x211000
#define SECOND_VECTOR 0x34

start:  flat_segments stack
        decimal_zero
        handle PIC_VECTOR, wake
        handle FIRST_VECTOR, first
        handle SECOND_VECTOR, second
        apic_on
        ioapic2_route FIRST, FIRST_VECTOR
        ioapic2_route SECOND, SECOND_VECTOR
        virtio_start FIRST, FIRST_PAGE, SERVED
        virtio_start SECOND, SECOND_PAGE, (SERVED + 4)
        pic_on 0
        pit_on RATE
        call first_disk_start
        call second_disk_start

sleep:  sti
        hlt
        jmp sleep

        /* Interrupts are off from here to the next sleep: a line is whole before the next number. */
wake:   decimal_increment
        movw $DEBUGCON, %dx
next:   movb (%esi), %al
        outb %al, %dx
        incl %esi
        cmpl $line_end, %esi
        jb next
        count
        testb $(OFFERED_EVERY - 1), COUNTER
        jnz ticked
        virtio_offer FIRST, FIRST_PAGE, SERVED
        virtio_offer SECOND, SECOND_PAGE, (SERVED + 4)
ticked: end_of_pic
        movl $stack, %esp
        jmp sleep

first:  virtio_take FIRST, FIRST_PAGE, SERVED
        jmp taken

second: virtio_take SECOND, SECOND_PAGE, (SERVED + 4)
taken:  end_of_apic
        movl $stack, %esp
        jmp sleep

        disk_log first_disk, 21, 0x31, 0x220000, 64
        disk_log second_disk, 20, 0x32, 0x228000, 64
