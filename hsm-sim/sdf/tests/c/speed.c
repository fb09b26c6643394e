/*
 * Time of SDF_Encrypt (SM4-ECB, in place) with a session key, for the benchmark: prints nanoseconds for a call with
 * 32 bytes and with 16 KiB, the best of SPANS spans. Environment: RHC_SDF_CONFIG, SPANS.
 */
#include "common.h"
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double best(void *session, void *key, unsigned size, unsigned calls, int spans) {
    static unsigned char data[16384];
    double least = 1e18;
    for (int s = 0; s < spans; s++) {
        double start = now();
        for (unsigned i = 0; i < calls; i++) {
            unsigned length = size;
            if (SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, data, size, data, &length))
                exit(3);
        }
        double span = (now() - start) / calls;
        if (span < least)
            least = span;
    }
    return least;
}

int main(void) {
    void *device, *session, *key;
    ECCrefPublicKey pub;
    ECCrefPrivateKey priv;
    CIPHER c;
    reach();
    int spans = atoi(need("SPANS"));
    if (SDF_OpenDevice(&device) || SDF_OpenSession(device, &session) ||
        SDF_GenerateKeyPair_ECC(session, SGD_SM2_3, 256, &pub, &priv) ||
        SDF_GenerateKeyWithEPK_ECC(session, 128, SGD_SM2_3, &pub, &c.c, &key))
        return 4;
    printf("%f %f\n", best(session, key, 32, 20000, spans), best(session, key, 16384, 500, spans));
    return SDF_CloseDevice(device) ? 3 : 0;
}
