/*
 * A number as decimal text, for guests that write one line a number: least significant digit last, then the line feed, which ends
 * before `line_end`. %edi is its first digit as long as the guest runs.
 */

/* Sets the number to 0. */
.macro decimal_zero
        movl $line_end - 2, %edi
        movb $'0', (%edi)
.endm

/* Adds 1 and leaves the line's first digit in %esi. */
.macro decimal_increment
        movl $line_end - 2, %esi
1:      incb (%esi)
        cmpb $'9', (%esi)
        jbe 2f
        movb $'0', (%esi)
        decl %esi
        cmpl %edi, %esi
        jae 1b
        movb $'1', (%esi)
        movl %esi, %edi
2:      movl %edi, %esi
.endm

        .data
        .fill 20
        .ascii "\n"
line_end:
        .text
