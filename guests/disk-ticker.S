/*
 * Counts and writes the count to the debug port as the ticker does, and keeps the virtio disk at virtio-mmio-bus.23 busy meanwhile (disk-log.h).
 */
#define DISK
#include "ticker.S"
