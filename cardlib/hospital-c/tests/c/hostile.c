/* Every function with null, stale and invented handles, null pointers, numbers out of range and strings without end, in
 * memory of exactly the documented size: valgrind sees whoever reads or writes beyond it. With the word "card" a card and a
 * SAM are there; without it nothing is. */
#include <limits.h>

#include "check.h"

/* Heap memory of exactly this size; never freed while a call may use it. */
static char *room(size_t size) {
    char *memory = malloc(size);
    if (memory == NULL) exit(1);
    return memory;
}

/* A string without end: as many bytes as a function may look at, and no zero byte. */
static char *endless(size_t size) {
    char *memory = room(size);
    memset(memory, 'A', size);
    return memory;
}

static void files(HANDLE h, int code) {
    char *r[15];
    static const int sizes[9][16] = {{2, 5, 31, 23, 361, 9, 19, 4, 11, 7, 0},
                                     {31, 3, 3, 9, 19, 0},
                                     {9, 21, 21, 3, 3, 3, 0},
                                     {3, 101, 3, 101, 0},
                                     {31, 3, 21, 31, 3, 21, 31, 3, 21, 0},
                                     {3, 3, 4, 0},
                                     {3, 19, 18, 19, 0},
                                     {3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 41, 0},
                                     {3, 0}};
    for (int file = 0; file < 9; file++) {
        int n = 0;
        for (; sizes[file][n]; n++) r[n] = room((size_t)sizes[file][n]);
        int wanted = code;
        switch (file) {
        case 0: EXPECT(iR_DDF1EF05Info(h, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9]), wanted); break;
        case 1: EXPECT(iR_DDF1EF06Info(h, r[0], r[1], r[2], r[3], r[4]), wanted); break;
        case 2: EXPECT(iR_DDF1EF08Info(h, r[0], r[1], r[2], r[3], r[4], r[5]), wanted); break;
        case 3: EXPECT(iR_DF01EF05Info(h, r[0], r[1], r[2], r[3]), wanted); break;
        case 4: EXPECT(iR_DF01EF06Info(h, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]), wanted); break;
        case 5: EXPECT(iR_DF01EF07Info(h, r[0], r[1], r[2]), wanted); break;
        case 6: EXPECT(iR_DF01EF08Info(h, r[0], r[1], r[2], r[3]), wanted); break;
        case 7:
            EXPECT(iR_DF02EF05Info(h, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12],
                                   r[13], r[14]), wanted);
            break;
        default: EXPECT(iR_DF02EF06Info(h, r[0]), wanted);
        }
        while (n-- > 0) free(r[n]);
    }
}

/* A parameter that is wrong: 101 at an open handle, 1 at any other. */
static void wrong_parameters(HANDLE h, int code) {
    char *long_ = endless(513), *x = room(8192);
    BYTE *bytes = (BYTE *)endless(258);
    DWORD size = 0;
    int length;
    ITEMSELECT item = {11, 0, NULL, 0, NULL};
    char *crooked = room(sizeof item + 1);
    memset(x, 0, 8192);
    EXPECT(PowerOn(h, SLOT_USER, NULL), code);
    EXPECT(PowerOn(h, INT_MIN, x), code);
    EXPECT(SendAPDU(h, SLOT_USER, NULL, 5, bytes, &length), code);
    EXPECT(SendAPDU(h, SLOT_USER, bytes, ULONG_MAX, bytes, &length), code);
    EXPECT(SendAPDU(h, 0xFF, (BYTE *)"\0\x84\0\0\x08", 5, bytes, &length), code);
    EXPECT(SendAPDU(h, SLOT_USER, (BYTE *)"\0\x84\0\0\x08", 5, NULL, NULL), code);
    EXPECT(IReader_GetDeviceCSN(h, NULL), code);
    EXPECT(iVerifyPIN(h, long_), code);
    EXPECT(VerifyPin(h, "123456", NULL), code);
    EXPECT(iChange_Pin(h, NULL, "123456"), code);
    EXPECT(iChange_Pin(h, long_, long_), code);
    EXPECT(iReader_SAM_Public(h, NULL), code);
    EXPECT(iReader_SAM_Terminal(h, NULL), code);
    EXPECT(iReader_SAM_PublicApp(h, NULL), code);
    EXPECT(iReader_SAM_OrgCertificate(h, NULL), code);
    EXPECT(iReader_SAM_Certificate(h, NULL), code);
    EXPECT(SM3Digest(h, NULL, 1, bytes, bytes), code);
    EXPECT(SM3Digest(h, bytes, UINT_MAX, bytes, bytes), code);
    EXPECT(SM3Digest(h, bytes, 1, NULL, NULL), code);
    EXPECT(SM2SignHash(h, bytes, 31, bytes, bytes), code);
    EXPECT(SM2SignHash(h, bytes, INT_MAX, bytes, bytes), code);
    EXPECT(SM2SignHash(h, NULL, 32, bytes, bytes), code);
    EXPECT(iR_DDF1EF05Info(h, x, x, x, x, x, x, x, x, x, NULL), code);
    EXPECT(iR_DDF1EF06Info(h, NULL, NULL, NULL, NULL, NULL), code);
    EXPECT(iR_DDF1EF07Info(h, NULL), code);
    EXPECT(iR_DDF1EF08Info(h, x, x, x, x, x, NULL), code);
    EXPECT(iR_DF01EF05Info(h, NULL, x, x, x), code);
    EXPECT(iR_DF01EF06Info(h, NULL, x, x, x, x, x, x, x, x), code);
    EXPECT(iR_DF01EF07Info(h, NULL, x, x), code);
    EXPECT(iR_DF01EF08Info(h, NULL, x, x, x), code);
    EXPECT(iR_DF02EF05Info(h, NULL, x, x, x, x, x, x, x, x, x, x, x, x, x, x), code);
    EXPECT(iR_DF02EF06Info(h, NULL), code);
    EXPECT(iR_DF02EF07Info(h, INT_MIN, x, x), code);
    EXPECT(iR_DF02EF07Info(h, 4, x, x), code);
    EXPECT(iR_DF02EF07Info(h, 1, x, NULL), code);
    EXPECT(iR_DF02EF08Info(h, 11, x, x), code);
    EXPECT(iW_DDF1EF05Info(h, long_, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), code);
    EXPECT(iW_DDF1EF06Info(h, NULL, NULL, NULL, NULL, NULL), code);
    EXPECT(iW_DDF1EF07Info(h, NULL), code);
    EXPECT(iW_DDF1EF08Info(h, "no day", NULL, NULL, NULL, NULL, NULL), code);
    EXPECT(iW_DF01EF05Info(h, long_, long_, long_, long_), code);
    EXPECT(iW_DF01EF06Info(h, "\x80\x80", "X", NULL, NULL, NULL, NULL, NULL, NULL, NULL), code);
    EXPECT(iW_DF01EF07Info(h, NULL, NULL, NULL), code);
    EXPECT(iW_DF01EF08Info(h, "\x01", NULL, NULL, NULL), code);
    EXPECT(iW_DF02EF05Info(h, "GG", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), code);
    EXPECT(iW_DF02EF06Info(h, "7"), code);
    EXPECT(iW_DF02EF07Info(h, 0, NULL, NULL), code);
    EXPECT(iW_DF02EF07Info(h, NULL, NULL), code);
    EXPECT(iW_DF02EF08Info(h, 0, "x", "20261399"), code);
    EXPECT(iW_DF02EF08Info(h, long_, long_), code);
    for (int n = -1; n <= 6; n += 7) {
        EXPECT(iR_DF03EF05Info(h, n), code);
        EXPECT(iR_DF03EF06Info(h, n), code);
        EXPECT(iW_DF03EF05Info(h, n), code);
        EXPECT(iW_DF03EF06Info(h, n), code);
        EXPECT(iErase_DF03EF05Info(h, n), code);
        EXPECT(iErase_DF03EF06Info(h, n), code);
        EXPECT(iR_DF03EE_ALLInfo(h, n, x), code);
        EXPECT(iW_DF03ED_ALLInfo(h, n, "x"), code);
    }
    EXPECT(iR_DF03EF05Info(h, NULL, NULL, NULL), code);
    EXPECT(iR_DF03EF06Info(h, x, x, x, x, NULL), code);
    EXPECT(iR_DF03EEInfo(h, 1, NULL, 0, 1, B_style), code);
    EXPECT(iR_DF03EEInfo(h, 1, x, INT_MAX, INT_MAX, B_style), code);
    EXPECT(iR_DF03EEInfo(h, 1, x, -1, 4, B_style), code);
    EXPECT(iR_DF03EDInfo(h, 1, x, 0, INT_MIN, AN_style), code);
    EXPECT(iR_DF03EDInfo(h, 1, x, 0, 1, 0x77), code);
    EXPECT(iW_DF03EEInfo(h, 1, NULL, 0, 1, B_style), code);
    EXPECT(iW_DF03EEInfo(h, 1, "zz", 0, 1, B_style), code);
    EXPECT(iW_DF03EEInfo(h, 1, "00", 1639, 1, B_style), code);
    EXPECT(iW_DF03EDInfo(h, 1, long_, 0, 256, CN_style), code);
    EXPECT(iW_DF03EDInfo(h, 1, "1", INT_MAX, 2, CN_style), code);
    EXPECT(iR_DF03ED_ALLInfo(h, 1, NULL), code);
    EXPECT(iW_DF03EE_ALLInfo(h, 1, NULL), code);
    char *record = endless(16385);
    EXPECT(iW_DF03EE_ALLInfo(h, 1, record), code);
    memset(record, '|', 200);
    record[200] = 0;
    EXPECT(iW_DF03EE_ALLInfo(h, 1, record), code);
    EXPECT(iW_DF03ED_ALLInfo(h, 1, "a||20261399"), code);
    EXPECT(iW_DF03ED_ALLInfo(h, 1, "\xFF\xFF"), code);
    EXPECT(wsc_GetVerifyData(h, 0xEE, 1, bytes, NULL), code);
    EXPECT(wsc_GetVerifyData(h, 0xEE, 1, NULL, &size), code);
    EXPECT(wsc_GetVerifyData(h, 0x01, 1, bytes, &size), code);
    EXPECT(wsc_GetVerifyData(h, 0xED, 1, bytes, &size), code);
    EXPECT(wsc_GetCardInfo(h, NULL, 1), code);
    EXPECT(wsc_GetCardInfo(h, &item, 0), code);
    EXPECT(wsc_GetCardInfo(h, &item, INT_MAX), code);
    EXPECT(wsc_GetCardInfo(h, &item, INT_MIN), code);
    EXPECT(wsc_GetCardInfo(h, &item, 1), code);
    EXPECT(wsc_PutCardInfo(h, NULL, 1), code);
    EXPECT(wsc_PutCardInfo(h, &item, 513), code);
    item = (ITEMSELECT){385, 1, x, 10, NULL};
    memcpy(crooked + 1, &item, sizeof item);
    EXPECT(wsc_GetCardInfo(h, crooked + 1, 1), code == RHC_CONNECT ? code : RHC_PARAMETER);
    EXPECT(wsc_PutCardInfo(h, crooked + 1, 1), code);
    free(record);
    free(crooked);
    free(bytes);
    free(x);
    free(long_);
}

/* All that may be read, into memory of exactly the documented size. */
static void exact(HANDLE h) {
    static const size_t sam[5] = {29, 13, 51, 180, 190};
    int (*const read[5])(HANDLE, char *) = {iReader_SAM_Public, iReader_SAM_Terminal, iReader_SAM_PublicApp,
                                            iReader_SAM_OrgCertificate, iReader_SAM_Certificate};
    char day[64], given[128];
    for (int n = 0; n < 5; n++) {
        char *info = room(sam[n]);
        MUST(read[n](h, info));
        free(info);
    }
    char *atr = room(41), *csn = room(64), *photo = room(3074), *all = room(8192), *piece = room(2 * 3267 + 1);
    MUST(PowerOn(h, SLOT_USER, atr));
    MUST(PowerOn(h, SLOT_PSAM, atr));
    MUST(IReader_GetDeviceCSN(h, csn));
    MUST(iR_DDF1EF07Info(h, (BYTE *)photo));
    files(h, 0);
    snprintf(day, sizeof day, "%s", today());
    snprintf(given, sizeof given, "a|b|%s010203|||1", day);
    MUST(iW_DF03ED_ALLInfo(h, 5, given));
    MUST(iW_DF03EF06Info(h, 5));
    MUST(iR_DF03ED_ALLInfo(h, 5, all));
    MUST(iR_DF03EDInfo(h, 5, piece, 0, 3267, NO_style));
    free(piece);
    piece = room(3268);
    MUST(iR_DF03EDInfo(h, 5, piece, 0, 3267, AN_style));
    BYTE *data = (BYTE *)room(3267), *hash = (BYTE *)room(32), *signature = (BYTE *)room(64), length;
    DWORD size = 3267;
    MUST(wsc_GetVerifyData(h, 0xED, 5, data, &size));
    MUST(SM3Digest(h, data, 3013, hash, &length));
    MUST(SM2SignHash(h, hash, 32, signature, &length));
    MUST(SM3Digest(h, NULL, 0, hash, &length));
    free(signature);
    free(hash);
    free(data);
    free(piece);
    free(all);
    free(photo);
    free(csn);
    free(atr);
}

int main(int count, char **words) {
    char small[4], path[5000];
    HANDLE invented[] = {NULL, (HANDLE)1, (HANDLE)0x52484301, (HANDLE)-1, (HANDLE)&small};
    for (int n = 0; n < 5; n++) {
        wrong_parameters(invented[n], RHC_CONNECT);
        files(invented[n], RHC_CONNECT);
        EXPECT(CloseDevice(invented[n]), RHC_CONNECT);
    }
    EXPECT(iDClosePort(), RHC_CONNECT);
    EXPECT(rhc_Configure(NULL), RHC_PARAMETER);
    EXPECT(rhc_Configure(""), RHC_PARAMETER);
    memset(path, 'x', sizeof path);
    EXPECT(rhc_Configure(path), RHC_PARAMETER);
    EXPECT(rhc_LastMessage(NULL, INT_MAX) > 4, 1);
    EXPECT(rhc_LastMessage(small, sizeof small) > 4, 1);
    EXPECT(strlen(small) <= 3 && strncmp(small, "101", 3) == 0, 1);
    rhc_LastMessage(small, 0);
    rhc_LastMessage(small, INT_MIN);
    if (count == 2 && strcmp(words[1], "card") == 0) {
        HANDLE h = ready();
        wrong_parameters(h, RHC_PARAMETER);
        exact(h);
        MUST(CloseDevice(h));
        wrong_parameters(h, RHC_CONNECT);
    } else if (count == 2) { /* a card whose texts are none */
        char *r[10];
        static const size_t sizes[10] = {2, 5, 31, 23, 361, 9, 19, 4, 11, 7};
        HANDLE h = iDOpenPort();
        for (int n = 0; n < 10; n++) r[n] = room(sizes[n]);
        EXPECT(iR_DDF1EF05Info(h, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9]), RHC_CARD);
        for (int n = 0; n < 10; n++) free(r[n]);
        MUST(iDClosePort());
    }
    puts("unharmed");
    return 0;
}
