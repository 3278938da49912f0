/* The rings of a virtio queue of 256 descriptors (virtio 1.2, 2.7), for the drivers and devices of the benchmarks. */
#include <stdint.h>

#define SIZE 256
#define NEXT 1
#define WRITABLE 2

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

struct available {
    uint16_t flags, index, ring[SIZE], used_event;
};

struct used_element {
    uint32_t head, written;
};

struct used {
    uint16_t flags, index;
    struct used_element ring[SIZE];
    uint16_t available_event;
};

/* EVENT_IDX: whether the other side asked to hear of what was added from "before" to "next". */
static inline int wants(uint16_t event, uint16_t next, uint16_t before)
{
    return (uint16_t)(next - event - 1) < (uint16_t)(next - before);
}
