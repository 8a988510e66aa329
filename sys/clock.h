/* SPDX-License-Identifier: Apache-2.0
 *
 * clock: the only source of time. Nanoseconds. Any thread.
 */
#ifndef PAWL_SYS_CLOCK_H
#define PAWL_SYS_CLOCK_H

#include <stdint.h>

int64_t clock_real(void); /* since 1970; may jump */
int64_t clock_mono(void); /* since some start; never goes back */

/* The resolution of file time stamps that the kernel hands out (one scheduler tick). */
int64_t clock_tick(void);

/* Only where no event loop runs that could wait instead. */
void clock_sleep(int64_t duration);

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

#endif
