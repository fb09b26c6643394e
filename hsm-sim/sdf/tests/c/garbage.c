/*
 * Every function with every combination of null, short, right, huge and garbage arguments that C allows: a length is
 * either inside the buffer that comes with it, or beyond every limit of the library, which must refuse it before it
 * touches memory. Every call must give a code; what lies behind the buffers must stay. Run under valgrind too.
 *
 * Environment: RHC_SDF_CONFIG, MOST (combinations of one function at most).
 */
#include "common.h"

#define GUARD 32

static unsigned long long state, product;
static void *session, *closed, *key, *device;

/* The next digit of the combination's number. */
static unsigned pick(unsigned count) {
    unsigned digit = (unsigned)(state % count);
    state /= count;
    product *= count;
    return digit;
}

static void *handle(void) {
    void *all[] = {NULL, session, (void *)1, closed, device, (void *)0x7FFFFFFFFFFFFFFF};
    return all[pick(6)];
}

static void *key_handle(void) {
    void *all[] = {NULL, key, session, (void *)0x5555};
    return all[pick(4)];
}

static unsigned index_(void) {
    static const unsigned all[] = {1, 0, 3, 0xFFFFFFFF};
    return all[pick(4)];
}

static unsigned small(void) {
    static const unsigned all[] = {0, 16, 7, 32, 0x01000000, 0xFFFFFFFF};
    return all[pick(6)];
}

static unsigned bits(void) {
    static const unsigned all[] = {128, 256, 0, 0xFFFFFFFF};
    return all[pick(4)];
}

static unsigned algorithm(void) {
    static const unsigned all[] = {SGD_SM4_ECB, SGD_SM4_CBC, SGD_SM4_MAC, SGD_SM2_1, SGD_SM2_3, SGD_SM3, 0, 0xFFFFFFFF};
    return all[pick(8)];
}

/* Buffers of exactly their size, so that valgrind sees one byte too many, and with a guard where it does not look. */
static unsigned char *in, *place, *pub, *pub2, *cipher, *sig;
static unsigned length;
static void *made;

static unsigned char *null_or(unsigned char *buffer) { return pick(2) ? buffer : NULL; }

/* A length that is in and out: as much room as there is, less, none. */
static unsigned *room(void) {
    static const unsigned all[] = {64, 15, 0};
    unsigned digit = pick(4);
    if (digit == 3)
        return NULL;
    length = all[digit];
    return &length;
}

static void fresh(unsigned n) {
    unsigned x = n * 2654435761u + 1;
    unsigned char *all[] = {in, place, pub, pub2, cipher, sig};
    unsigned sizes[] = {64, 64, sizeof(ECCrefPublicKey), sizeof(ECCrefPublicKey), sizeof(ECCCipher) + 128, 128};
    for (int b = 0; b < 6; b++)
        for (unsigned i = 0; i < sizes[b]; i++)
            all[b][i] = (unsigned char)((x = x * 1664525u + 1013904223u) >> 24);
    /* a third of the keys and cipher texts look right as far as their heads go */
    if (n % 3 == 0) {
        ((ECCrefPublicKey *)pub)->bits = 256;
        memset(((ECCrefPublicKey *)pub)->x, 0, 32), memset(((ECCrefPublicKey *)pub)->y, 0, 32);
        memset(((ECCCipher *)cipher)->x, 0, 32), memset(((ECCCipher *)cipher)->y, 0, 32);
        memset(sig, 0, 32), memset(sig + 64, 0, 32);
    }
    if (n % 2 == 0)
        ((ECCCipher *)cipher)->L = n % 5 * 16;
    else
        ((ECCCipher *)cipher)->L |= 0x1000;
}

static int known(int code) {
    return code == 0 || (code >= SDR_BASE + 1 && code <= SDR_BASE + 0x1E) || code == SDFE_REFUSED || code == SDFE_BUSY;
}

static unsigned most;
static unsigned long long combinations;

/* All combinations, or MOST of them spread over all. The first call, all digits 0, finds out how many there are. */
#define COMBINE(name, call) \
    do { \
        unsigned long long all = 1; \
        for (unsigned n = 0; n < most && n < all; n++) { \
            state = all > most ? n * all / most : n; \
            product = 1; \
            fresh(n); \
            int code = call; \
            if (n == 0) \
                all = product; \
            if (!known(code)) { \
                printf("WRONG %s, combination %u: %08X\n", NAME_OF_##name, n, (unsigned)code); \
                failed++; \
            } \
            cases++; \
        } \
        combinations += all; \
        if (place[64] != 0xC3 || memcmp(place + 64, place + 65, GUARD - 1)) { \
            printf("WRONG %s wrote past its buffer\n", NAME_OF_##name); \
            failed++, memset(place + 64, 0xC3, GUARD); \
        } \
    } while (0)

#define KEY(p) (ECCrefPublicKey *)(p)

static void standard(void) {
    ECCrefPrivateKey private_key;
    DEVICEINFO info;
    COMBINE(SDF_GetDeviceInfo, SDF_GetDeviceInfo(handle(), pick(2) ? &info : NULL));
    COMBINE(SDF_GenerateRandom, SDF_GenerateRandom(handle(), small(), null_or(place)));
    COMBINE(SDF_ReleasePrivateKeyAccessRight, SDF_ReleasePrivateKeyAccessRight(handle(), index_()));
    COMBINE(SDF_ExportSignPublicKey_ECC, SDF_ExportSignPublicKey_ECC(handle(), index_(), KEY(null_or(pub2))));
    COMBINE(SDF_ExportEncPublicKey_ECC, SDF_ExportEncPublicKey_ECC(handle(), index_(), KEY(null_or(pub2))));
    COMBINE(SDF_GenerateKeyPair_ECC,
            SDF_GenerateKeyPair_ECC(handle(), algorithm(), bits(), KEY(null_or(pub2)), pick(2) ? &private_key : NULL));
    COMBINE(SDF_GenerateKeyWithIPK_ECC, SDF_GenerateKeyWithIPK_ECC(handle(), index_(), bits(), (ECCCipher *)null_or(cipher),
                                                                  pick(2) ? &made : NULL));
    COMBINE(SDF_GenerateKeyWithEPK_ECC, SDF_GenerateKeyWithEPK_ECC(handle(), bits(), algorithm(), KEY(null_or(pub)),
                                                                  (ECCCipher *)null_or(cipher), pick(2) ? &made : NULL));
    COMBINE(SDF_ImportKeyWithISK_ECC,
            SDF_ImportKeyWithISK_ECC(handle(), index_(), (ECCCipher *)null_or(cipher), pick(2) ? &made : NULL));
    COMBINE(SDF_ExchangeDigitEnvelopeBaseOnECC,
            SDF_ExchangeDigitEnvelopeBaseOnECC(handle(), index_(), algorithm(), KEY(null_or(pub)),
                                               (ECCCipher *)null_or(cipher), (ECCCipher *)null_or(cipher)));
    COMBINE(SDF_GenerateKeyWithKEK, SDF_GenerateKeyWithKEK(handle(), bits(), algorithm(), index_(), null_or(place), room(),
                                                          pick(2) ? &made : NULL));
    COMBINE(SDF_ImportKeyWithKEK,
            SDF_ImportKeyWithKEK(handle(), algorithm(), index_(), null_or(in), small(), pick(2) ? &made : NULL));
    COMBINE(SDF_ExternalVerify_ECC, SDF_ExternalVerify_ECC(handle(), algorithm(), KEY(null_or(pub)), null_or(in), small(),
                                                          (ECCSignature *)null_or(sig)));
    COMBINE(SDF_InternalVerify_ECC,
            SDF_InternalVerify_ECC(handle(), index_(), null_or(in), small(), (ECCSignature *)null_or(sig)));
    COMBINE(SDF_InternalSign_ECC,
            SDF_InternalSign_ECC(handle(), index_(), null_or(in), small(), (ECCSignature *)null_or(sig)));
    COMBINE(SDF_ExternalEncrypt_ECC, SDF_ExternalEncrypt_ECC(handle(), algorithm(), KEY(null_or(pub)), null_or(in), small(),
                                                            (ECCCipher *)null_or(cipher)));
    COMBINE(SDF_InternalEncrypt_ECC, SDF_InternalEncrypt_ECC(handle(), index_(), algorithm(), null_or(in), small(),
                                                            (ECCCipher *)null_or(cipher)));
    COMBINE(SDF_InternalDecrypt_ECC, SDF_InternalDecrypt_ECC(handle(), index_(), algorithm(), (ECCCipher *)null_or(cipher),
                                                            null_or(place), room()));
    COMBINE(SDF_GenerateAgreementDataWithECC,
            SDF_GenerateAgreementDataWithECC(handle(), index_(), bits(), null_or(in), small(), KEY(null_or(pub)),
                                             KEY(null_or(pub2)), pick(2) ? &made : NULL));
    COMBINE(SDF_GenerateKeyWithECC, SDF_GenerateKeyWithECC(handle(), null_or(in), small(), KEY(null_or(pub)),
                                                          KEY(null_or(pub2)), key_handle(), pick(2) ? &made : NULL));
    COMBINE(SDF_GenerateAgreementDataAndKeyWithECC,
            SDF_GenerateAgreementDataAndKeyWithECC(handle(), index_(), bits(), null_or(in), small(), null_or(in), small(),
                                                   KEY(null_or(pub)), KEY(null_or(pub2)), KEY(null_or(pub)),
                                                   KEY(null_or(pub2)), pick(2) ? &made : NULL));
    COMBINE(SDF_Encrypt, SDF_Encrypt(handle(), key_handle(), algorithm(), null_or(in), null_or(in), small(), null_or(place),
                                     room()));
    COMBINE(SDF_Decrypt, SDF_Decrypt(handle(), key_handle(), algorithm(), null_or(in), null_or(in), small(), null_or(place),
                                     room()));
    COMBINE(SDF_CalculateMAC, SDF_CalculateMAC(handle(), key_handle(), algorithm(), null_or(in), null_or(in), small(),
                                               null_or(place), room()));
    COMBINE(SDF_HashInit, SDF_HashInit(handle(), algorithm(), KEY(null_or(pub)), null_or(in), small()));
    COMBINE(SDF_HashUpdate, SDF_HashUpdate(handle(), null_or(in), small()));
    COMBINE(SDF_HashFinal, SDF_HashFinal(handle(), null_or(place), room()));
    COMBINE(SDF_CreateFile, SDF_CreateFile(handle(), null_or(in), small(), small()));
    COMBINE(SDF_ReadFile, SDF_ReadFile(handle(), null_or(in), small(), small(), room(), null_or(place)));
    COMBINE(SDF_WriteFile, SDF_WriteFile(handle(), null_or(in), small(), small(), small(), null_or(in)));
    COMBINE(SDF_DeleteFile, SDF_DeleteFile(handle(), null_or(in), small()));
    /* every one wrong, and counted: few of them */
    state = 0;
    for (unsigned n = 0; n < 5; n++, cases++)
        truth("a random password", SDF_GetPrivateKeyAccessRight(session, 1, in, 16) == SDR_PRKRERR);
    COMBINE(SDF_GetPrivateKeyAccessRight, SDF_GetPrivateKeyAccessRight(handle(), index_(), null_or(in), pick(2) ? 0 : 0xFFFFFFFF));
}

static void rsa(void) {
    unsigned char *k = (unsigned char *)calloc(1, sizeof(RSArefPrivateKey));
    RSArefPublicKey *rp = (RSArefPublicKey *)k;
    COMBINE(SDF_ExportSignPublicKey_RSA, SDF_ExportSignPublicKey_RSA(handle(), index_(), pick(2) ? rp : NULL));
    COMBINE(SDF_ExportEncPublicKey_RSA, SDF_ExportEncPublicKey_RSA(handle(), index_(), pick(2) ? rp : NULL));
    COMBINE(SDF_GenerateKeyPair_RSA, SDF_GenerateKeyPair_RSA(handle(), bits(), rp, pick(2) ? (RSArefPrivateKey *)k : NULL));
    COMBINE(SDF_GenerateKeyWithIPK_RSA, SDF_GenerateKeyWithIPK_RSA(handle(), index_(), bits(), null_or(place), room(), &made));
    COMBINE(SDF_GenerateKeyWithEPK_RSA, SDF_GenerateKeyWithEPK_RSA(handle(), bits(), rp, null_or(place), room(), &made));
    COMBINE(SDF_ImportKeyWithISK_RSA, SDF_ImportKeyWithISK_RSA(handle(), index_(), null_or(in), small(), &made));
    COMBINE(SDF_ExchangeDigitEnvelopeBaseOnRSA,
            SDF_ExchangeDigitEnvelopeBaseOnRSA(handle(), index_(), rp, null_or(in), small(), null_or(place), room()));
    COMBINE(SDF_ExternalPublicKeyOperation_RSA,
            SDF_ExternalPublicKeyOperation_RSA(handle(), rp, null_or(in), small(), null_or(place), room()));
    COMBINE(SDF_InternalPublicKeyOperation_RSA,
            SDF_InternalPublicKeyOperation_RSA(handle(), index_(), null_or(in), small(), null_or(place), room()));
    COMBINE(SDF_InternalPrivateKeyOperation_RSA,
            SDF_InternalPrivateKeyOperation_RSA(handle(), index_(), null_or(in), small(), null_or(place), room()));
    free(k);
}

static const unsigned char *name(void) {
    static const char *all[] = {"t", "RK", "nobody", "\xFF\xFE"};
    unsigned digit = pick(5);
    return digit == 4 ? NULL : (const unsigned char *)all[digit];
}

static unsigned name_length(void) {
    static const unsigned all[] = {1, 2, 0, 0x01000000, 0xFFFFFFFF};
    return all[pick(5)];
}

static void extension(void) {
    SDFE_TICKET ticket;
    SDFE_ERROR error;
    unsigned number;
    COMBINE(SDFE_GetVersion, SDFE_GetVersion(pick(2) ? &number : NULL));
    COMBINE(SDFE_GetLastError, SDFE_GetLastError(pick(2) ? &error : NULL));
    COMBINE(SDFE_OpenDeviceWithConfig, SDFE_OpenDeviceWithConfig(pick(2) ? "" : NULL, pick(2) ? &made : NULL));
    COMBINE(SDFE_OfficerInfo, SDFE_OfficerInfo(handle(), null_or(place), room()));
    COMBINE(SDFE_ExecuteOrder, SDFE_ExecuteOrder(handle(), null_or(in), small(), null_or(place), room()));
    COMBINE(SDFE_Info, SDFE_Info(handle(), null_or(place), room()));
    COMBINE(SDFE_ListKeys, SDFE_ListKeys(handle(), null_or(place), room()));
    COMBINE(SDFE_ListTickets, SDFE_ListTickets(handle(), null_or(place), room()));
    COMBINE(SDFE_Audit, SDFE_Audit(handle(), pick(2) ? 0 : ~0ull, null_or(place), room()));
    COMBINE(SDFE_TicketStatus, SDFE_TicketStatus(handle(), name(), name_length(), pick(2) ? &ticket : NULL));
    COMBINE(SDFE_LastPackage, SDFE_LastPackage(handle(), name(), name_length(), null_or(place), room()));
    COMBINE(SDFE_SignWithKey, SDFE_SignWithKey(handle(), name(), name_length(), null_or(in), small(), (ECCSignature *)null_or(sig)));
    COMBINE(SDFE_MACWithKey, SDFE_MACWithKey(handle(), name(), name_length(), null_or(in), small(), null_or(place), small()));
    COMBINE(SDFE_Diversify, SDFE_Diversify(handle(), name(), name_length(), name(), name_length(), null_or(in),
                                           pick(2) ? 2 : 0xFFFFFFFF, null_or(place), pick(2) ? &made : NULL));
    COMBINE(SDFE_DeriveAndWrap, SDFE_DeriveAndWrap(handle(), name(), name_length(), index_(), name(), name_length(),
                                                   null_or(in), pick(2) ? 1 : 0xFFFFFFFF, pick(2) ? 4 : 0xFFFFFFFF,
                                                   null_or(place), room(), null_or(sig), pick(2) ? &number : NULL));
    COMBINE(SDFE_Fill, SDFE_Fill(handle(), pick(3), null_or(in), small(), null_or(place), room()));
}

int main(void) {
    void *second;
    unsigned char wrapped[16] = {0};
    reach();
    most = (unsigned)atoi(need("MOST"));
    in = malloc(64), place = malloc(64 + GUARD), pub = malloc(sizeof(ECCrefPublicKey)), pub2 = malloc(sizeof(ECCrefPublicKey));
    cipher = malloc(sizeof(ECCCipher) + 128), sig = malloc(128);
    memset(place + 64, 0xC3, GUARD);
    COMBINE(SDF_OpenDevice, SDF_OpenDevice(pick(2) ? &device : NULL));
    COMBINE(SDF_OpenSession, SDF_OpenSession(handle(), pick(2) ? &made : NULL));
    truth("a session", SDF_OpenSession(device, &session) == SDR_OK && SDF_OpenSession(device, &second) == SDR_OK);
    closed = second;
    truth("a closed one", SDF_CloseSession(second) == SDR_OK);
    truth("a key", SDF_ImportKeyWithKEK(session, SGD_SM4_ECB, 1, wrapped, 16, &key) == SDR_OK);
    truth("a right", SDF_GetPrivateKeyAccessRight(session, 1, (unsigned char *)"12345678", 8) == SDR_OK);
    rsa();
    standard();
    extension();
    COMBINE(SDF_DestroyKey, SDF_DestroyKey(handle(), key_handle()));
    void *live = session;
    session = NULL;
    COMBINE(SDF_CloseSession, SDF_CloseSession(pick(2) ? handle() : key_handle()));
    truth("the session still works", SDF_GenerateRandom(live, 16, in) == SDR_OK);
    void *open = device;
    device = live;
    COMBINE(SDF_CloseDevice, SDF_CloseDevice(pick(2) ? handle() : key_handle()));
    truth("closed in the end", SDF_CloseDevice(open) == SDR_OK);
    printf("of %llu combinations\n", combinations);
    return finish();
}
