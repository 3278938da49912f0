/*
 * Counts and writes the count to the debug port as the ticker does, and keeps the virtio disk at virtio-mmio-bus.23 (disk-log.h) and the network card at
 * virtio-mmio-bus.22 (net-flow.h) busy meanwhile.
 */
#define DISK
#define NET
#include "ticker.S"
