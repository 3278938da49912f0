/* As hlt.S, but it is the CMOS clock that wakes it. */
#define RTC
#include "hlt.S"
