/* Counts at COUNTER and touches the next of 32768 pages from 16 MiB on with every count: a guest whose speed shows what memory costs it. */
#include "guest.h"

#define FIRST 0x1000000
#define PAGES 32768
#define PAGE  4096

start:
1:      movl $FIRST, %edi
2:      count
        incl (%edi)
        addl $PAGE, %edi
        cmpl $FIRST + PAGES * PAGE, %edi
        jb 2b
        jmp 1b
