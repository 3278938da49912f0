/*
 * How a tiny guest keeps a network card's rings full: `net_load` makes the driver, `net_start`, `net_begin` and `net_serve`.
 *
 * Each pair of queues (up to four, by the control queue, where the card has several) sends the same frame again and again, an ICMP echo request of 1500
 * bytes from 192.0.2.(2 + pair) to 192.0.2.1, which the host answers: what is sent on a pair comes back on it. At first each pair sends until one is
 * answered, because a host drops what it sends while it has not yet noticed that its tap is in use; from net_begin on all descriptors that send are in flight. Buffers to receive are all offered, at any time. FRAMES + 8 * PAIR counts the frames
 * that came. What has come back is taken by net_serve alone, which interrupts call: an interrupt that is lost, or a notification, ends a pair's count.
 * Without a card nothing happens. `base` is where rings and buffers lie, 1 MiB a pair.
 *
 * CHANGE set from outside makes the driver use one pair and all of them in turn, while the load goes on: each change is a command, and the next comes
 * some interrupts after its answer. CHANGES counts the answers.
 */
#define FRAMES          0x200060        /* guest-physical address of 64-bit counts, one a pair */
#define CHANGES         0x200080        /* guest-physical address of a 64-bit count */

#define DEVICE_ID       0x008
#define NET_DEVICE      1
#define NET_CONTROL_VQ  (1 << 17)       /* the feature, */
#define NET_MULTIQUEUE  (1 << 22)       /* and that of several pairs */
#define NET_MOST_PAIRS  0x108           /* in configuration space, 16 bits */
#define NET_PAIRS       4
#define NET_ENTRIES     256

#define NET_PAIR_SHIFT  20              /* the area of a pair, and what is where in it */
#define NET_RECEIVE     0x0000          /* a page of descriptors, a page of the driver's ring, a page of the device's */
#define NET_SEND        0x3000
#define NET_DRIVER_RING 0x1000
#define NET_DEVICE_RING 0x2000
#define NET_FRAME       0x6000          /* what is sent, behind a header of virtio-net */
#define NET_TAKEN       0x7000          /* elements of the device's ring that were looked at, of the queue that receives, */
#define NET_RETURNED    0x7004          /* and of the one that sends */
#define NET_CONTROL     0x8000          /* in the first area: the control queue's rings, and its command */
#define NET_COMMAND     0xb000          /* class 4, command 0, pairs; and the answer, a byte */
#define NET_ANSWER      0xb004
#define NET_END         0xc000
#define NET_BUFFERS     0x80000
#define NET_BUFFER_SHIFT 11

#define NET_HEADER      12
#define NET_LENGTH      (NET_HEADER + 14 + 1500)
#define NET_IPV4        (NET_FRAME + NET_HEADER + 14)
#define NET_HAS_NEXT    1
#define NET_CHANGE_EVERY 16             /* interrupts: a power of two */
#define NET_PATIENCE    10000           /* looks for an answer before the next request */

.macro net_load place, base
        /* Sets the card up and has each pair send and receive once. Changes all registers. */
net_start:
        cmpl $NET_DEVICE, PLACE_REGISTERS(\place) + DEVICE_ID
        je 1f
        ret
1:      virtio_write \place, DEVICE_STATUS, 0
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER)
        virtio_write \place, DEVICE_FEATURES_SELECT, 0
        virtio_write \place, DRIVER_FEATURES_SELECT, 0
        movl PLACE_REGISTERS(\place) + DEVICE_FEATURES, %ebx
        andl $(NET_CONTROL_VQ | NET_MULTIQUEUE), %ebx
        movl %ebx, PLACE_REGISTERS(\place) + DRIVER_FEATURES
        virtio_write \place, DRIVER_FEATURES_SELECT, 1
        virtio_write \place, DRIVER_FEATURES, VERSION_1
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK)
        movl $1, net_pairs
        movl $2, net_control
        testl $NET_MULTIQUEUE, %ebx
        jz 2f
        movzwl PLACE_REGISTERS(\place) + NET_MOST_PAIRS, %eax
        leal (%eax,%eax), %ecx
        movl %ecx, net_control
        movl $NET_PAIRS, net_pairs
        cmpl $NET_PAIRS, %eax
        ja 2f
        movl %eax, net_pairs

2:      movl $\base, %ebp
        xorl %esi, %esi
3:      call net_describe
        leal (%esi,%esi), %eax
        leal NET_RECEIVE(%ebp), %ebx
        movl $NET_ENTRIES, %ecx
        call net_queue
        leal 1(%esi,%esi), %eax
        leal NET_SEND(%ebp), %ebx
        call net_queue
        call net_next
        jb 3b
        movl net_control, %eax
        movl $(\base + NET_CONTROL), %ebx
        movl $RING_SIZE, %ecx
        call net_queue
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
        cmpl $1, net_pairs
        je 5f

        /* The pairs that are used: descriptor 0 has the command, descriptor 1 takes the answer. */
        movb $4, \base + NET_COMMAND
        movl net_pairs, %eax
        movw %ax, \base + NET_COMMAND + 2
        movb $0xff, \base + NET_ANSWER
        movl $(\base + NET_COMMAND), \base + NET_CONTROL
        movl $4, \base + NET_CONTROL + 8
        movl $(NET_HAS_NEXT | 1 << 16), \base + NET_CONTROL + 12
        movl $(\base + NET_ANSWER), \base + NET_CONTROL + 16
        movl $1, \base + NET_CONTROL + 24
        movw $DEVICE_WRITES, \base + NET_CONTROL + 28
        call net_command
4:      pause
        cmpw $1, \base + NET_CONTROL + NET_DEVICE_RING + RING_INDEX
        jne 4b
        cmpb $0, \base + NET_ANSWER
        jne net_failed

5:      movl $\base, %ebp
        xorl %esi, %esi
6:      movw $NET_ENTRIES, NET_RECEIVE + NET_DRIVER_RING + RING_INDEX(%ebp)
        leal (%esi,%esi), %eax
        movl %eax, PLACE_REGISTERS(\place) + QUEUE_NOTIFY
7:      xorl %edi, %edi
        net_offer NET_SEND
        leal 1(%esi,%esi), %eax
        movl %eax, PLACE_REGISTERS(\place) + QUEUE_NOTIFY
8:      pause
        movw NET_SEND + NET_DEVICE_RING + RING_INDEX(%ebp), %ax
        cmpw NET_SEND + NET_DRIVER_RING + RING_INDEX(%ebp), %ax
        jne 8b
        movw %ax, NET_RETURNED(%ebp)
        movl $NET_PATIENCE, %ecx
9:      cmpw $0, NET_RECEIVE + NET_DEVICE_RING + RING_INDEX(%ebp)
        jne 10f
        pause
        loop 9b
        jmp 7b
10:
        call net_receive
        call net_next
        jb 6b
        ret
net_failed:
        stop

        /* Sends the command once more. Changes EAX. */
net_command:
        incw \base + NET_CONTROL + NET_DRIVER_RING + RING_INDEX
        movl net_control, %eax
        movl %eax, PLACE_REGISTERS(\place) + QUEUE_NOTIFY
        ret

        /* One pair where there were all, all where there was one, if the last change was answered and it is time. Changes EAX. */
net_change:
        incl net_interrupts
        testl $(NET_CHANGE_EVERY - 1), net_interrupts
        jnz 1f
        movw \base + NET_CONTROL + NET_DRIVER_RING + RING_INDEX, %ax
        cmpw \base + NET_CONTROL + NET_DEVICE_RING + RING_INDEX, %ax
        jne 1f
        cmpb $0, \base + NET_ANSWER
        jne net_failed
        addl $1, CHANGES
        adcl $0, CHANGES + 4
        movl net_pairs, %eax
        incl %eax
        subw \base + NET_COMMAND + 2, %ax
        movw %ax, \base + NET_COMMAND + 2
        movb $0xff, \base + NET_ANSWER
        jmp net_command
1:      ret

        /* Begins the load: all descriptors that send are in flight. Changes all registers. */
net_begin:
        cmpl $0, net_pairs
        je 3f
        movl $\base, %ebp
        xorl %esi, %esi
1:      xorl %edi, %edi
2:      net_offer NET_SEND
        incl %edi
        cmpl $NET_ENTRIES, %edi
        jb 2b
        leal 1(%esi,%esi), %eax
        movl %eax, PLACE_REGISTERS(\place) + QUEUE_NOTIFY
        call net_next
        jb 1b
3:      ret

        /* Called by interrupts: buffers that came back are offered again, those that send only under load. Changes all registers. */
net_serve:
        cmpl $0, net_pairs
        je 3f
        movl PLACE_REGISTERS(\place) + INTERRUPT_STATUS, %eax
        movl %eax, PLACE_REGISTERS(\place) + INTERRUPT_ACKNOWLEDGE
        movl $\base, %ebp
        xorl %esi, %esi
1:      call net_receive
        cmpl $0, GO
        je 2f
        net_again NET_SEND, NET_RETURNED
        jz 2f
        leal 1(%esi,%esi), %eax
        movl %eax, PLACE_REGISTERS(\place) + QUEUE_NOTIFY
2:      call net_next
        jb 1b
        cmpl $0, CHANGE
        je 3f
        cmpl $1, net_pairs
        jne net_change
3:      ret

        /* The queue that receives, of pair ESI with the area EBP. Changes all other registers. */
net_receive:
        net_again NET_RECEIVE, NET_TAKEN
        jz 1f
        addl %edx, FRAMES(,%esi,8)
        adcl $0, FRAMES + 4(,%esi,8)
        leal (%esi,%esi), %eax
        movl %eax, PLACE_REGISTERS(\place) + QUEUE_NOTIFY
1:      ret

        /* The next pair; below: there is one. */
net_next:
        addl $(1 << NET_PAIR_SHIFT), %ebp
        incl %esi
        cmpl net_pairs, %esi
        ret

        /* Sets up queue EAX with ECX entries and its rings at EBX. Changes EAX. */
net_queue:
        movl %eax, PLACE_REGISTERS(\place) + QUEUE_SELECT
        movl %ecx, PLACE_REGISTERS(\place) + QUEUE_SIZE
        movl %ebx, PLACE_REGISTERS(\place) + QUEUE_DESCRIPTORS
        leal NET_DRIVER_RING(%ebx), %eax
        movl %eax, PLACE_REGISTERS(\place) + QUEUE_DRIVER
        leal NET_DEVICE_RING(%ebx), %eax
        movl %eax, PLACE_REGISTERS(\place) + QUEUE_DEVICE
        virtio_write \place, QUEUE_READY, 1
        ret

        /* Describes the buffers of pair ESI in the area EBP, offers those that receive, and makes the frame that is sent. Changes EAX, EBX, ECX, EDI. */
net_describe:
        xorl %eax, %eax
        movl %ebp, %edi
        movl $(NET_END / 4), %ecx
        rep stosl
        xorl %edi, %edi
1:      movl %edi, %eax
        shll $NET_BUFFER_SHIFT, %eax
        leal NET_BUFFERS(%ebp,%eax), %eax
        movl %edi, %ebx
        shll $4, %ebx
        addl %ebp, %ebx
        movl %eax, NET_RECEIVE(%ebx)
        movl $(1 << NET_BUFFER_SHIFT), NET_RECEIVE + 8(%ebx)
        movw $DEVICE_WRITES, NET_RECEIVE + 12(%ebx)
        leal NET_FRAME(%ebp), %eax
        movl %eax, NET_SEND(%ebx)
        movl $NET_LENGTH, NET_SEND + 8(%ebx)
        movw %di, NET_RECEIVE + NET_DRIVER_RING + 4(%ebp,%edi,2)
        incl %edi
        cmpl $NET_ENTRIES, %edi
        jb 1b

        /* To all, from 52:54:00:12:34:56; IPv4, 1500 bytes, not to be fragmented, ICMP; an echo request of nothing but zeros. */
        movl $0xffffffff, NET_FRAME + NET_HEADER(%ebp)
        movl $0x5452ffff, NET_FRAME + NET_HEADER + 4(%ebp)
        movl $0x56341200, NET_FRAME + NET_HEADER + 8(%ebp)
        movw $0x0008, NET_FRAME + NET_HEADER + 12(%ebp)
        movl $0xdc050045, NET_IPV4(%ebp)
        movl $0x00400000, NET_IPV4 + 4(%ebp)
        movl $0x1db10140, NET_IPV4 + 8(%ebp)
        movl $0x020200c0, NET_IPV4 + 12(%ebp)
        movl $0x010200c0, NET_IPV4 + 16(%ebp)
        movl $0xfff70008, NET_IPV4 + 20(%ebp)
        movl %esi, %eax
        addb %al, NET_IPV4 + 15(%ebp)   /* the pair's address, */
        subb %al, NET_IPV4 + 11(%ebp)   /* and the checksum with it */
        ret

        .data
        .balign 4
net_pairs:   .long 0
net_control: .long 0                    /* number of the control queue */
net_interrupts: .long 0
        .text
.endm

/* Offers descriptor EDI of one of the queues of the area EBP. Changes EAX. */
.macro net_offer rings
        movzwl \rings + NET_DRIVER_RING + RING_INDEX(%ebp), %eax
        andl $(NET_ENTRIES - 1), %eax
        movw %di, \rings + NET_DRIVER_RING + 4(%ebp,%eax,2)
        incw \rings + NET_DRIVER_RING + RING_INDEX(%ebp)
.endm

/* Offers again what came back. EDX counts it; zero: there was none. Changes EAX and EDI. */
.macro net_again rings, taken
        xorl %edx, %edx
71:     movl \taken(%ebp), %eax
        cmpw \rings + NET_DEVICE_RING + RING_INDEX(%ebp), %ax
        je 72f
        incw \taken(%ebp)
        andl $(NET_ENTRIES - 1), %eax
        movl \rings + NET_DEVICE_RING + 4(%ebp,%eax,8), %edi
        net_offer \rings
        incl %edx
        jmp 71b
72:     testl %edx, %edx
.endm
