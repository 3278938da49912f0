/*
 * How a tiny guest keeps a flow of numbered frames on a virtio network card: `net_flow` makes the driver, `NAME_start`, `NAME_tick` and `NAME_done`.
 *
 * One frame is sent at each tick if the one before has come back, with the next number (from 1) behind its Ethernet header and in its last four bytes. One
 * buffer is offered to receive; NET_RECEIVED counts what came in it, NET_LAST is the number of the last, NET_REPEATED counts those whose number was not
 * higher than the one before. NET_STATUS is the card's status at the last tick: bit 0, the link is up. What has come back is noted by the interrupt's
 * handler alone: an interrupt that is lost, or a notification, ends the flow. `base` is where rings, buffers and counts lie, 20 KiB.
 */
#define NET_RECEIVE_PAGE 0x0000         /* from the base: as virtio_queue has them */
#define NET_SEND_PAGE    0x1000
#define NET_NUMBER       0x2000         /* of the last frame that was given to the device; this and what follows has 32 bits each */
#define NET_RECEIVED     0x2004
#define NET_LAST         0x2008
#define NET_REPEATED     0x200c
#define NET_STATUS       0x2010
#define NET_RETURNED     0x2014         /* the device's index of the queue that sends */
#define NET_TAKEN        0x2018         /* the same of the one that receives, as far as it was looked at */
#define NET_RECEIVE      0x3000
#define NET_SEND         0x4000

#define NET_HEADER       12             /* of virtio-net */
#define NET_ADDRESSES    14             /* both, and the type */
#define NET_FRAME        1514
#define NET_ROOM         2048
#define NET_TYPE         0xb588         /* 0x88b5, for experiments, as it lies in memory */
#define NET_HAS_STATUS   (1 << 16)      /* the feature */
#define NET_CONFIG_STATUS 0x106

.macro net_flow name, place, vector, base
        /* Sets the card up and offers the buffer. Changes EAX and EBP. */
\name\()_start:
        handle \vector, \name\()_done
        ioapic2_route \place, \vector
        virtio_write \place, DEVICE_STATUS, 0
        movl $\base, %ebp
1:      movl $0, (%ebp)
        addl $4, %ebp
        cmpl $(\base + 0x5000), %ebp
        jb 1b
        movl $0xffffffff, \base + NET_SEND + NET_HEADER
        movl $0x0052ffff, \base + NET_SEND + NET_HEADER + 4     /* to all, from 52:00:00:00:00:00 */
        movw $NET_TYPE, \base + NET_SEND + NET_HEADER + 12
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER)
        virtio_write \place, DRIVER_FEATURES_SELECT, 0
        virtio_write \place, DRIVER_FEATURES, NET_HAS_STATUS
        virtio_write \place, DRIVER_FEATURES_SELECT, 1
        virtio_write \place, DRIVER_FEATURES, VERSION_1
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK)
        virtio_queue \place, 0, (\base + NET_RECEIVE_PAGE), (\base + NET_RECEIVE), NET_ROOM, DEVICE_WRITES, RING_SIZE
        virtio_queue \place, 1, (\base + NET_SEND_PAGE), (\base + NET_SEND), (NET_HEADER + NET_FRAME), 0, RING_SIZE
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
        incw \base + NET_RECEIVE_PAGE + AVAILABLE + RING_INDEX
        virtio_write \place, QUEUE_NOTIFY, 0
        ret

        /* Sends the next frame if the last came back. Changes EAX. */
\name\()_tick:
        movzwl PLACE_REGISTERS(\place) + NET_CONFIG_STATUS, %eax
        movl %eax, \base + NET_STATUS
        movl \base + NET_RETURNED, %eax
        cmpw \base + NET_SEND_PAGE + AVAILABLE + RING_INDEX, %ax
        jne 1f
        incl \base + NET_NUMBER
        movl \base + NET_NUMBER, %eax
        movl %eax, \base + NET_SEND + NET_HEADER + NET_ADDRESSES
        movl %eax, \base + NET_SEND + NET_HEADER + NET_FRAME - 4
        incw \base + NET_SEND_PAGE + AVAILABLE + RING_INDEX
        virtio_write \place, QUEUE_NOTIFY, 1
1:      ret

        /* The device has interrupted. */
\name\()_done:
        movl PLACE_REGISTERS(\place) + INTERRUPT_STATUS, %eax
        movl %eax, PLACE_REGISTERS(\place) + INTERRUPT_ACKNOWLEDGE
        movzwl \base + NET_SEND_PAGE + USED + RING_INDEX, %eax
        movl %eax, \base + NET_RETURNED
        movl \base + NET_TAKEN, %eax
        cmpw \base + NET_RECEIVE_PAGE + USED + RING_INDEX, %ax
        je 2f
        incw \base + NET_TAKEN
        movl \base + NET_RECEIVE + NET_HEADER + NET_ADDRESSES, %eax
        cmpl \base + NET_LAST, %eax
        ja 1f
        incl \base + NET_REPEATED
1:      incl \base + NET_RECEIVED
        movl %eax, \base + NET_LAST
        incw \base + NET_RECEIVE_PAGE + AVAILABLE + RING_INDEX
        virtio_write \place, QUEUE_NOTIFY, 0
2:      end_of_apic
        movl $stack, %esp
        jmp sleep
.endm
