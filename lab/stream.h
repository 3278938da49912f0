/*
 * The stream that the guest serves and a client on its host checks: blocks of 1024 bytes, each with its number, bytes that follow from the number, and a
 * checksum. A byte that is lost, doubled or exchanged anywhere on the way is seen by the first block that is not what it must be.
 */
#include <stdint.h>
#include <string.h>

#define BLOCK 1024
#define WORDS (BLOCK / 8)

/* FNV-1a over all but the last word. */
static inline uint64_t block_checksum(const uint64_t *block)
{
    uint64_t sum = 0xcbf29ce484222325;

    for (int i = 0; i < WORDS - 1; i++) {
        sum = (sum ^ block[i]) * 0x100000001b3;
    }
    return sum;
}

static inline void block_fill(uint64_t *block, uint64_t number)
{
    uint64_t state = number + 0x9e3779b97f4a7c15;

    block[0] = number;
    for (int i = 1; i < WORDS - 1; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        block[i] = state;
    }
    block[WORDS - 1] = block_checksum(block);
}
