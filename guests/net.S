/*
 * Sends every IPv4 packet back to where it came from, by a network card (virtio-mmio-bus.23) with one pair of queues: the addresses and ports of UDP are
 * exchanged, an ICMP echo is answered. No checksum of UDP or IPv4 changes by that. COUNTER is how many packets were sent back, DONE how many of those the
 * device has given back. A packet that comes is sent from the buffer that it is in, and the buffer is offered again when it was sent: a buffer that is
 * lost, an interrupt or a notification ends the count.
 */
#include "guest.h"
#include "interrupts.h"
#include "virtio.h"

#define NET             23
#define NET_VECTOR      0x31
#define RECEIVE         0
#define SEND            1
#define ENTRIES         256
#define RECEIVE_RINGS   0x300000        /* a page of descriptors, a page of the driver's ring, a page of the device's */
#define SEND_RINGS      0x310000
#define DRIVER_RING     0x1000
#define DEVICE_RING     0x2000
#define BUFFERS         0x400000
#define BUFFER_SHIFT    11

#define HEADER          12              /* of virtio-net */
#define DESTINATION     HEADER
#define SOURCE          (HEADER + 6)
#define ETHERTYPE       (HEADER + 12)
#define IPV4            0x0008          /* 0x0800, as it lies in memory */
#define PROTOCOL        (HEADER + 14 + 9)
#define FROM            (HEADER + 14 + 12)
#define TO              (HEADER + 14 + 16)
#define PORTS           (HEADER + 14 + 20)
#define ICMP            1
#define UDP             17
#define SHORTEST        (PORTS + 8)
#define ECHO_REQUEST    8

start:  flat_segments stack
        handle NET_VECTOR, net_done
        apic_on
        ioapic2_route NET, NET_VECTOR
        cld
        xorl %eax, %eax
        movl $RECEIVE_RINGS, %edi
        movl $(0x20000 / 4), %ecx
        rep stosl

        virtio_write NET, DEVICE_STATUS, 0
        virtio_write NET, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER)
        virtio_write NET, DRIVER_FEATURES_SELECT, 1
        virtio_write NET, DRIVER_FEATURES, VERSION_1
        virtio_write NET, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK)
        movl $RECEIVE, %esi
        movl $RECEIVE_RINGS, %ebp
        call queue
        movl $SEND, %esi
        movl $SEND_RINGS, %ebp
        call queue

        /* Every buffer is described in both queues, and offered to receive. */
        xorl %edi, %edi
1:      movl %edi, %eax
        shll $BUFFER_SHIFT, %eax
        addl $BUFFERS, %eax
        movl %edi, %ebx
        shll $4, %ebx
        movl %eax, RECEIVE_RINGS(%ebx)
        movl $(1 << BUFFER_SHIFT), RECEIVE_RINGS + 8(%ebx)
        movw $DEVICE_WRITES, RECEIVE_RINGS + 12(%ebx)
        movl %eax, SEND_RINGS(%ebx)
        movw %di, RECEIVE_RINGS + DRIVER_RING + 4(,%edi,2)
        incl %edi
        cmpl $ENTRIES, %edi
        jb 1b
        movw $ENTRIES, RECEIVE_RINGS + DRIVER_RING + RING_INDEX
        virtio_write NET, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
        virtio_write NET, QUEUE_NOTIFY, RECEIVE

doze:   sti
        hlt
        jmp doze

        /* Sets up queue ESI with its rings at EBP. Changes EAX. */
queue:  movl %esi, PLACE_REGISTERS(NET) + QUEUE_SELECT
        virtio_write NET, QUEUE_SIZE, ENTRIES
        movl %ebp, PLACE_REGISTERS(NET) + QUEUE_DESCRIPTORS
        leal DRIVER_RING(%ebp), %eax
        movl %eax, PLACE_REGISTERS(NET) + QUEUE_DRIVER
        leal DEVICE_RING(%ebp), %eax
        movl %eax, PLACE_REGISTERS(NET) + QUEUE_DEVICE
        virtio_write NET, QUEUE_READY, 1
        ret

net_done:
        movl PLACE_REGISTERS(NET) + INTERRUPT_STATUS, %eax
        movl %eax, PLACE_REGISTERS(NET) + INTERRUPT_ACKNOWLEDGE
        xorl %esi, %esi
        xorl %ebp, %ebp

        /* What has come goes back; ESI counts it. EBP counts the buffers that are offered again. */
came:   movl received, %eax
        cmpw RECEIVE_RINGS + DEVICE_RING + RING_INDEX, %ax
        je went
        incw received
        andl $(ENTRIES - 1), %eax
        movl RECEIVE_RINGS + DEVICE_RING + 4(,%eax,8), %edi
        movl RECEIVE_RINGS + DEVICE_RING + 8(,%eax,8), %ecx
        movl %edi, %ebx
        shll $BUFFER_SHIFT, %ebx
        addl $BUFFERS, %ebx
        cmpl $SHORTEST, %ecx
        jb unwanted
        cmpw $IPV4, ETHERTYPE(%ebx)
        jne unwanted
        cmpb $UDP, PROTOCOL(%ebx)
        je udp
        cmpb $ICMP, PROTOCOL(%ebx)
        jne unwanted
        cmpb $ECHO_REQUEST, PORTS(%ebx)
        jne unwanted
        movb $0, PORTS(%ebx)
        addw $ECHO_REQUEST, PORTS + 2(%ebx)
        adcw $0, PORTS + 2(%ebx)
        jmp turn
udp:    rorl $16, PORTS(%ebx)
turn:   movl FROM(%ebx), %eax
        xchgl %eax, TO(%ebx)
        movl %eax, FROM(%ebx)
        movl DESTINATION(%ebx), %eax
        xchgl %eax, SOURCE(%ebx)
        movl %eax, DESTINATION(%ebx)
        movw DESTINATION + 4(%ebx), %ax
        xchgw %ax, SOURCE + 4(%ebx)
        movw %ax, DESTINATION + 4(%ebx)
        movl $0, (%ebx)
        movl $0, 4(%ebx)
        movl $0, 8(%ebx)
        movl %edi, %eax
        shll $4, %eax
        movl %ecx, SEND_RINGS + 8(%eax)
        movzwl SEND_RINGS + DRIVER_RING + RING_INDEX, %eax
        andl $(ENTRIES - 1), %eax
        movw %di, SEND_RINGS + DRIVER_RING + 4(,%eax,2)
        incw SEND_RINGS + DRIVER_RING + RING_INDEX
        incl %esi
        jmp came
unwanted:
        call offer
        jmp came

        /* Buffers that were sent are for what comes. */
went:   movl sent, %eax
        cmpw SEND_RINGS + DEVICE_RING + RING_INDEX, %ax
        je notify
        incw sent
        andl $(ENTRIES - 1), %eax
        movl SEND_RINGS + DEVICE_RING + 4(,%eax,8), %edi
        call offer
        addl $1, DONE
        adcl $0, DONE + 4
        jmp went

notify: testl %esi, %esi
        jz 1f
        addl %esi, COUNTER
        adcl $0, COUNTER + 4
        virtio_write NET, QUEUE_NOTIFY, SEND
1:      testl %ebp, %ebp
        jz 2f
        virtio_write NET, QUEUE_NOTIFY, RECEIVE
2:      end_of_apic
        movl $stack, %esp
        jmp doze

        /* Offers buffer EDI to receive, and counts it in EBP. Changes EAX. */
offer:  movzwl RECEIVE_RINGS + DRIVER_RING + RING_INDEX, %eax
        andl $(ENTRIES - 1), %eax
        movw %di, RECEIVE_RINGS + DRIVER_RING + 4(,%eax,2)
        incw RECEIVE_RINGS + DRIVER_RING + RING_INDEX
        incl %ebp
        ret

        .data
received: .long 0                       /* elements of the device's rings that were looked at */
sent:   .long 0
