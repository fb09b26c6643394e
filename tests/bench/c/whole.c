/* Reads a whole card through a SAM again and again; prints the best time of one reading in milliseconds, by number in one
 * transaction and by one function per file. Words: configuration, rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rhc_reader.h"

static void must(int code, const char *step) {
    char why[256];
    if (code == 0) return;
    rhc_LastMessage(why, (int)sizeof why);
    fprintf(stderr, "%s: %s\n", step, why);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Every tagged element but the issuer's, which each flow reads anyway. */
static void by_number(HANDLE h) {
    static char values[57][128];
    ITEMSELECT items[57];
    int n = 0;
    for (WORD tag = 7; tag <= 56; tag++) {
        if (tag >= 8 && tag <= 10) continue;
        items[n] = (ITEMSELECT){tag, 0, values[n], sizeof values[0], NULL};
        n++;
    }
    must((int)wsc_GetCardInfo(h, items, n), "wsc_GetCardInfo");
}

static void by_function(HANDLE h) {
    static char v[15][512];
    static BYTE photo[3074];
    must(iR_DDF1EF06Info(h, v[0], v[1], v[2], v[3], v[4]), "DDF1/EF06");
    must(iR_DDF1EF07Info(h, photo), "DDF1/EF07");
    must(iR_DDF1EF08Info(h, v[0], v[1], v[2], v[3], v[4], v[5]), "DDF1/EF08");
    must(iR_DF01EF05Info(h, v[0], v[1], v[2], v[3]), "DF01/EF05");
    must(iR_DF01EF06Info(h, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]), "DF01/EF06");
    must(iR_DF01EF07Info(h, v[0], v[1], v[2]), "DF01/EF07");
    must(iR_DF01EF08Info(h, v[0], v[1], v[2], v[3]), "DF01/EF08");
    must(iR_DF02EF05Info(h, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14]),
         "DF02/EF05");
    must(iR_DF02EF06Info(h, v[0]), "DF02/EF06");
}

static double best(HANDLE h, void (*read)(HANDLE), int rounds) {
    double least = 1e9;
    for (int n = 0; n < rounds; n++) {
        double started = now();
        read(h);
        double took = now() - started;
        if (took < least) least = took;
    }
    return least;
}

int main(int count, char **words) {
    char atr[41];
    if (count != 3) return 2;
    must(rhc_Configure(words[1]), "configuration");
    HANDLE h = iDOpenPort();
    must(h == NULL, "open");
    must(PowerOn(h, SLOT_USER, atr), "card");
    must(PowerOn(h, SLOT_PSAM, atr), "SAM");
    must(iVerifyPIN(h, NULL), "PIN");
    int rounds = atoi(words[2]);
    double whole = best(h, by_number, rounds), files = best(h, by_function, rounds);
    printf("{\"whole_ms\": %.4f, \"files_ms\": %.4f}\n", whole, files);
    return iDClosePort();
}
