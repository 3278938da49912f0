/*
 * The guest of ticker.S, woken 50 times a second: one of many on a host. Where interrupts and port accesses are emulated slowly, some tens
 * of guests that tick 500 times a second need more than two processors, and leave nothing for what starts and updates them.
 */
#define RATE 50
#include "ticker.S"
