/*
 * Writes to the virtio disk at virtio-mmio-bus.23 without a pause, with DEPTH requests in flight. Request I of them writes sectors I,
 * I + DEPTH, I + 2 * DEPTH and so on, ROUNDS in all and then the first again. Its Nth write (from 0) has N in the first four bytes and the
 * last four of the sector, and I behind the first. ACKED holds for each request how many writes the device has reported as done; FAILED
 * how many of them with an error. The count at COUNTER is the sum of what was done, as the interrupts of the device have said.
 */
#include "guest.h"
#include "interrupts.h"
#include "virtio.h"

#define DEPTH    32
#define ROUNDS   1024
#define SECTOR   512
#define ENTRIES  128
#define PLACE    23
#define VECTOR   0x31

#define DESCRIPTORS 0x210000
#define DRIVER_RING 0x210800
#define DEVICE_RING 0x211000
#define HEADERS     0x212000            /* 16 bytes each: type, priority, sector */
#define STATUSES    0x212800            /* a byte each */
#define ACKED       0x213000            /* 32 bits each */
#define SUBMITTED   0x213100            /* 32 bits each */
#define FAILED      0x213200
#define TAKEN       0x213204            /* elements of the device's ring that were looked at */
#define DATA_AREA   0x220000

#define HAS_NEXT    1
#define TYPE_OUT    1
#define FLUSH       (1 << 9)            /* the feature: writes may stay in the host's cache */

start:  flat_segments stack
        handle VECTOR, done
        apic_on
        ioapic2_route PLACE, VECTOR

        movl $DESCRIPTORS, %edi         /* all pages of the rings, headers and counts */
        movl $(0x4000 / 4), %ecx
        xorl %eax, %eax
        cld
        rep stosl

        virtio_write PLACE, DEVICE_STATUS, 0
        virtio_write PLACE, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER)
        virtio_write PLACE, DRIVER_FEATURES_SELECT, 0
        virtio_write PLACE, DRIVER_FEATURES, FLUSH
        virtio_write PLACE, DRIVER_FEATURES_SELECT, 1
        virtio_write PLACE, DRIVER_FEATURES, VERSION_1
        virtio_write PLACE, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK)
        virtio_write PLACE, QUEUE_SELECT, 0
        virtio_write PLACE, QUEUE_SIZE, ENTRIES
        virtio_write PLACE, QUEUE_DESCRIPTORS, DESCRIPTORS
        virtio_write PLACE, QUEUE_DRIVER, DRIVER_RING
        virtio_write PLACE, QUEUE_DEVICE, DEVICE_RING
        virtio_write PLACE, QUEUE_READY, 1
        virtio_write PLACE, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)

        xorl %edi, %edi
first:  call describe
        call submit
        incl %edi
        cmpl $DEPTH, %edi
        jb first
        virtio_write PLACE, QUEUE_NOTIFY, 0

sleep:  sti
        hlt
        jmp sleep

        /* The device has interrupted: each request that it has done is counted and made anew. */
done:   movl PLACE_REGISTERS(PLACE) + INTERRUPT_STATUS, %eax
        movl %eax, PLACE_REGISTERS(PLACE) + INTERRUPT_ACKNOWLEDGE
more:   movl TAKEN, %eax
        cmpw DEVICE_RING + RING_INDEX, %ax
        je none
        andl $(ENTRIES - 1), %eax
        movl DEVICE_RING + 4(,%eax,8), %eax
        xorl %edx, %edx
        movl $3, %ecx
        divl %ecx
        movl %eax, %edi
        incw TAKEN
        cmpb $0, STATUSES(%edi)
        je good
        incl FAILED
good:   incl ACKED(,%edi,4)
        count
        call submit
        jmp more
none:   virtio_write PLACE, QUEUE_NOTIFY, 0
        end_of_apic
        movl $stack, %esp
        jmp sleep

        /* Describes request EDI: descriptors 3 * EDI and the two behind it. Changes EAX, EBX and ECX. */
describe:
        leal (%edi,%edi,2), %ebx
        movl %ebx, %ecx
        shll $4, %ebx
        addl $DESCRIPTORS, %ebx
        movl %edi, %eax
        shll $4, %eax
        addl $HEADERS, %eax
        movl %eax, (%ebx)
        movl $16, 8(%ebx)
        incl %ecx
        movw $HAS_NEXT, 12(%ebx)
        movw %cx, 14(%ebx)
        movl %edi, %eax
        shll $9, %eax
        addl $DATA_AREA, %eax
        movl %eax, 16(%ebx)
        movl $SECTOR, 24(%ebx)
        incl %ecx
        movw $HAS_NEXT, 28(%ebx)
        movw %cx, 30(%ebx)
        leal STATUSES(%edi), %eax
        movl %eax, 32(%ebx)
        movl $1, 40(%ebx)
        movw $DEVICE_WRITES, 44(%ebx)
        ret

        /* Makes request EDI available once more, with the next number. Changes EAX, EBX and ECX. */
submit: movl SUBMITTED(,%edi,4), %eax
        movl %edi, %ebx
        shll $9, %ebx
        movl %eax, DATA_AREA(%ebx)
        movl %edi, DATA_AREA + 4(%ebx)
        movl %eax, DATA_AREA + SECTOR - 4(%ebx)
        incl SUBMITTED(,%edi,4)
        andl $(ROUNDS - 1), %eax
        imull $DEPTH, %eax, %eax
        addl %edi, %eax
        movl %edi, %ebx
        shll $4, %ebx
        movl $TYPE_OUT, HEADERS(%ebx)
        movl %eax, HEADERS + 8(%ebx)
        movb $0xff, STATUSES(%edi)
        movzwl DRIVER_RING + RING_INDEX, %eax
        andl $(ENTRIES - 1), %eax
        leal (%edi,%edi,2), %ecx
        movw %cx, DRIVER_RING + 4(,%eax,2)
        incw DRIVER_RING + RING_INDEX
        ret
