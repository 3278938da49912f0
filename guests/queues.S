/*
 * Has every queue of a disk (virtio-mmio-bus.23, up to four queues), a console (.22, three ports), an entropy device (.21) and, where there is one, a
 * network card (.20, net-load.h) running, and then counts at COUNTER, in a tight loop and with nothing in flight: each queue has been used once, and
 * those for input have buffers.
 *
 * GO set from outside makes load: processor I keeps DEPTH writes in flight on the disk's queue I, and counts at DONE + 8 * I what came back.
 * The disk's interrupt comes to the boot processor, which passes it on; COUNTER is then what came back on its own queue. The card has the same vector,
 * so that neither waits for the other, and its rings are full. Now and then the entropy device fills a buffer and a port is written to as well. A
 * request that failed, or an interrupt that was lost, ends a queue's count.
 */
#include "guest.h"
#include "interrupts.h"
#include "virtio.h"
#include "net-load.h"

#define DISK            23
#define CONSOLE         22
#define ENTROPY         21
#define NET             20
#define PASSED_ON       0x30            /* vector of the interrupt between processors */
#define BUSY_VECTOR     0x31            /* of the disk and the card */
#define CONSOLE_VECTOR  0x32
#define ENTROPY_VECTOR  0x33
#define TRAMPOLINE      8               /* the page where the other processors begin */
#define APIC_ID         0xfee00020      /* from bit 24 on */

#define MULTIPORT       2               /* bit 1 of a console's features */
#define CONTROL_IN      2
#define CONTROL_OUT     3
#define CONSOLE_PAGE(q) (0x210000 + 0x1000 * (q))
#define CONTROL_BUFFER  64              /* bytes of each buffer for messages of the device */
#define DEVICE_READY    0
#define PORT_READY      3
#define PORT_OPEN       6
#define ENTROPY_PAGE    0x220000

#define QUEUES          4
#define DEPTH           32
#define ENTRIES         128
#define SECTOR          512
#define FLUSH           (1 << 9)        /* the feature: writes may stay in the host's cache */
#define MULTIQUEUE      (1 << 12)
#define HAS_NEXT        1
#define TYPE_OUT        1
#define SECTORS         0x20000         /* how many are written, of all queues */
#define OTHERS_EVERY    64              /* interrupts of the disk for one use of the other devices: a power of two */

#define NET_AREAS       0x400000        /* 4 MiB */

/* The area of a queue of the disk, and what is where in it. */
#define AREAS           0x300000
#define AREA_SHIFT      16
#define DRIVER_RING     0x0800
#define DEVICE_RING     0x1000
#define HEADERS         0x2000          /* 16 bytes each: type, priority, sector */
#define STATUSES        0x2800          /* a byte each */
#define TAKEN           0x2c00          /* elements of the device's ring that were looked at */
#define BEGUN           0x2c04          /* whether it is under load */
#define NUMBER          0x2c08          /* of the queue */
#define WRITTEN         0x2c0c          /* requests that were made */
#define DATA_AREA       0x4000

start:  flat_segments stack
        handle PASSED_ON, passed
        handle BUSY_VECTOR, busy_done
        handle CONSOLE_VECTOR, console_done
        handle ENTROPY_VECTOR, entropy_done
        apic_on
        ioapic2_route DISK, BUSY_VECTOR
        ioapic2_route NET, BUSY_VECTOR
        ioapic2_route CONSOLE, CONSOLE_VECTOR
        ioapic2_route ENTROPY, ENTROPY_VECTOR
        cld
        xorl %eax, %eax
        movl $CONSOLE_PAGE(0), %edi
        movl $(0x20000 / 4), %ecx
        rep stosl
        movl $AREAS, %edi
        movl $((QUEUES << AREA_SHIFT) / 4), %ecx
        rep stosl
        call disk_start
        call console_start
        virtio_start ENTROPY, ENTROPY_PAGE, SERVED
        virtio_offer ENTROPY, ENTROPY_PAGE, SERVED
        call net_start

        copy_trampoline trampoline, trampoline_end, TRAMPOLINE
        send (INIT | TO_OTHERS)
        send (SIPI | TO_OTHERS | TRAMPOLINE)
        send (SIPI | TO_OTHERS | TRAMPOLINE)    /* a processor that runs ignores the second one */

        /* The boot processor counts, an interrupt may come between two counts, until the load begins. */
rest:   cmpl $0, AREAS + BEGUN
        jne doze
        sti
        nop
        cli
        count
        cmpl $0, GO
        je rest
        movl $(FIXED | TO_OTHERS | PASSED_ON), APIC_ICR
        movl $AREAS, %ebp
        call serve
        call net_begin
doze:   sti
        hlt
        jmp doze

        /* The disk or the card has interrupted the boot processor. */
busy_done:
        call net_serve
        movl PLACE_REGISTERS(DISK) + INTERRUPT_STATUS, %eax
        movl %eax, PLACE_REGISTERS(DISK) + INTERRUPT_ACKNOWLEDGE
        testl %eax, %eax
        jz taken
        cmpl $0, GO
        je taken
        movl $(FIXED | TO_OTHERS | PASSED_ON), APIC_ICR
        movl $AREAS, %ebp
        call serve
        addl %esi, COUNTER
        adcl $0, COUNTER + 4
        incl interrupts
        testl $(OTHERS_EVERY - 1), interrupts
        jnz taken
        virtio_offer ENTROPY, ENTROPY_PAGE, SERVED
        movw CONSOLE_PAGE(5) + USED + RING_INDEX, %ax
        cmpw %ax, CONSOLE_PAGE(5) + AVAILABLE + RING_INDEX
        jne taken
        incw CONSOLE_PAGE(5) + AVAILABLE + RING_INDEX
        virtio_write CONSOLE, QUEUE_NOTIFY, 5
taken:  end_of_apic
        movl $stack, %esp
        jmp rest

        /* What the device said is not read; its buffers are offered again. */
console_done:
        movl PLACE_REGISTERS(CONSOLE) + INTERRUPT_STATUS, %eax
        movl %eax, PLACE_REGISTERS(CONSOLE) + INTERRUPT_ACKNOWLEDGE
        movw CONSOLE_PAGE(CONTROL_IN) + USED + RING_INDEX, %ax
        addw $RING_SIZE, %ax
        cmpw %ax, CONSOLE_PAGE(CONTROL_IN) + AVAILABLE + RING_INDEX
        je taken
        movw %ax, CONSOLE_PAGE(CONTROL_IN) + AVAILABLE + RING_INDEX
        virtio_write CONSOLE, QUEUE_NOTIFY, CONTROL_IN
        jmp taken

entropy_done:
        virtio_take ENTROPY, ENTROPY_PAGE, SERVED
        jmp taken

        /* On another processor: its queue, on its own stack. */
passed: call own_queue
        call serve
        end_of_apic
        jmp other_rest
other:  flat_segments stack
        apic_on
other_rest:                             /* no stack before its own */
        movl APIC_ID, %eax
        shrl $(24 - 8), %eax
        leal other_stacks(%eax), %esp
1:      sti
        hlt
        jmp 1b

        /* EBP is the area of this processor's queue. Changes EAX. */
own_queue:
        movl APIC_ID, %ebp
        shrl $24, %ebp
        shll $AREA_SHIFT, %ebp
        addl $AREAS, %ebp
        ret

        /* Begins the load on the queue of area EBP, or makes each request anew that came back. ESI counts those. Changes all other registers. */
serve:  xorl %esi, %esi
        cmpl $0, BEGUN(%ebp)
        jne more
        movl $1, BEGUN(%ebp)
        xorl %edi, %edi
1:      call submit
        incl %edi
        cmpl $DEPTH, %edi
        jb 1b
        jmp notify
more:   movl TAKEN(%ebp), %eax
        cmpw DEVICE_RING + RING_INDEX(%ebp), %ax
        je none
        andl $(ENTRIES - 1), %eax
        movl DEVICE_RING + 4(%ebp,%eax,8), %eax
        xorl %edx, %edx
        movl $3, %ecx
        divl %ecx
        movl %eax, %edi
        incw TAKEN(%ebp)
        cmpb $0, STATUSES(%ebp,%edi)
        jne failed
        incl %esi
        call submit
        jmp more
none:   testl %esi, %esi
        jz 1f
        movl NUMBER(%ebp), %eax
        addl %esi, DONE(,%eax,8)
        adcl $0, DONE + 4(,%eax,8)
notify: movl NUMBER(%ebp), %eax
        movl %eax, PLACE_REGISTERS(DISK) + QUEUE_NOTIFY
1:      ret

failed: stop

        /* Sets the disk up and has each queue of it write once. Changes all registers. */
disk_start:
        virtio_write DISK, DEVICE_STATUS, 0
        virtio_write DISK, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER)
        virtio_write DISK, DEVICE_FEATURES_SELECT, 0
        virtio_write DISK, DRIVER_FEATURES_SELECT, 0
        movl PLACE_REGISTERS(DISK) + DEVICE_FEATURES, %eax
        andl $(FLUSH | MULTIQUEUE), %eax
        movl %eax, PLACE_REGISTERS(DISK) + DRIVER_FEATURES
        virtio_write DISK, DRIVER_FEATURES_SELECT, 1
        virtio_write DISK, DRIVER_FEATURES, VERSION_1
        virtio_write DISK, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK)
        movl $AREAS, %ebp
        xorl %esi, %esi
1:      movl %esi, PLACE_REGISTERS(DISK) + QUEUE_SELECT
        movl PLACE_REGISTERS(DISK) + QUEUE_SIZE_MAX, %eax
        testl %eax, %eax
        jz 2f
        movl %esi, NUMBER(%ebp)
        virtio_write DISK, QUEUE_SIZE, ENTRIES
        movl %ebp, PLACE_REGISTERS(DISK) + QUEUE_DESCRIPTORS
        leal DRIVER_RING(%ebp), %eax
        movl %eax, PLACE_REGISTERS(DISK) + QUEUE_DRIVER
        leal DEVICE_RING(%ebp), %eax
        movl %eax, PLACE_REGISTERS(DISK) + QUEUE_DEVICE
        virtio_write DISK, QUEUE_READY, 1
        addl $(1 << AREA_SHIFT), %ebp
        incl %esi
        cmpl $QUEUES, %esi
        jb 1b
2:      virtio_write DISK, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)

        /* ESI queues from here on; the last is used first. */
3:      decl %esi
        js 6f
        subl $(1 << AREA_SHIFT), %ebp
        xorl %edi, %edi
4:      call describe
        incl %edi
        cmpl $DEPTH, %edi
        jb 4b
        xorl %edi, %edi
        call submit
        movl %esi, PLACE_REGISTERS(DISK) + QUEUE_NOTIFY
5:      pause
        cmpw $1, DEVICE_RING + RING_INDEX(%ebp)
        jne 5b
        movw $1, TAKEN(%ebp)
        jmp 3b
6:      ret

        /* Describes request EDI of the queue of area EBP: descriptors 3 * EDI and the two behind it. Changes EAX, EBX and ECX. */
describe:
        leal (%edi,%edi,2), %ecx
        movl %ecx, %ebx
        shll $4, %ebx
        addl %ebp, %ebx
        movl %edi, %eax
        shll $4, %eax
        leal HEADERS(%ebp,%eax), %eax
        movl %eax, (%ebx)
        movl $TYPE_OUT, (%eax)
        movl $16, 8(%ebx)
        incl %ecx
        movw $HAS_NEXT, 12(%ebx)
        movw %cx, 14(%ebx)
        movl %edi, %eax
        shll $9, %eax
        leal DATA_AREA(%ebp,%eax), %eax
        movl %eax, 16(%ebx)
        movl $SECTOR, 24(%ebx)
        incl %ecx
        movw $HAS_NEXT, 28(%ebx)
        movw %cx, 30(%ebx)
        leal STATUSES(%ebp,%edi), %eax
        movl %eax, 32(%ebx)
        movl $1, 40(%ebx)
        movw $DEVICE_WRITES, 44(%ebx)
        ret

        /* Makes request EDI of the queue of area EBP available, for another sector. Changes EAX, EBX and ECX. */
submit: movl WRITTEN(%ebp), %eax
        incl WRITTEN(%ebp)
        leal (,%eax,QUEUES), %eax
        addl NUMBER(%ebp), %eax
        andl $(SECTORS - 1), %eax
        movl %edi, %ebx
        shll $4, %ebx
        movl %eax, HEADERS + 8(%ebp,%ebx)
        movb $0xff, STATUSES(%ebp,%edi)
        movzwl DRIVER_RING + RING_INDEX(%ebp), %eax
        andl $(ENTRIES - 1), %eax
        leal (%edi,%edi,2), %ecx
        movw %cx, DRIVER_RING + 4(%ebp,%eax,2)
        incw DRIVER_RING + RING_INDEX(%ebp)
        ret

/* Offers the one buffer of a queue of the console and waits until it came back. Changes EAX. */
.macro queue_run queue
        incw CONSOLE_PAGE(\queue) + AVAILABLE + RING_INDEX
        virtio_write CONSOLE, QUEUE_NOTIFY, \queue
1:      pause
        movw CONSOLE_PAGE(\queue) + USED + RING_INDEX, %ax
        cmpw %ax, CONSOLE_PAGE(\queue) + AVAILABLE + RING_INDEX
        jne 1b
.endm

/* Sends a control message. */
.macro tell port, event, value
        movl $\port, CONSOLE_PAGE(CONTROL_OUT) + BUFFER
        movl $(\event | \value << 16), CONSOLE_PAGE(CONTROL_OUT) + BUFFER + 4
        queue_run CONTROL_OUT
.endm

/* Opens a port, offers its buffer for input, and writes once. */
.macro port_start port, input, output
        tell \port, PORT_READY, 1
        tell \port, PORT_OPEN, 1
        incw CONSOLE_PAGE(\input) + AVAILABLE + RING_INDEX
        virtio_write CONSOLE, QUEUE_NOTIFY, \input
        queue_run \output
.endm

        /* Sets the console up, opens its ports and has each queue for output used once. Changes all registers. */
console_start:
        virtio_write CONSOLE, DEVICE_STATUS, 0
        virtio_write CONSOLE, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER)
        virtio_write CONSOLE, DRIVER_FEATURES_SELECT, 0
        virtio_write CONSOLE, DRIVER_FEATURES, MULTIPORT
        virtio_write CONSOLE, DRIVER_FEATURES_SELECT, 1
        virtio_write CONSOLE, DRIVER_FEATURES, VERSION_1
        virtio_write CONSOLE, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK)
        .irp queue, 0, 4, 6
        virtio_queue CONSOLE, \queue, CONSOLE_PAGE(\queue), (CONSOLE_PAGE(\queue) + BUFFER), BUFFER_SIZE, DEVICE_WRITES, 1
        .endr
        .irp queue, 1, 3, 5, 7
        virtio_queue CONSOLE, \queue, CONSOLE_PAGE(\queue), (CONSOLE_PAGE(\queue) + BUFFER), 8, 0, 1
        .endr
        virtio_queue CONSOLE, CONTROL_IN, CONSOLE_PAGE(CONTROL_IN), (CONSOLE_PAGE(CONTROL_IN) + BUFFER), CONTROL_BUFFER, DEVICE_WRITES, RING_SIZE
        .irp entry, 1, 2, 3, 4, 5, 6, 7
        movl $(CONSOLE_PAGE(CONTROL_IN) + BUFFER + \entry * CONTROL_BUFFER), CONSOLE_PAGE(CONTROL_IN) + 16 * \entry
        movl $CONTROL_BUFFER, CONSOLE_PAGE(CONTROL_IN) + 16 * \entry + 8
        movl $DEVICE_WRITES, CONSOLE_PAGE(CONTROL_IN) + 16 * \entry + 12
        movw $\entry, CONSOLE_PAGE(CONTROL_IN) + AVAILABLE + 4 + 2 * \entry
        .endr
        virtio_write CONSOLE, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
        movw $RING_SIZE, CONSOLE_PAGE(CONTROL_IN) + AVAILABLE + RING_INDEX
        virtio_write CONSOLE, QUEUE_NOTIFY, CONTROL_IN
        tell 0, DEVICE_READY, 1
        port_start 0, 0, 1
        port_start 1, 4, 5
        port_start 2, 6, 7
        ret

        net_load NET, NET_AREAS

        .code16
trampoline:
        lgdtl %cs:low_gdt_pointer - trampoline
        movl %cr0, %eax
        orl $1, %eax                    /* protected mode */
        movl %eax, %cr0
        ljmpl $CODE, $other
low_gdt_pointer:
        .word gdt_pointer - gdt - 1
        .long gdt
trampoline_end:

        .data
        .balign 16
interrupts:
        .long 0
        .balign 16
other_stacks:
        .fill 256 * QUEUES              /* that of processor I ends at 256 * I */
