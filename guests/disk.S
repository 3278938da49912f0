/*
 * Writes to the virtio disk at virtio-mmio-bus.23 without a pause, DISK_DEPTH requests in flight (disk-log.h). The count at COUNTER is the sum of
 * what was done, as the interrupts of the device have said.
 */
#include "guest.h"
#include "interrupts.h"
#include "virtio.h"
#include "disk-log.h"

start:  flat_segments stack
        apic_on
        call disk_start

sleep:  sti
        hlt
        jmp sleep

        disk_log disk, 23, 0x31, 0x220000, 1024, count
