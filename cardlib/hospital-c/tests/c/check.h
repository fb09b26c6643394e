/* What the C programs of the tests share: a failed expectation says where, what and why, and ends the program. */
#ifndef CHECK_H
#define CHECK_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rhc_reader.h"

#define EXPECT(call, wanted)                                                                     \
    do {                                                                                         \
        int got_ = (int)(call);                                                                  \
        if (got_ != (wanted)) {                                                                  \
            char why_[256];                                                                      \
            rhc_LastMessage(why_, (int)sizeof why_);                                             \
            fprintf(stderr, "%s:%d: %s gave %d for %d (%s)\n", __FILE__, __LINE__, #call, got_,  \
                    (wanted), why_);                                                             \
            exit(1);                                                                             \
        }                                                                                        \
    } while (0)
#define MUST(call) EXPECT(call, 0)
#define SAME(got, wanted)                                                                        \
    do {                                                                                         \
        if (strcmp((got), (wanted)) != 0) {                                                      \
            fprintf(stderr, "%s:%d: %s is \"%s\"\n", __FILE__, __LINE__, #got, (got));           \
            exit(1);                                                                             \
        }                                                                                        \
    } while (0)

/* The day in China, YYYYMMDD. */
static inline const char *today(void) {
    static char day[9];
    time_t now = time(NULL) + 8 * 3600;
    strftime(day, sizeof day, "%Y%m%d", gmtime(&now));
    return day;
}

/* An open device with card and SAM powered. */
static inline HANDLE ready(void) {
    char atr[41];
    HANDLE h = iDOpenPort();
    if (h == NULL) EXPECT(1, 0);
    MUST(PowerOn(h, SLOT_USER, atr));
    MUST(PowerOn(h, SLOT_PSAM, atr));
    return h;
}
#endif
