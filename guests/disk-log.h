/*
 * How a tiny guest keeps a virtio disk busy and a log of it: `disk_log` makes the driver of one disk, `NAME_start` and `NAME_done`.
 *
 * DISK_DEPTH requests are in flight at any time. Request I of them writes sectors I, I + DEPTH, I + 2 * DEPTH and so on, `rounds` in all and
 * then the first again. Its Nth write (from 0) has N in the first four bytes and the last four of the sector, and I behind the first. DISK_ACKED
 * holds for each request how many of its writes the device has reported as done; one that it reports as failed is made again, and DISK_FAILED
 * counts it. `base` is where rings, headers, counts and data lie, 32 KiB.
 */
#define DISK_DEPTH       32
#define DISK_SECTOR      512
#define DISK_ENTRIES     128

#define DISK_DRIVER_RING 0x800          /* from the base, where the descriptors are */
#define DISK_DEVICE_RING 0x1000
#define DISK_HEADERS     0x2000         /* 16 bytes each: type, priority, sector */
#define DISK_STATUSES    0x2800         /* a byte each */
#define DISK_ACKED       0x3000         /* 32 bits each */
#define DISK_SUBMITTED   0x3100         /* 32 bits each */
#define DISK_FAILED      0x3200
#define DISK_TAKEN       0x3204         /* elements of the device's ring that were looked at */
#define DISK_DATA        0x4000

#define DISK_HAS_NEXT    1
#define DISK_WRITES      1
#define DISK_FLUSH       (1 << 9)       /* the feature: writes may stay in the host's cache */

/* `each` is done with every write that the device reports as done. */
.macro disk_log name, place, vector, base, rounds, each
        /* Sets the disk up and submits all requests. Changes EAX, EBX, ECX and EBP. */
\name\()_start:
        handle \vector, \name\()_done
        ioapic2_route \place, \vector
        virtio_write \place, DEVICE_STATUS, 0
        movl $\base, %ebp               /* all pages of the rings, headers and counts */
1:      movl $0, (%ebp)
        addl $4, %ebp
        cmpl $(\base + 0x4000), %ebp
        jb 1b
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER)
        virtio_write \place, DRIVER_FEATURES_SELECT, 0
        virtio_write \place, DRIVER_FEATURES, DISK_FLUSH
        virtio_write \place, DRIVER_FEATURES_SELECT, 1
        virtio_write \place, DRIVER_FEATURES, VERSION_1
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK)
        virtio_write \place, QUEUE_SELECT, 0
        virtio_write \place, QUEUE_SIZE, DISK_ENTRIES
        virtio_write \place, QUEUE_DESCRIPTORS, \base
        virtio_write \place, QUEUE_DRIVER, (\base + DISK_DRIVER_RING)
        virtio_write \place, QUEUE_DEVICE, (\base + DISK_DEVICE_RING)
        virtio_write \place, QUEUE_READY, 1
        virtio_write \place, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
        xorl %ebp, %ebp
1:      call \name\()_describe
        call \name\()_submit
        incl %ebp
        cmpl $DISK_DEPTH, %ebp
        jb 1b
        virtio_write \place, QUEUE_NOTIFY, 0
        ret

        /* The device has interrupted: each request that it has done is counted and made anew. */
\name\()_done:
        movl PLACE_REGISTERS(\place) + INTERRUPT_STATUS, %eax
        movl %eax, PLACE_REGISTERS(\place) + INTERRUPT_ACKNOWLEDGE
1:      movl \base + DISK_TAKEN, %eax
        cmpw \base + DISK_DEVICE_RING + RING_INDEX, %ax
        je 4f
        andl $(DISK_ENTRIES - 1), %eax
        movl \base + DISK_DEVICE_RING + 4(,%eax,8), %eax
        xorl %edx, %edx
        movl $3, %ecx
        divl %ecx
        movl %eax, %ebp
        incw \base + DISK_TAKEN
        cmpb $0, \base + DISK_STATUSES(%ebp)
        je 2f
        incl \base + DISK_FAILED
        decl \base + DISK_SUBMITTED(,%ebp,4)
        jmp 3f
2:      incl \base + DISK_ACKED(,%ebp,4)
        \each
3:      call \name\()_submit
        jmp 1b
4:      virtio_write \place, QUEUE_NOTIFY, 0
        end_of_apic
        movl $stack, %esp
        jmp sleep

        /* Describes request EBP: descriptors 3 * EDI and the two behind it. Changes EAX, EBX and ECX. */
\name\()_describe:
        leal (%ebp,%ebp,2), %ebx
        movl %ebx, %ecx
        shll $4, %ebx
        addl $\base, %ebx
        movl %ebp, %eax
        shll $4, %eax
        addl $(\base + DISK_HEADERS), %eax
        movl %eax, (%ebx)
        movl $16, 8(%ebx)
        incl %ecx
        movw $DISK_HAS_NEXT, 12(%ebx)
        movw %cx, 14(%ebx)
        movl %ebp, %eax
        shll $9, %eax
        addl $(\base + DISK_DATA), %eax
        movl %eax, 16(%ebx)
        movl $DISK_SECTOR, 24(%ebx)
        incl %ecx
        movw $DISK_HAS_NEXT, 28(%ebx)
        movw %cx, 30(%ebx)
        leal \base + DISK_STATUSES(%ebp), %eax
        movl %eax, 32(%ebx)
        movl $1, 40(%ebx)
        movw $DEVICE_WRITES, 44(%ebx)
        ret

        /* Makes request EBP available once more, with the next number. Changes EAX, EBX and ECX. */
\name\()_submit:
        movl \base + DISK_SUBMITTED(,%ebp,4), %eax
        movl %ebp, %ebx
        shll $9, %ebx
        movl %eax, \base + DISK_DATA(%ebx)
        movl %ebp, \base + DISK_DATA + 4(%ebx)
        movl %eax, \base + DISK_DATA + DISK_SECTOR - 4(%ebx)
        incl \base + DISK_SUBMITTED(,%ebp,4)
        andl $(\rounds - 1), %eax
        imull $DISK_DEPTH, %eax, %eax
        addl %ebp, %eax
        movl %ebp, %ebx
        shll $4, %ebx
        movl $DISK_WRITES, \base + DISK_HEADERS(%ebx)
        movl %eax, \base + DISK_HEADERS + 8(%ebx)
        movb $0xff, \base + DISK_STATUSES(%ebp)
        movzwl \base + DISK_DRIVER_RING + RING_INDEX, %eax
        andl $(DISK_ENTRIES - 1), %eax
        leal (%ebp,%ebp,2), %ecx
        movw %cx, \base + DISK_DRIVER_RING + 4(,%eax,2)
        incw \base + DISK_DRIVER_RING + RING_INDEX
        ret
.endm
