/* What the test programs share: counted cases, a session, texts as hexadecimal digits. */
#ifndef COMMON_H
#define COMMON_H

#include "reach.h"
#include <string.h>

static unsigned cases, failed;

/* Which functions were seen to succeed; by name. */
static const char *succeeded[256];
static unsigned successes;

static inline void check(const char *function, const char *what, int got, unsigned want) {
    cases++;
    if ((unsigned)got != want) {
        failed++;
        SDFE_ERROR why;
        memset(&why, 0, sizeof why);
        SDFE_GetLastError(&why);
        printf("WRONG %s: %s: expected %08X, got %08X (%s %s)\n", function, what, want, (unsigned)got, why.name,
               why.detail);
        return;
    }
    if (want == SDR_OK) {
        for (unsigned i = 0; i < successes; i++)
            if (!strcmp(succeeded[i], function))
                return;
        succeeded[successes++] = function;
    }
}

/* One row: function, case, expected code, call. */
#define CASE(function, what, want, arguments) check(NAME_OF_##function, what, function arguments, want)

static inline void truth(const char *what, int holds) {
    cases++;
    if (!holds) {
        failed++;
        printf("WRONG %s\n", what);
    }
}

static inline unsigned from_hex(const char *text, unsigned char *out, unsigned room) {
    unsigned n = 0;
    unsigned byte;
    while (n < room && sscanf(text + 2 * n, "%2x", &byte) == 1)
        out[n++] = (unsigned char)byte;
    return n;
}

/* A line for the judge outside. */
static inline void show(const char *name, const unsigned char *bytes, unsigned length) {
    printf("JUDGE %s ", name);
    for (unsigned i = 0; i < length; i++)
        printf("%02x", bytes[i]);
    printf("\n");
}

/* An SM2 cipher text with room. */
typedef union {
    ECCCipher c;
    unsigned char room[sizeof(ECCCipher) + 4200];
} CIPHER;

static inline const char *need(const char *name) {
    const char *value = getenv(name);
    if (!value) {
        fprintf(stderr, "%s is not set\n", name);
        exit(4);
    }
    return value;
}

static inline int finish(void) {
    printf("%u cases, %u wrong\n", cases, failed);
    return failed ? 3 : 0;
}

#endif
