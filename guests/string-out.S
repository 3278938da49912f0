/*
 * Writes blocks of 250 words, little endian, to the debug port, each by one REP OUTSB: a guest that is nearly always in the middle of
 * an instruction. The words are the block's number and then 1 to 249. COUNTER holds how many blocks are complete.
 */
#include "guest.h"

#define BLOCK 0x300000
#define WORDS 250                       /* 1000 bytes, which no buffer on the way is a multiple of */

start:  cld
        movl $BLOCK, %edi
        xorl %eax, %eax
1:      stosl
        incl %eax
        cmpl $WORDS, %eax
        jb 1b

        movw $DEBUGCON, %dx
1:      movl COUNTER, %eax
        movl %eax, BLOCK
        movl $BLOCK, %esi
        movl $(4 * WORDS), %ecx
        rep outsb
        count
        jmp 1b
