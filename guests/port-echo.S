/*
 * Opens port 1 of the virtio console at virtio-mmio-bus.23 and sends every byte that comes in on it back, by polling, indefinitely. COUNTER
 * holds how many came. There is one buffer each way, descriptor 0 of its queue, and the second is the first: what was received is sent
 * from where it lies, and the buffer is offered for input again when it came back from being sent.
 * Source: virtio 1.2, sections 2.7, 4.2 and 5.3.
 */
#include "guest.h"
#include "interrupts.h"
#include "virtio.h"

#define PLACE           23
#define MULTIPORT       2               /* bit 1 of the features */
#define CONTROL_IN      2
#define CONTROL_OUT     3
#define PORT_IN         4
#define PORT_OUT        5
#define CONTROL_PAGE    0x210000
#define IN_PAGE         0x211000
#define OUT_PAGE        0x212000
#define MESSAGES        0x213000
#define MESSAGE_SIZE    8
#define INPUT           0x214000
#define INPUT_SIZE      128
#define USED_LENGTH     8               /* of the first used element, behind the ring's head */

/* Offers a queue's buffer and waits until it came back. Changes EAX. */
.macro queue_run queue, page
        incw \page + AVAILABLE + RING_INDEX
        virtio_write PLACE, QUEUE_NOTIFY, \queue
1:      pause
        movw \page + USED + RING_INDEX, %ax
        cmpw %ax, \page + AVAILABLE + RING_INDEX
        jne 1b
.endm

/* Sends a control message. */
.macro tell port, event, value
        movl $\port, MESSAGES
        movl $(\event | \value << 16), MESSAGES + 4
        queue_run CONTROL_OUT, CONTROL_PAGE
.endm

start:  flat_segments stack
        virtio_write PLACE, DEVICE_STATUS, 0
        virtio_write PLACE, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER)
        virtio_write PLACE, DRIVER_FEATURES_SELECT, 0
        virtio_write PLACE, DRIVER_FEATURES, MULTIPORT
        virtio_write PLACE, DRIVER_FEATURES_SELECT, 1
        virtio_write PLACE, DRIVER_FEATURES, VERSION_1
        virtio_write PLACE, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK)
        virtio_queue PLACE, CONTROL_OUT, CONTROL_PAGE, MESSAGES, MESSAGE_SIZE, 0, 1
        virtio_queue PLACE, PORT_IN, IN_PAGE, INPUT, INPUT_SIZE, DEVICE_WRITES, 1
        virtio_queue PLACE, PORT_OUT, OUT_PAGE, INPUT, INPUT_SIZE, 0, 1
        virtio_write PLACE, DEVICE_STATUS, (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
        tell 0, 0, 1                    /* DEVICE_READY */
        tell 1, 3, 1                    /* PORT_READY */
        tell 1, 6, 1                    /* PORT_OPEN */

next:   queue_run PORT_IN, IN_PAGE
        movl IN_PAGE + USED + USED_LENGTH, %eax
        movl %eax, OUT_PAGE + 8
        addl %eax, COUNTER
        adcl $0, COUNTER + 4
        queue_run PORT_OUT, OUT_PAGE
        jmp next
