/*
 * Sessions in parallel, one for each thread, and threads that share one. Every answer is compared with what one thread
 * got alone. Environment: RHC_SDF_CONFIG, ROUNDS.
 */
#include "common.h"
#include <pthread.h>

#define OWN 6
#define SHARED 4

static void *device, *shared, *shared_key;
static unsigned char expected_cipher[256], expected_mac[16], plain[256], wrapped[16];
static int rounds;

/* Everything a session does once; 0: as expected. */
static int work(void *session, void *key) {
    unsigned char iv[16] = {0}, out[256], mac[16];
    unsigned length = sizeof out;
    if (SDF_Encrypt(session, key, SGD_SM4_CBC, iv, plain, 256, out, &length) || memcmp(out, expected_cipher, 256))
        return 1;
    memset(iv, 0, 16);
    if (SDF_Decrypt(session, key, SGD_SM4_CBC, iv, out, 256, out, &length) || memcmp(out, plain, 256))
        return 2;
    memset(iv, 0, 16);
    length = 16;
    if (SDF_CalculateMAC(session, key, SGD_SM4_MAC, iv, plain, 256, mac, &length) || memcmp(mac, expected_mac, 16))
        return 3;
    return SDF_GenerateRandom(session, 32, out) ? 4 : 0;
}

static void *own(void *unused) {
    void *session, *key, *made;
    unsigned char digest[32], first[32];
    unsigned length = 32;
    ECCSignature sig;
    (void)unused;
    if (SDF_OpenSession(device, &session) || SDF_ImportKeyWithKEK(session, SGD_SM4_ECB, 1, wrapped, 16, &key) ||
        SDF_GetPrivateKeyAccessRight(session, 1, (unsigned char *)"12345678", 8))
        return (void *)10;
    for (int i = 0; i < rounds; i++) {
        long wrong = work(session, key);
        if (wrong)
            return (void *)wrong;
        /* a hash in several calls is the session's own */
        if (SDF_HashInit(session, SGD_SM3, NULL, NULL, 0) || SDF_HashUpdate(session, plain, 100) ||
            SDF_HashUpdate(session, plain + 100, 156) || SDF_HashFinal(session, digest, &length))
            return (void *)11;
        if (i && memcmp(digest, first, 32))
            return (void *)12;
        memcpy(first, digest, 32);
        if (i % 8 == 0 && (SDF_InternalSign_ECC(session, 1, digest, 32, &sig) ||
                           SDF_InternalVerify_ECC(session, 1, digest, 32, &sig)))
            return (void *)13;
        unsigned char w[16];
        length = 16;
        if (SDF_GenerateKeyWithKEK(session, 128, SGD_SM4_ECB, 1, w, &length, &made) || SDF_DestroyKey(session, made))
            return (void *)14;
        length = 32;
    }
    return SDF_CloseSession(session) ? (void *)15 : NULL;
}

static void *sharing(void *unused) {
    (void)unused;
    for (int i = 0; i < rounds; i++) {
        long wrong = work(shared, shared_key);
        if (wrong)
            return (void *)wrong;
    }
    return NULL;
}

/* Opens and closes sessions while others work. */
static void *coming_and_going(void *unused) {
    (void)unused;
    for (int i = 0; i < rounds; i++) {
        void *session;
        if (SDF_OpenSession(device, &session) || SDF_CloseSession(session) || SDF_CloseSession(session) != SDR_INARGERR)
            return (void *)20;
    }
    return NULL;
}

int main(void) {
    pthread_t threads[OWN + SHARED + 1];
    unsigned char iv[16] = {0};
    unsigned length = 256;
    int n = 0;
    reach();
    rounds = atoi(need("ROUNDS"));
    from_hex(need("WRAPPED"), wrapped, 16);
    for (int i = 0; i < 256; i++)
        plain[i] = (unsigned char)i;
    truth("open", !SDF_OpenDevice(&device) && !SDF_OpenSession(device, &shared) &&
          !SDF_ImportKeyWithKEK(shared, SGD_SM4_ECB, 1, wrapped, 16, &shared_key) &&
          !SDF_Encrypt(shared, shared_key, SGD_SM4_CBC, iv, plain, 256, expected_cipher, &length));
    memset(iv, 0, 16);
    length = 16;
    truth("mac", !SDF_CalculateMAC(shared, shared_key, SGD_SM4_MAC, iv, plain, 256, expected_mac, &length));
    for (int i = 0; i < OWN; i++)
        pthread_create(&threads[n++], NULL, own, NULL);
    for (int i = 0; i < SHARED; i++)
        pthread_create(&threads[n++], NULL, sharing, NULL);
    pthread_create(&threads[n++], NULL, coming_and_going, NULL);
    for (int i = 0; i < n; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        if (wrong)
            printf("thread %d: %ld\n", i, (long)wrong);
        truth("a thread", wrong == NULL);
    }
    truth("closed", SDF_CloseDevice(device) == SDR_OK);
    return finish();
}
