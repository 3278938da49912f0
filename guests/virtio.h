/*
 * How a tiny guest drives a virtio-mmio device (version 2) with one queue and one buffer in it, which the device writes. A queue's rings lie
 * in a page of their own: all heads in the available ring are descriptor 0, so an index one higher offers the buffer again. The
 * interrupt comes through the second I/O APIC. What the driver has got back is copied from the used ring by the interrupt's handler
 * alone, and the buffer is offered again only then: an interrupt that is lost, or a notification, ends the count.
 * Source: virtio 1.2, sections 2.7 and 4.2; Intel 82093AA data sheet, chapter 3.
 */

#define PLACE_REGISTERS(place)  (0xfeb00000 + 0x200 * (place))
#define DEVICE_FEATURES         0x010
#define DEVICE_FEATURES_SELECT  0x014
#define DRIVER_FEATURES         0x020
#define DRIVER_FEATURES_SELECT  0x024
#define QUEUE_SELECT            0x030
#define QUEUE_SIZE_MAX          0x034
#define QUEUE_SIZE              0x038
#define QUEUE_READY             0x044
#define QUEUE_NOTIFY            0x050
#define INTERRUPT_STATUS        0x060
#define INTERRUPT_ACKNOWLEDGE   0x064
#define DEVICE_STATUS           0x070
#define QUEUE_DESCRIPTORS       0x080
#define QUEUE_DRIVER            0x090
#define QUEUE_DEVICE            0x0a0

#define ACKNOWLEDGE   1
#define DRIVER        2
#define DRIVER_OK     4
#define FEATURES_OK   8
#define VERSION_1     1                 /* bit 32 of the features: bit 0 of the upper half */

#define AVAILABLE     0x100             /* in the page of a queue: the driver's ring, */
#define USED          0x200             /* the device's ring, */
#define BUFFER        0x400             /* and what the device writes */
#define RING_INDEX    2
#define BUFFER_SIZE   16
#define RING_SIZE     8
#define DEVICE_WRITES 2

#define IOAPIC2_SELECT 0xfec10000
#define IOAPIC2_WINDOW 0xfec10010

.macro virtio_write place, register, value
        movl $(\value), PLACE_REGISTERS(\place) + \register
.endm

/* Has the interrupt of a place reach this processor by a vector: fixed, edge-triggered, APIC id 0, not masked. */
.macro ioapic2_route place, vector
        movl $(0x11 + 2 * \place), IOAPIC2_SELECT
        movl $0, IOAPIC2_WINDOW
        movl $(0x10 + 2 * \place), IOAPIC2_SELECT
        movl $\vector, IOAPIC2_WINDOW
.endm

/* Sets up a queue in a page, with one buffer described: `size` bytes at `buffer`. Nothing is offered yet. */
.macro virtio_queue place, queue, page, buffer, size, flags, entries
        movl $(\buffer), \page
        movl $0, \page + 4
        movl $\size, \page + 8
        movl $\flags, \page + 12
        movl $0, \page + AVAILABLE
        movl $0, \page + USED
        virtio_write \place, QUEUE_SELECT, \queue
        virtio_write \place, QUEUE_SIZE, \entries
        virtio_write \place, QUEUE_DESCRIPTORS, \page
        virtio_write \place, QUEUE_DRIVER, (\page + AVAILABLE)
        virtio_write \place, QUEUE_DEVICE, (\page + USED)
        virtio_write \place, QUEUE_READY, 1
.endm

/* Sets the device of a place up. `page` is its queue's, `served` where the count of buffers is that came back. */
.macro virtio_start place, page, served
        movl $0, \served
        virtio_write \place, DEVICE_STATUS, 0
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER)
        virtio_write \place, DRIVER_FEATURES_SELECT, 1
        virtio_write \place, DRIVER_FEATURES, VERSION_1
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK)
        virtio_queue \place, 0, \page, (\page + BUFFER), BUFFER_SIZE, DEVICE_WRITES, RING_SIZE
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
.endm

/* Offers the buffer again if it came back. Changes EAX. */
.macro virtio_offer place, page, served
        movzwl \page + AVAILABLE + RING_INDEX, %eax
        cmpl \served, %eax
        jne 1f
        incw \page + AVAILABLE + RING_INDEX
        virtio_write \place, QUEUE_NOTIFY, 0
1:
.endm

/* In the interrupt's handler: acknowledges it and notes what came back. Changes EAX. */
.macro virtio_take place, page, served
        movl PLACE_REGISTERS(\place) + INTERRUPT_STATUS, %eax
        movl %eax, PLACE_REGISTERS(\place) + INTERRUPT_ACKNOWLEDGE
        movzwl \page + USED + RING_INDEX, %eax
        movl %eax, \served
.endm
