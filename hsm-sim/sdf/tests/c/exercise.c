/*
 * Every function of sdf.h and hsm_sim_ext.h: a success, and each code that it can return without a fault of the machine
 * (those are faults.c's). A row is: function, case, expected code, arguments. What a foreign judge can judge is printed.
 *
 * Environment: RHC_SDF_CONFIG (the machine), OFFICERS (configuration with an officers' socket, or the same), WRAPPED
 * (a session key under key encryption key 1), FILL, ORDER (JSON texts in files).
 */
#include "common.h"
#include <sys/wait.h>
#include <unistd.h>

static void *device, *session, *other;
static unsigned char iv[16], data[64], out[128];
static unsigned length;
static unsigned char password[] = "12345678";

static void devices(void) {
    void *d = NULL;
    char *right = strdup(need("RHC_SDF_CONFIG"));
    setenv("RHC_SDF_CONFIG", "/nowhere/sdf.toml", 1);
    CASE(SDF_OpenDevice, "no configuration", SDR_OPENDEVICE, (&d));
    setenv("RHC_SDF_CONFIG", right, 1);
    CASE(SDF_OpenDevice, "null", SDR_OUTARGERR, (NULL));
    CASE(SDF_OpenDevice, "good", SDR_OK, (&device));
    CASE(SDFE_OpenDeviceWithConfig, "no file", SDR_OPENDEVICE, ("/nowhere", &d));
    CASE(SDFE_OpenDeviceWithConfig, "null path", SDR_INARGERR, (NULL, &d));
    CASE(SDFE_OpenDeviceWithConfig, "null place", SDR_OUTARGERR, (right, NULL));
    CASE(SDFE_OpenDeviceWithConfig, "good", SDR_OK, (right, &d));
    CASE(SDF_OpenSession, "null device", SDR_INARGERR, (NULL, &session));
    CASE(SDF_OpenSession, "random device", SDR_INARGERR, ((void *)0x1234, &session));
    CASE(SDF_OpenSession, "null place", SDR_OUTARGERR, (device, NULL));
    CASE(SDF_OpenSession, "good", SDR_OK, (device, &session));
    CASE(SDF_OpenSession, "second", SDR_OK, (device, &other));
    CASE(SDF_OpenSession, "a session is no device", SDR_INARGERR, (session, &session));
    void *late = NULL;
    CASE(SDF_OpenSession, "on the second device", SDR_OK, (d, &late));
    CASE(SDF_CloseDevice, "null", SDR_INARGERR, (NULL));
    CASE(SDF_CloseDevice, "good", SDR_OK, (d));
    CASE(SDF_CloseDevice, "closed", SDR_INARGERR, (d));
    CASE(SDF_CloseSession, "closed with its device", SDR_INARGERR, (late));
    CASE(SDF_CloseSession, "null", SDR_INARGERR, (NULL));
    CASE(SDF_CloseSession, "a device is no session", SDR_INARGERR, (device));
    DEVICEINFO info;
    CASE(SDF_GetDeviceInfo, "good", SDR_OK, (session, &info));
    truth("SM2, SM4 with five modes, SM3 and SHA-256", info.AsymAlgAbility[0] == 0x20F00 &&
          info.AsymAlgAbility[1] == 256 && info.SymAlgAbility == 0x41F && info.HashAlgAbility == 5);
    truth("serial of 16 digits", strspn((char *)info.DeviceSerial, "0123456789") >= 16);
    CASE(SDF_GetDeviceInfo, "null place", SDR_OUTARGERR, (session, NULL));
    CASE(SDF_GetDeviceInfo, "null session", SDR_INARGERR, (NULL, &info));
    unsigned char *much = calloc(1, 5000), *more = calloc(1, 5000);
    CASE(SDF_GenerateRandom, "good", SDR_OK, (session, 5000, much));
    CASE(SDF_GenerateRandom, "again", SDR_OK, (session, 5000, more));
    truth("random bytes differ, to the last", memcmp(much, more, 5000) && memcmp(much + 4990, more + 4990, 10));
    CASE(SDF_GenerateRandom, "none", SDR_INARGERR, (session, 0, much));
    CASE(SDF_GenerateRandom, "too many", SDR_INARGERR, (session, 0xFFFFFFFF, much));
    CASE(SDF_GenerateRandom, "null", SDR_OUTARGERR, (session, 8, NULL));
    free(much), free(more), free(right);
}

static void rights(void) {
    CASE(SDF_GetPrivateKeyAccessRight, "index 0", SDR_INARGERR, (session, 0, password, 8));
    CASE(SDF_GetPrivateKeyAccessRight, "no such index", SDR_KEYNOTEXIST, (session, 99, password, 8));
    CASE(SDF_GetPrivateKeyAccessRight, "no password set", SDR_PRKRERR, (session, 2, password, 8));
    CASE(SDF_GetPrivateKeyAccessRight, "wrong", SDR_PRKRERR, (session, 1, (unsigned char *)"87654321", 8));
    CASE(SDF_GetPrivateKeyAccessRight, "short", SDR_INARGERR, (session, 1, password, 7));
    CASE(SDF_GetPrivateKeyAccessRight, "long", SDR_INARGERR, (session, 1, password, 0xFFFFFFFF));
    CASE(SDF_GetPrivateKeyAccessRight, "null", SDR_INARGERR, (session, 1, NULL, 8));
    CASE(SDF_InternalSign_ECC, "before the right", SDR_PARDENY, (session, 1, data, 32, (ECCSignature *)out));
    CASE(SDF_GetPrivateKeyAccessRight, "good", SDR_OK, (session, 1, password, 8));
    CASE(SDF_ReleasePrivateKeyAccessRight, "good", SDR_OK, (session, 1));
    CASE(SDF_ReleasePrivateKeyAccessRight, "index 0", SDR_INARGERR, (session, 0));
    CASE(SDF_ReleasePrivateKeyAccessRight, "null", SDR_INARGERR, (NULL, 1));
    CASE(SDF_InternalSign_ECC, "after the right", SDR_PARDENY, (session, 1, data, 32, (ECCSignature *)out));
    CASE(SDF_GetPrivateKeyAccessRight, "again", SDR_OK, (session, 1, password, 8));
    CASE(SDF_InternalSign_ECC, "a right is the session's", SDR_PARDENY, (other, 1, data, 32, (ECCSignature *)out));
}

static void rsa(void) {
    RSArefPublicKey pub;
    RSArefPrivateKey priv;
    void *key;
    memset(&pub, 0, sizeof pub);
    CASE(SDF_ExportSignPublicKey_RSA, "no RSA", SDR_NOTSUPPORT, (session, 1, &pub));
    CASE(SDF_ExportEncPublicKey_RSA, "no RSA", SDR_NOTSUPPORT, (session, 1, &pub));
    CASE(SDF_GenerateKeyPair_RSA, "no RSA", SDR_NOTSUPPORT, (session, 2048, &pub, &priv));
    CASE(SDF_GenerateKeyWithIPK_RSA, "no RSA", SDR_NOTSUPPORT, (session, 1, 128, out, &length, &key));
    CASE(SDF_GenerateKeyWithEPK_RSA, "no RSA", SDR_NOTSUPPORT, (session, 128, &pub, out, &length, &key));
    CASE(SDF_ImportKeyWithISK_RSA, "no RSA", SDR_NOTSUPPORT, (session, 1, out, 128, &key));
    CASE(SDF_ExchangeDigitEnvelopeBaseOnRSA, "no RSA", SDR_NOTSUPPORT, (session, 1, &pub, out, 128, out, &length));
    CASE(SDF_ExternalPublicKeyOperation_RSA, "no RSA", SDR_NOTSUPPORT, (session, &pub, data, 64, out, &length));
    CASE(SDF_InternalPublicKeyOperation_RSA, "no RSA", SDR_NOTSUPPORT, (session, 1, data, 64, out, &length));
    CASE(SDF_InternalPrivateKeyOperation_RSA, "no RSA, no arguments", SDR_NOTSUPPORT, (NULL, 0, NULL, 0, NULL, NULL));
}

static void pairs(void) {
    ECCrefPublicKey pub, bad;
    ECCrefPrivateKey priv;
    static const unsigned char zeros[32];
    CASE(SDF_ExportSignPublicKey_ECC, "good", SDR_OK, (session, 1, &pub));
    truth("right-aligned", pub.bits == 256 && !memcmp(pub.x, zeros, 32) && !memcmp(pub.y, zeros, 32));
    show("sign-x", pub.x + 32, 32), show("sign-y", pub.y + 32, 32);
    CASE(SDF_ExportSignPublicKey_ECC, "no key", SDR_KEYNOTEXIST, (session, 9, &pub));
    CASE(SDF_ExportSignPublicKey_ECC, "an SM4 key", SDR_KEYTYPEERR, (session, 3, &pub));
    CASE(SDF_ExportSignPublicKey_ECC, "index 0", SDR_INARGERR, (session, 0, &pub));
    CASE(SDF_ExportSignPublicKey_ECC, "null", SDR_OUTARGERR, (session, 1, NULL));
    CASE(SDF_ExportEncPublicKey_ECC, "good", SDR_OK, (session, 1, &pub));
    CASE(SDF_ExportEncPublicKey_ECC, "no key", SDR_KEYNOTEXIST, (session, 9, &pub));
    CASE(SDF_ExportEncPublicKey_ECC, "a signing key", SDR_KEYTYPEERR, (session, 3, &pub));
    CASE(SDF_ExportEncPublicKey_ECC, "null", SDR_OUTARGERR, (session, 1, NULL));
    CASE(SDF_GenerateKeyPair_ECC, "good", SDR_OK, (session, SGD_SM2_1, 256, &pub, &priv));
    show("pair-x", pub.x + 32, 32), show("pair-y", pub.y + 32, 32), show("pair-d", priv.K + 32, 32);
    CASE(SDF_GenerateKeyPair_ECC, "RSA", SDR_ALGNOTSUPPORT, (session, SGD_RSA, 256, &pub, &priv));
    CASE(SDF_GenerateKeyPair_ECC, "512 bits", SDR_INARGERR, (session, SGD_SM2, 512, &pub, &priv));
    CASE(SDF_GenerateKeyPair_ECC, "null", SDR_OUTARGERR, (session, SGD_SM2, 256, &pub, NULL));

    ECCSignature sig;
    memset(data, 0x5A, sizeof data);
    CASE(SDF_InternalSign_ECC, "good", SDR_OK, (session, 1, data, 32, &sig));
    CASE(SDF_InternalSign_ECC, "31 bytes", SDR_INARGERR, (session, 1, data, 31, &sig));
    CASE(SDF_InternalSign_ECC, "huge", SDR_INARGERR, (session, 1, data, 0xFFFFFFFF, &sig));
    CASE(SDF_InternalSign_ECC, "null data", SDR_INARGERR, (session, 1, NULL, 32, &sig));
    CASE(SDF_InternalSign_ECC, "null place", SDR_OUTARGERR, (session, 1, data, 32, NULL));
    CASE(SDF_InternalSign_ECC, "no key", SDR_KEYNOTEXIST, (session, 9, data, 32, &sig));
    CASE(SDF_InternalSign_ECC, "an SM4 key", SDR_KEYTYPEERR, (session, 3, data, 32, &sig));
    CASE(SDF_InternalVerify_ECC, "good", SDR_OK, (session, 1, data, 32, &sig));
    CASE(SDF_InternalVerify_ECC, "no key", SDR_KEYNOTEXIST, (session, 9, data, 32, &sig));
    CASE(SDF_InternalVerify_ECC, "an SM4 key", SDR_KEYTYPEERR, (session, 3, data, 32, &sig));
    CASE(SDF_InternalVerify_ECC, "33 bytes", SDR_INARGERR, (session, 1, data, 33, &sig));
    CASE(SDF_InternalVerify_ECC, "null", SDR_INARGERR, (session, 1, data, 32, NULL));
    SDF_ExportSignPublicKey_ECC(session, 1, &pub);
    CASE(SDF_ExternalVerify_ECC, "good", SDR_OK, (session, SGD_SM2_1, &pub, data, 32, &sig));
    CASE(SDF_ExternalVerify_ECC, "encryption algorithm", SDR_ALGNOTSUPPORT, (session, SGD_SM2_3, &pub, data, 32, &sig));
    CASE(SDF_ExternalVerify_ECC, "null key", SDR_INARGERR, (session, SGD_SM2_1, NULL, data, 32, &sig));
    CASE(SDF_ExternalVerify_ECC, "null signature", SDR_INARGERR, (session, SGD_SM2_1, &pub, data, 32, NULL));
    bad = pub, bad.x[40] ^= 1;
    CASE(SDF_ExternalVerify_ECC, "no point", SDR_KEYERR, (session, SGD_SM2_1, &bad, data, 32, &sig));
    bad = pub, bad.bits = 512;
    CASE(SDF_ExternalVerify_ECC, "512 bits", SDR_KEYERR, (session, SGD_SM2_1, &bad, data, 32, &sig));
    data[0] ^= 1;
    CASE(SDF_InternalVerify_ECC, "another value", SDR_VERIFYERR, (session, 1, data, 32, &sig));
    CASE(SDF_ExternalVerify_ECC, "another value", SDR_VERIFYERR, (session, SGD_SM2, &pub, data, 32, &sig));
    sig.r[0] = 1;
    CASE(SDF_InternalVerify_ECC, "r of 512 bits", SDR_VERIFYERR, (session, 1, data, 32, &sig));
}

static void encryption(void) {
    CIPHER c, d;
    ECCrefPublicKey pub, bad;
    unsigned char plain[40] = "forty bytes that go under an SM2 key....", back[40];
    memset(&c, 0, sizeof c);
    SDF_ExportEncPublicKey_ECC(session, 1, &pub);
    bad = pub, bad.y[63] ^= 1;
    CASE(SDF_InternalEncrypt_ECC, "good", SDR_OK, (session, 1, SGD_SM2_3, plain, 40, &c.c));
    CASE(SDF_InternalEncrypt_ECC, "no key", SDR_KEYNOTEXIST, (session, 9, SGD_SM2_3, plain, 40, &c.c));
    CASE(SDF_InternalEncrypt_ECC, "key type", SDR_KEYTYPEERR, (session, 3, SGD_SM2_3, plain, 40, &d.c));
    CASE(SDF_InternalEncrypt_ECC, "signature algorithm", SDR_ALGNOTSUPPORT, (session, 1, SGD_SM2_1, plain, 40, &d.c));
    CASE(SDF_InternalEncrypt_ECC, "nothing", SDR_INARGERR, (session, 1, SGD_SM2_3, plain, 0, &d.c));
    CASE(SDF_InternalEncrypt_ECC, "huge", SDR_INARGERR, (session, 1, SGD_SM2_3, plain, 0xFFFFFFF0, &d.c));
    CASE(SDF_InternalEncrypt_ECC, "null place", SDR_OUTARGERR, (session, 1, SGD_SM2_3, plain, 40, NULL));
    length = 40;
    CASE(SDF_InternalDecrypt_ECC, "good", SDR_OK, (session, 1, SGD_SM2_3, &c.c, back, &length));
    truth("what was encrypted", length == 40 && !memcmp(plain, back, 40));
    length = 39;
    CASE(SDF_InternalDecrypt_ECC, "little room", SDR_NOBUFFER, (session, 1, SGD_SM2_3, &c.c, back, &length));
    truth("the length needed", length == 40);
    CASE(SDF_InternalDecrypt_ECC, "null buffer", SDR_OUTARGERR, (session, 1, SGD_SM2_3, &c.c, NULL, &length));
    CASE(SDF_InternalDecrypt_ECC, "null length", SDR_OUTARGERR, (session, 1, SGD_SM2_3, &c.c, back, NULL));
    CASE(SDF_InternalDecrypt_ECC, "null cipher text", SDR_INARGERR, (session, 1, SGD_SM2_3, NULL, back, &length));
    CASE(SDF_InternalDecrypt_ECC, "no right", SDR_PARDENY, (other, 1, SGD_SM2_3, &c.c, back, &length));
    CASE(SDF_InternalDecrypt_ECC, "no key", SDR_KEYNOTEXIST, (session, 9, SGD_SM2_3, &c.c, back, &length));
    CASE(SDF_InternalDecrypt_ECC, "key type", SDR_KEYTYPEERR, (session, 3, SGD_SM2_3, &c.c, back, &length));
    CASE(SDF_InternalDecrypt_ECC, "RSA", SDR_ALGNOTSUPPORT, (session, 1, SGD_RSA, &c.c, back, &length));
    d = c, d.c.M[5] ^= 1;
    CASE(SDF_InternalDecrypt_ECC, "changed", SDR_ENCDATAERR, (session, 1, SGD_SM2_3, &d.c, back, &length));
    d = c, d.c.L = 0xFFFFFFFF;
    CASE(SDF_InternalDecrypt_ECC, "huge L", SDR_ENCDATAERR, (session, 1, SGD_SM2_3, &d.c, back, &length));
    d = c, d.c.x[0] = 1;
    CASE(SDF_InternalDecrypt_ECC, "x of 512 bits", SDR_ENCDATAERR, (session, 1, SGD_SM2_3, &d.c, back, &length));
    CASE(SDF_ExternalEncrypt_ECC, "good", SDR_OK, (session, SGD_SM2, &pub, plain, 40, &d.c));
    length = 40;
    CASE(SDF_InternalDecrypt_ECC, "what came from outside", SDR_OK, (session, 1, SGD_SM2, &d.c, back, &length));
    truth("the same", !memcmp(plain, back, 40));
    CASE(SDF_ExternalEncrypt_ECC, "no point", SDR_KEYERR, (session, SGD_SM2_3, &bad, plain, 40, &d.c));
    CASE(SDF_ExternalEncrypt_ECC, "null key", SDR_INARGERR, (session, SGD_SM2_3, NULL, plain, 40, &d.c));
    CASE(SDF_ExternalEncrypt_ECC, "null data", SDR_INARGERR, (session, SGD_SM2_3, &pub, NULL, 40, &d.c));
    CASE(SDF_ExternalEncrypt_ECC, "null place", SDR_OUTARGERR, (session, SGD_SM2_3, &pub, plain, 40, NULL));
    CASE(SDF_ExternalEncrypt_ECC, "signature algorithm", SDR_ALGNOTSUPPORT, (session, SGD_SM2_1, &pub, plain, 40, &d.c));
}

/* What a key does to a block, to compare two handles. */
static int same_key(void *s1, void *k1, void *s2, void *k2) {
    unsigned char a[16] = {0}, b[16] = {0};
    unsigned la = 16, lb = 16;
    return !SDF_Encrypt(s1, k1, SGD_SM4_ECB, NULL, a, 16, a, &la) && !SDF_Encrypt(s2, k2, SGD_SM4_ECB, NULL, b, 16, b, &lb) &&
           !memcmp(a, b, 16);
}

static void session_keys(void) {
    CIPHER c, d;
    ECCrefPublicKey pub, bad;
    void *k1 = NULL, *k2 = NULL;
    memset(&c, 0, sizeof c);
    SDF_ExportEncPublicKey_ECC(session, 1, &pub);
    bad = pub, bad.x[63] ^= 1;
    CASE(SDF_GenerateKeyWithIPK_ECC, "good", SDR_OK, (session, 1, 128, &c.c, &k1));
    CASE(SDF_ImportKeyWithISK_ECC, "good", SDR_OK, (session, 1, &c.c, &k2));
    truth("the envelope holds the key", same_key(session, k1, session, k2));
    CASE(SDF_GenerateKeyWithIPK_ECC, "64 bits", SDR_INARGERR, (session, 1, 64, &d.c, &k2));
    CASE(SDF_GenerateKeyWithIPK_ECC, "no key", SDR_KEYNOTEXIST, (session, 9, 128, &d.c, &k2));
    CASE(SDF_GenerateKeyWithIPK_ECC, "key type", SDR_KEYTYPEERR, (session, 3, 128, &d.c, &k2));
    CASE(SDF_GenerateKeyWithIPK_ECC, "index 0", SDR_INARGERR, (session, 0, 128, &d.c, &k2));
    CASE(SDF_GenerateKeyWithIPK_ECC, "null envelope", SDR_OUTARGERR, (session, 1, 128, NULL, &k2));
    CASE(SDF_GenerateKeyWithIPK_ECC, "null handle", SDR_OUTARGERR, (session, 1, 128, &d.c, NULL));
    CASE(SDF_ImportKeyWithISK_ECC, "no right", SDR_PARDENY, (other, 1, &c.c, &k2));
    CASE(SDF_ImportKeyWithISK_ECC, "no key", SDR_KEYNOTEXIST, (session, 9, &c.c, &k2));
    CASE(SDF_ImportKeyWithISK_ECC, "key type", SDR_KEYTYPEERR, (session, 3, &c.c, &k2));
    CASE(SDF_ImportKeyWithISK_ECC, "null", SDR_INARGERR, (session, 1, NULL, &k2));
    CASE(SDF_ImportKeyWithISK_ECC, "null place", SDR_OUTARGERR, (session, 1, &c.c, NULL));
    d = c, d.c.C[3] ^= 1;
    CASE(SDF_ImportKeyWithISK_ECC, "changed", SDR_ENCDATAERR, (session, 1, &d.c, &k2));
    SDF_InternalEncrypt_ECC(session, 1, SGD_SM2_3, data, 24, &d.c);
    CASE(SDF_ImportKeyWithISK_ECC, "24 bytes are no key", SDR_ENCDATAERR, (session, 1, &d.c, &k2));
    CASE(SDF_GenerateKeyWithEPK_ECC, "good", SDR_OK, (session, 128, SGD_SM2_3, &pub, &c.c, &k1));
    CASE(SDF_ImportKeyWithISK_ECC, "of our public key", SDR_OK, (session, 1, &c.c, &k2));
    truth("the same key", same_key(session, k1, session, k2));
    CASE(SDF_GenerateKeyWithEPK_ECC, "no point", SDR_KEYERR, (session, 128, SGD_SM2_3, &bad, &c.c, &k1));
    CASE(SDF_GenerateKeyWithEPK_ECC, "signature algorithm", SDR_ALGNOTSUPPORT, (session, 128, SGD_SM2_1, &pub, &d.c, &k2));
    CASE(SDF_GenerateKeyWithEPK_ECC, "256 bits", SDR_INARGERR, (session, 256, SGD_SM2_3, &pub, &d.c, &k2));
    CASE(SDF_GenerateKeyWithEPK_ECC, "null key", SDR_INARGERR, (session, 128, SGD_SM2_3, NULL, &d.c, &k2));
    CASE(SDF_GenerateKeyWithEPK_ECC, "null place", SDR_OUTARGERR, (session, 128, SGD_SM2_3, &pub, NULL, &k2));
    CASE(SDF_GetPrivateKeyAccessRight, "index 4", SDR_OK, (session, 4, password, 8));
    SDF_ExportEncPublicKey_ECC(session, 4, &pub);
    CASE(SDF_ExchangeDigitEnvelopeBaseOnECC, "good", SDR_OK, (session, 1, SGD_SM2_3, &pub, &c.c, &d.c));
    CASE(SDF_ImportKeyWithISK_ECC, "after the exchange", SDR_OK, (session, 4, &d.c, &k2));
    truth("still the same key", same_key(session, k1, session, k2));
    d = c;
    CASE(SDF_ExchangeDigitEnvelopeBaseOnECC, "in place", SDR_OK, (session, 1, SGD_SM2_3, &pub, &d.c, &d.c));
    CASE(SDF_ExchangeDigitEnvelopeBaseOnECC, "no right", SDR_PARDENY, (other, 1, SGD_SM2_3, &pub, &c.c, &d.c));
    CASE(SDF_ExchangeDigitEnvelopeBaseOnECC, "not for this key", SDR_ENCDATAERR, (session, 4, SGD_SM2_3, &pub, &c.c, &d.c));
    CASE(SDF_ExchangeDigitEnvelopeBaseOnECC, "no key", SDR_KEYNOTEXIST, (session, 9, SGD_SM2_3, &pub, &c.c, &d.c));
    CASE(SDF_ExchangeDigitEnvelopeBaseOnECC, "key type", SDR_KEYTYPEERR, (session, 3, SGD_SM2_3, &pub, &c.c, &d.c));
    CASE(SDF_ExchangeDigitEnvelopeBaseOnECC, "algorithm", SDR_ALGNOTSUPPORT, (session, 1, SGD_SM4, &pub, &c.c, &d.c));
    CASE(SDF_ExchangeDigitEnvelopeBaseOnECC, "no point", SDR_KEYERR, (session, 1, SGD_SM2_3, &bad, &c.c, &d.c));
    CASE(SDF_ExchangeDigitEnvelopeBaseOnECC, "null in", SDR_INARGERR, (session, 1, SGD_SM2_3, &pub, NULL, &d.c));
    CASE(SDF_ExchangeDigitEnvelopeBaseOnECC, "null out", SDR_OUTARGERR, (session, 1, SGD_SM2_3, &pub, &c.c, NULL));

    unsigned char wrapped[16];
    length = 16;
    CASE(SDF_GenerateKeyWithKEK, "good", SDR_OK, (session, 128, SGD_SM4_ECB, 1, wrapped, &length, &k1));
    CASE(SDF_ImportKeyWithKEK, "good", SDR_OK, (session, SGD_SM4_ECB, 1, wrapped, 16, &k2));
    truth("wrapped and unwrapped", length == 16 && same_key(session, k1, session, k2));
    CASE(SDF_ImportKeyWithKEK, "in another session too", SDR_OK, (other, SGD_SM4_ECB, 1, wrapped, 16, &k2));
    length = 15;
    CASE(SDF_GenerateKeyWithKEK, "little room", SDR_NOBUFFER, (session, 128, SGD_SM4_ECB, 1, wrapped, &length, &k1));
    truth("16 needed", length == 16);
    CASE(SDF_GenerateKeyWithKEK, "bits", SDR_INARGERR, (session, 192, SGD_SM4_ECB, 1, wrapped, &length, &k1));
    CASE(SDF_GenerateKeyWithKEK, "mode", SDR_ALGMODNOTSUPPORT, (session, 128, SGD_SM4_CBC, 1, wrapped, &length, &k1));
    CASE(SDF_GenerateKeyWithKEK, "SM1", SDR_ALGNOTSUPPORT, (session, 128, SGD_SM1, 1, wrapped, &length, &k1));
    CASE(SDF_GenerateKeyWithKEK, "no KEK", SDR_KEYNOTEXIST, (session, 128, SGD_SM4_ECB, 9, wrapped, &length, &k1));
    CASE(SDF_GenerateKeyWithKEK, "key type", SDR_KEYTYPEERR, (session, 128, SGD_SM4_ECB, 2, wrapped, &length, &k1));
    CASE(SDF_GenerateKeyWithKEK, "null", SDR_OUTARGERR, (session, 128, SGD_SM4_ECB, 1, NULL, &length, &k1));
    CASE(SDF_ImportKeyWithKEK, "15 bytes", SDR_INARGERR, (session, SGD_SM4_ECB, 1, wrapped, 15, &k2));
    CASE(SDF_ImportKeyWithKEK, "huge", SDR_INARGERR, (session, SGD_SM4_ECB, 1, wrapped, 0x80000000, &k2));
    CASE(SDF_ImportKeyWithKEK, "mode", SDR_ALGMODNOTSUPPORT, (session, SGD_SM4_OFB, 1, wrapped, 16, &k2));
    CASE(SDF_ImportKeyWithKEK, "SM1", SDR_ALGNOTSUPPORT, (session, SGD_SM1, 1, wrapped, 16, &k2));
    CASE(SDF_ImportKeyWithKEK, "no KEK", SDR_KEYNOTEXIST, (session, SGD_SM4_ECB, 9, wrapped, 16, &k2));
    CASE(SDF_ImportKeyWithKEK, "key type", SDR_KEYTYPEERR, (session, SGD_SM4_ECB, 2, wrapped, 16, &k2));
    CASE(SDF_ImportKeyWithKEK, "null place", SDR_OUTARGERR, (session, SGD_SM4_ECB, 1, wrapped, 16, NULL));
    CASE(SDF_DestroyKey, "another session's", SDR_KEYNOTEXIST, (other, k1));
    CASE(SDF_DestroyKey, "null", SDR_KEYNOTEXIST, (session, NULL));
    CASE(SDF_DestroyKey, "null session", SDR_INARGERR, (NULL, k1));
    CASE(SDF_DestroyKey, "good", SDR_OK, (session, k1));
    CASE(SDF_DestroyKey, "twice", SDR_KEYNOTEXIST, (session, k1));
}

static void agreement(void) {
    ECCrefPublicKey sp, st, rp, rt, bad;
    void *agreement = NULL, *sk = NULL, *rk = NULL;
    unsigned char a[] = "sponsor@ministry", b[] = "responder@province";
    unsigned la = sizeof a - 1, lb = sizeof b - 1;
    SDF_GetPrivateKeyAccessRight(other, 4, password, 8);
    CASE(SDF_GenerateAgreementDataWithECC, "good", SDR_OK, (session, 1, 128, a, la, &sp, &st, &agreement));
    CASE(SDF_GenerateAgreementDataAndKeyWithECC, "good", SDR_OK, (other, 4, 128, b, lb, a, la, &sp, &st, &rp, &rt, &rk));
    bad = rt, bad.y[50] ^= 1;
    CASE(SDF_GenerateKeyWithECC, "no point", SDR_KEYERR, (session, b, lb, &rp, &bad, agreement, &sk));
    CASE(SDF_GenerateKeyWithECC, "another session's", SDR_KEYNOTEXIST, (other, b, lb, &rp, &rt, agreement, &sk));
    CASE(SDF_GenerateKeyWithECC, "null agreement", SDR_KEYNOTEXIST, (session, b, lb, &rp, &rt, NULL, &sk));
    CASE(SDF_GenerateKeyWithECC, "null identity", SDR_INARGERR, (session, NULL, lb, &rp, &rt, agreement, &sk));
    CASE(SDF_GenerateKeyWithECC, "null place", SDR_OUTARGERR, (session, b, lb, &rp, &rt, agreement, NULL));
    SDF_ReleasePrivateKeyAccessRight(session, 1);
    CASE(SDF_GenerateKeyWithECC, "right released", SDR_PARDENY, (session, b, lb, &rp, &rt, agreement, &sk));
    SDF_GetPrivateKeyAccessRight(session, 1, password, 8);
    CASE(SDF_GenerateKeyWithECC, "good", SDR_OK, (session, b, lb, &rp, &rt, agreement, &sk));
    truth("both sides have the key", same_key(session, sk, other, rk));
    CASE(SDF_GenerateKeyWithECC, "spent", SDR_KEYNOTEXIST, (session, b, lb, &rp, &rt, agreement, &sk));
    CASE(SDF_GenerateAgreementDataWithECC, "no right", SDR_PARDENY, (other, 1, 128, a, la, &sp, &st, &agreement));
    CASE(SDF_GenerateAgreementDataWithECC, "no key", SDR_KEYNOTEXIST, (session, 9, 128, a, la, &sp, &st, &agreement));
    CASE(SDF_GenerateAgreementDataWithECC, "key type", SDR_KEYTYPEERR, (session, 3, 128, a, la, &sp, &st, &agreement));
    CASE(SDF_GenerateAgreementDataWithECC, "bits", SDR_INARGERR, (session, 1, 256, a, la, &sp, &st, &agreement));
    CASE(SDF_GenerateAgreementDataWithECC, "no identity", SDR_INARGERR, (session, 1, 128, a, 0, &sp, &st, &agreement));
    CASE(SDF_GenerateAgreementDataWithECC, "null place", SDR_OUTARGERR, (session, 1, 128, a, la, NULL, &st, &agreement));
    CASE(SDF_GenerateAgreementDataWithECC, "to be destroyed", SDR_OK, (session, 1, 128, a, la, &sp, &st, &agreement));
    CASE(SDF_Encrypt, "an agreement is no key", SDR_KEYNOTEXIST, (session, agreement, SGD_SM4_ECB, NULL, data, 16, out, &length));
    CASE(SDF_DestroyKey, "an agreement", SDR_OK, (session, agreement));
    CASE(SDF_GenerateAgreementDataAndKeyWithECC, "no right", SDR_PARDENY, (other, 1, 128, b, lb, a, la, &sp, &st, &rp, &rt, &rk));
    CASE(SDF_GenerateAgreementDataAndKeyWithECC, "no key", SDR_KEYNOTEXIST, (other, 9, 128, b, lb, a, la, &sp, &st, &rp, &rt, &rk));
    CASE(SDF_GenerateAgreementDataAndKeyWithECC, "key type", SDR_KEYTYPEERR, (session, 3, 128, b, lb, a, la, &sp, &st, &rp, &rt, &rk));
    CASE(SDF_GenerateAgreementDataAndKeyWithECC, "no point", SDR_KEYERR, (other, 4, 128, b, lb, a, la, &sp, &bad, &rp, &rt, &rk));
    CASE(SDF_GenerateAgreementDataAndKeyWithECC, "bits", SDR_INARGERR, (other, 4, 64, b, lb, a, la, &sp, &st, &rp, &rt, &rk));
    CASE(SDF_GenerateAgreementDataAndKeyWithECC, "null in", SDR_INARGERR, (other, 4, 128, b, lb, a, la, NULL, &st, &rp, &rt, &rk));
    CASE(SDF_GenerateAgreementDataAndKeyWithECC, "null out", SDR_OUTARGERR, (other, 4, 128, b, lb, a, la, &sp, &st, NULL, &rt, &rk));
}

static void ciphers(void) {
    unsigned char wrapped[16], plain[64], cipher[64], back[64];
    void *key = NULL;
    static const struct { const char *name; unsigned id; } modes[] = {
        {"ecb", SGD_SM4_ECB}, {"cbc", SGD_SM4_CBC}, {"cfb", SGD_SM4_CFB}, {"ofb", SGD_SM4_OFB}};
    truth("WRAPPED has 16 bytes", from_hex(need("WRAPPED"), wrapped, 16) == 16);
    CASE(SDF_ImportKeyWithKEK, "the judge's key", SDR_OK, (session, SGD_SM4_ECB, 1, wrapped, 16, &key));
    for (int i = 0; i < 64; i++)
        plain[i] = (unsigned char)(i * 7 + 1);
    for (int m = 0; m < 4; m++) {
        for (int i = 0; i < 16; i++)
            iv[i] = (unsigned char)(0xA0 + i);
        length = 64;
        CASE(SDF_Encrypt, modes[m].name, SDR_OK, (session, key, modes[m].id, iv, plain, 64, cipher, &length));
        truth("as long as before", length == 64);
        show(modes[m].name, cipher, 64);
        unsigned char end[16];
        memcpy(end, iv, 16);
        /* in two pieces, in place, chained by the IV */
        for (int i = 0; i < 16; i++)
            iv[i] = (unsigned char)(0xA0 + i);
        memcpy(back, plain, 64);
        length = 16;
        CASE(SDF_Encrypt, "first piece, in place", SDR_OK, (session, key, modes[m].id, iv, back, 16, back, &length));
        length = 48;
        CASE(SDF_Encrypt, "the rest", SDR_OK, (session, key, modes[m].id, iv, back + 16, 48, back + 16, &length));
        truth("pieces make the whole, IV too", !memcmp(back, cipher, 64) && !memcmp(iv, end, 16));
        if (modes[m].id == SGD_SM4_CBC || modes[m].id == SGD_SM4_CFB)
            truth("the IV is the last cipher block", !memcmp(iv, cipher + 48, 16));
        for (int i = 0; i < 16; i++)
            iv[i] = (unsigned char)(0xA0 + i);
        length = 64;
        CASE(SDF_Decrypt, modes[m].name, SDR_OK, (session, key, modes[m].id, iv, cipher, 64, back, &length));
        truth("decrypted, IV as after encrypting", !memcmp(back, plain, 64) && !memcmp(iv, end, 16));
        /* buffers that overlap by a part */
        unsigned char both[80];
        memcpy(both, plain, 64);
        for (int i = 0; i < 16; i++)
            iv[i] = (unsigned char)(0xA0 + i);
        length = 64;
        CASE(SDF_Encrypt, "overlapping", SDR_OK, (session, key, modes[m].id, iv, both, 64, both + 16, &length));
        truth("the same", !memcmp(both + 16, cipher, 64));
    }
    unsigned char mac[16];
    memset(iv, 0, 16);
    length = 16;
    CASE(SDF_CalculateMAC, "good", SDR_OK, (session, key, SGD_SM4_MAC, iv, plain, 64, mac, &length));
    truth("the IV is the MAC", length == 16 && !memcmp(mac, iv, 16));
    show("mac", mac, 16);
    memset(iv, 0, 16);
    SDF_CalculateMAC(session, key, SGD_SM4_MAC, iv, plain, 32, out, &length);
    SDF_CalculateMAC(session, key, SGD_SM4_MAC, iv, plain + 32, 32, out, &length);
    truth("chained MAC", !memcmp(out, mac, 16));
    static unsigned char big[1 << 20];
    length = sizeof big;
    CASE(SDF_Encrypt, "a MiB", SDR_OK, (session, key, SGD_SM4_CBC, iv, big, sizeof big, big, &length));
    length = sizeof big;

    CASE(SDF_Encrypt, "no key", SDR_KEYNOTEXIST, (session, NULL, SGD_SM4_ECB, iv, plain, 16, out, &length));
    CASE(SDF_Encrypt, "another session's", SDR_KEYNOTEXIST, (other, key, SGD_SM4_ECB, iv, plain, 16, out, &length));
    CASE(SDF_Encrypt, "null session", SDR_INARGERR, (NULL, key, SGD_SM4_ECB, iv, plain, 16, out, &length));
    CASE(SDF_Encrypt, "SM1", SDR_ALGNOTSUPPORT, (session, key, 0x101, iv, plain, 16, out, &length));
    CASE(SDF_Encrypt, "MAC is no cipher", SDR_ALGMODNOTSUPPORT, (session, key, SGD_SM4_MAC, iv, plain, 16, out, &length));
    CASE(SDF_Encrypt, "15 bytes", SDR_INARGERR, (session, key, SGD_SM4_ECB, iv, plain, 15, out, &length));
    CASE(SDF_Encrypt, "no bytes", SDR_INARGERR, (session, key, SGD_SM4_ECB, iv, plain, 0, out, &length));
    CASE(SDF_Encrypt, "huge", SDR_INARGERR, (session, key, SGD_SM4_ECB, iv, plain, 0xFFFFFFF0, out, &length));
    CASE(SDF_Encrypt, "null IV", SDR_INARGERR, (session, key, SGD_SM4_CBC, NULL, plain, 16, out, &length));
    CASE(SDF_Encrypt, "null data", SDR_INARGERR, (session, key, SGD_SM4_ECB, iv, NULL, 16, out, &length));
    CASE(SDF_Encrypt, "null place", SDR_OUTARGERR, (session, key, SGD_SM4_ECB, iv, plain, 16, NULL, &length));
    CASE(SDF_Encrypt, "null length", SDR_OUTARGERR, (session, key, SGD_SM4_ECB, iv, plain, 16, out, NULL));
    length = 15;
    CASE(SDF_Encrypt, "little room", SDR_NOBUFFER, (session, key, SGD_SM4_ECB, iv, plain, 16, out, &length));
    truth("16 needed", length == 16);
    CASE(SDF_Decrypt, "no key", SDR_KEYNOTEXIST, (session, session, SGD_SM4_ECB, iv, plain, 16, out, &length));
    CASE(SDF_Decrypt, "SM1", SDR_ALGNOTSUPPORT, (session, key, 0x101, iv, plain, 16, out, &length));
    CASE(SDF_Decrypt, "mode", SDR_ALGMODNOTSUPPORT, (session, key, 0x4FF, iv, plain, 16, out, &length));
    CASE(SDF_Decrypt, "17 bytes", SDR_INARGERR, (session, key, SGD_SM4_ECB, iv, plain, 17, out, &length));
    CASE(SDF_Decrypt, "null place", SDR_OUTARGERR, (session, key, SGD_SM4_ECB, iv, plain, 16, NULL, &length));
    length = 0;
    CASE(SDF_Decrypt, "no room", SDR_NOBUFFER, (session, key, SGD_SM4_ECB, iv, plain, 16, out, &length));
    CASE(SDF_CalculateMAC, "no key", SDR_KEYNOTEXIST, (session, NULL, SGD_SM4_MAC, iv, plain, 16, out, &length));
    CASE(SDF_CalculateMAC, "SM1", SDR_ALGNOTSUPPORT, (session, key, 0x110, iv, plain, 16, out, &length));
    CASE(SDF_CalculateMAC, "a cipher is no MAC", SDR_ALGMODNOTSUPPORT, (session, key, SGD_SM4_CBC, iv, plain, 16, out, &length));
    CASE(SDF_CalculateMAC, "20 bytes", SDR_INARGERR, (session, key, SGD_SM4_MAC, iv, plain, 20, out, &length));
    CASE(SDF_CalculateMAC, "null IV", SDR_INARGERR, (session, key, SGD_SM4_MAC, NULL, plain, 16, out, &length));
    CASE(SDF_CalculateMAC, "null place", SDR_OUTARGERR, (session, key, SGD_SM4_MAC, iv, plain, 16, NULL, &length));
    length = 4;
    CASE(SDF_CalculateMAC, "little room", SDR_NOBUFFER, (session, key, SGD_SM4_MAC, iv, plain, 16, out, &length));
}

static void hashes(void) {
    unsigned char id[] = "1234567812345678", e[32];
    ECCrefPublicKey pub, bad;
    ECCSignature sig;
    CASE(SDF_HashUpdate, "before the beginning", SDR_STEPERR, (session, data, 3));
    length = 32;
    CASE(SDF_HashFinal, "before the beginning", SDR_STEPERR, (session, e, &length));
    CASE(SDF_HashInit, "SM3", SDR_OK, (session, SGD_SM3, NULL, NULL, 0));
    CASE(SDF_HashUpdate, "good", SDR_OK, (session, (unsigned char *)"ab", 2));
    CASE(SDF_HashUpdate, "good", SDR_OK, (session, (unsigned char *)"c", 1));
    CASE(SDF_HashUpdate, "null", SDR_INARGERR, (session, NULL, 2));
    CASE(SDF_HashUpdate, "nothing", SDR_INARGERR, (session, data, 0));
    CASE(SDF_HashUpdate, "huge", SDR_INARGERR, (session, data, 0xFFFFFFFF));
    length = 31;
    CASE(SDF_HashFinal, "little room", SDR_NOBUFFER, (session, e, &length));
    CASE(SDF_HashFinal, "null", SDR_OUTARGERR, (session, NULL, &length));
    CASE(SDF_HashFinal, "null length", SDR_OUTARGERR, (session, e, NULL));
    length = 128;
    CASE(SDF_HashFinal, "still there", SDR_OK, (session, e, &length));
    truth("32 bytes", length == 32);
    show("sm3-abc", e, 32);
    CASE(SDF_HashFinal, "over", SDR_STEPERR, (session, e, &length));
    SDF_ExportSignPublicKey_ECC(session, 1, &pub);
    bad = pub, bad.x[63] ^= 1;
    CASE(SDF_HashInit, "SHA-256", SDR_OK, (session, SGD_SHA256, &pub, id, 16));
    SDF_HashUpdate(session, (unsigned char *)"abc", 3);
    length = 32;
    CASE(SDF_HashFinal, "SHA-256", SDR_OK, (session, e, &length));
    show("sha256-abc", e, 32);
    CASE(SDF_HashInit, "SHA-1", SDR_ALGNOTSUPPORT, (session, SGD_SHA1, NULL, NULL, 0));
    CASE(SDF_HashInit, "no point", SDR_KEYERR, (session, SGD_SM3, &bad, id, 16));
    CASE(SDF_HashInit, "no identity", SDR_INARGERR, (session, SGD_SM3, &pub, NULL, 16));
    CASE(SDF_HashInit, "long identity", SDR_INARGERR, (session, SGD_SM3, &pub, id, 0x7FFFFFFF));
    CASE(SDF_HashInit, "null session", SDR_INARGERR, (NULL, SGD_SM3, NULL, NULL, 0));
    CASE(SDF_HashInit, "with ZA", SDR_OK, (session, SGD_SM3, &pub, id, 16));
    SDF_HashUpdate(session, (unsigned char *)"message digest", 14);
    length = 32;
    SDF_HashFinal(session, e, &length);
    CASE(SDF_InternalSign_ECC, "over e", SDR_OK, (session, 1, e, 32, &sig));
    show("signature-r", sig.r + 32, 32), show("signature-s", sig.s + 32, 32);
}

static void files(void) {
    unsigned char name[] = "card profile", buffer[64];
    CASE(SDF_CreateFile, "good", SDR_OK, (session, name, 12, 100));
    CASE(SDF_CreateFile, "again", SDR_FILEEXISTS, (other, name, 12, 100));
    CASE(SDF_CreateFile, "no bytes", SDR_FILESIZEERR, (session, name, 4, 0));
    CASE(SDF_CreateFile, "huge", SDR_FILESIZEERR, (session, name, 4, 0xFFFFFFFF));
    CASE(SDF_CreateFile, "no name", SDR_INARGERR, (session, name, 0, 100));
    CASE(SDF_CreateFile, "null name", SDR_INARGERR, (session, NULL, 4, 100));
    CASE(SDF_CreateFile, "name of 129", SDR_INARGERR, (session, buffer, 129, 100));
    CASE(SDF_WriteFile, "good", SDR_OK, (session, name, 12, 90, 10, (unsigned char *)"0123456789"));
    CASE(SDF_WriteFile, "past the end", SDR_FILESIZEERR, (session, name, 12, 91, 10, data));
    CASE(SDF_WriteFile, "offset at the end", SDR_FILEOFSERR, (session, name, 12, 100, 1, data));
    CASE(SDF_WriteFile, "huge", SDR_FILESIZEERR, (session, name, 12, 0, 0xFFFFFFFF, data));
    CASE(SDF_WriteFile, "no file", SDR_FILENOEXIST, (session, name, 3, 0, 1, data));
    CASE(SDF_WriteFile, "nothing", SDR_INARGERR, (session, name, 12, 0, 0, data));
    CASE(SDF_WriteFile, "null", SDR_INARGERR, (session, name, 12, 0, 1, NULL));
    length = 64;
    CASE(SDF_ReadFile, "by another session", SDR_OK, (other, name, 12, 88, &length, buffer));
    truth("what is there", length == 12 && !memcmp(buffer, "\0\0" "0123456789", 12));
    length = 4;
    CASE(SDF_ReadFile, "a part", SDR_OK, (session, name, 12, 92, &length, buffer));
    truth("the part", length == 4 && !memcmp(buffer, "2345", 4));
    CASE(SDF_ReadFile, "offset", SDR_FILEOFSERR, (session, name, 12, 0xFFFFFFFF, &length, buffer));
    CASE(SDF_ReadFile, "no file", SDR_FILENOEXIST, (session, name, 5, 0, &length, buffer));
    CASE(SDF_ReadFile, "null", SDR_OUTARGERR, (session, name, 12, 0, &length, NULL));
    CASE(SDF_ReadFile, "null length", SDR_OUTARGERR, (session, name, 12, 0, NULL, buffer));
    length = 0;
    CASE(SDF_ReadFile, "nothing wanted", SDR_INARGERR, (session, name, 12, 0, &length, buffer));
    CASE(SDF_DeleteFile, "good", SDR_OK, (session, name, 12));
    CASE(SDF_DeleteFile, "gone", SDR_FILENOEXIST, (session, name, 12));
    CASE(SDF_DeleteFile, "null", SDR_INARGERR, (session, NULL, 12));
}

static char *text_of(const char *path, unsigned *size) {
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (!f)
        exit(4);
    *size = (unsigned)fread(text, 1, 1 << 20, f);
    fclose(f);
    return text;
}

#define T(text) (const unsigned char *)(text), (unsigned)strlen(text)

static void extension(void) {
    SDFE_ERROR error;
    SDFE_TICKET ticket;
    ECCSignature sig;
    unsigned version = 0, room = SDFE_ORDER_ROOM, size;
    unsigned char *json = malloc(room);
    void *officers = NULL, *key = NULL, *again = NULL;
    CASE(SDFE_GetVersion, "good", SDR_OK, (&version));
    truth("version", version == SDFE_VERSION);
    CASE(SDFE_GetVersion, "null", SDR_OUTARGERR, (NULL));
    length = 0;
    CASE(SDFE_Info, "how long", SDR_NOBUFFER, (session, NULL, &length));
    truth("a length", length > 100);
    CASE(SDFE_Info, "good", SDR_OK, (session, json, &length));
    truth("a mark", strstr((char *)json, "\"TEST\"") != NULL);
    CASE(SDFE_Info, "null length", SDR_OUTARGERR, (session, json, NULL));
    length = room;
    CASE(SDFE_ListKeys, "good", SDR_OK, (session, json, &length));
    length = 5;
    CASE(SDFE_ListKeys, "little room", SDR_NOBUFFER, (session, json, &length));
    length = room;
    CASE(SDFE_ListTickets, "good", SDR_OK, (session, json, &length));
    CASE(SDFE_ListTickets, "null session", SDR_INARGERR, (NULL, json, &length));
    length = room;
    CASE(SDFE_Audit, "good", SDR_OK, (session, 0, json, &length));
    CASE(SDFE_Audit, "null length", SDR_OUTARGERR, (session, 0, json, NULL));
    CASE(SDFE_LastPackage, "no such peer", SDFE_REFUSED, (session, T("nobody"), json, &length));
    CASE(SDFE_GetLastError, "good", SDR_OK, (&error));
    truth("its name", !strcmp(error.name, "UnknownPeer") && error.code == SDFE_REFUSED && error.step == -1);
    CASE(SDFE_GetLastError, "null", SDR_OUTARGERR, (NULL));
    CASE(SDFE_LastPackage, "no name", SDR_INARGERR, (session, T("a b"), json, &length));
    length = room;
    CASE(SDFE_LastPackage, "good", SDR_OK, (session, T("lower"), json, &length));
    CASE(SDFE_TicketStatus, "good", SDR_OK, (session, T("t"), &ticket));
    truth("a fresh ticket", ticket.count == 100 && ticket.used == 0 && ticket.kind == SDFE_CARD && !ticket.closed);
    CASE(SDFE_TicketStatus, "none", SDFE_REFUSED, (session, T("none"), &ticket));
    CASE(SDFE_TicketStatus, "null", SDR_OUTARGERR, (session, T("t"), NULL));
    CASE(SDFE_TicketStatus, "null name", SDR_INARGERR, (session, NULL, 3, &ticket));
    CASE(SDFE_SignWithKey, "good", SDR_OK, (session, T("ISSUER"), T("message digest"), &sig));
    CASE(SDFE_SignWithKey, "no key", SDR_KEYNOTEXIST, (session, T("NOBODY"), T("m"), &sig));
    CASE(SDFE_SignWithKey, "an index's key", SDFE_REFUSED, (session, T("sdf/1/sign"), T("m"), &sig));
    CASE(SDFE_SignWithKey, "null", SDR_OUTARGERR, (session, T("ISSUER"), T("m"), NULL));
    CASE(SDFE_SignWithKey, "huge", SDR_INARGERR, (session, T("ISSUER"), data, 0xFFFFFFFF, &sig));
    CASE(SDFE_MACWithKey, "good", SDR_OK, (session, T("CVK"), T("text"), out, 8));
    show("named-mac", out, 8);
    CASE(SDFE_MACWithKey, "9 bytes", SDR_INARGERR, (session, T("CVK"), T("text"), out, 9));
    CASE(SDFE_MACWithKey, "not a MAC key", SDFE_REFUSED, (session, T("RK"), T("text"), out, 8));
    CASE(SDFE_MACWithKey, "no key", SDR_KEYNOTEXIST, (session, T("NOBODY"), T("text"), out, 8));
    CASE(SDFE_MACWithKey, "null", SDR_OUTARGERR, (session, T("CVK"), T("text"), NULL, 8));

    unsigned char factors[24] = "FACTOR01FACTOR02FACTOR03", checks[18], wrapped[96];
    unsigned lw = sizeof wrapped, lc = sizeof checks;
    CASE(SDFE_Diversify, "good", SDR_OK, (session, T("t"), T("RK"), factors, 1, checks, &key));
    show("diversified-check", checks, 3);
    length = 16;
    memset(data, 0, 16);
    CASE(SDF_Encrypt, "with a diversified key", SDR_OK, (session, key, SGD_SM4_ECB, NULL, data, 16, out, &length));
    show("diversified-zero", out, 16);
    SDFE_TicketStatus(session, T("t"), &ticket);
    truth("a count is spent", ticket.used == 1 && ticket.answers == 1);
    CASE(SDFE_Diversify, "no ticket", SDFE_REFUSED, (session, T("none"), T("RK"), factors, 1, checks, &key));
    CASE(SDFE_Diversify, "not deep enough", SDFE_REFUSED, (session, T("t"), T("DEEP"), factors, 1, checks, &key));
    CASE(SDFE_Diversify, "not for cards", SDFE_REFUSED, (session, T("t"), T("CVK"), factors, 1, checks, &key));
    CASE(SDFE_Diversify, "no key", SDR_KEYNOTEXIST, (session, T("t"), T("NOBODY"), factors, 1, checks, &key));
    CASE(SDFE_Diversify, "no factor", SDR_INARGERR, (session, T("t"), T("RK"), factors, 0, checks, &key));
    CASE(SDFE_Diversify, "many factors", SDR_INARGERR, (session, T("t"), T("RK"), factors, 0x20000001, checks, &key));
    CASE(SDFE_Diversify, "null factors", SDR_INARGERR, (session, T("t"), T("RK"), NULL, 1, checks, &key));
    CASE(SDFE_Diversify, "null place", SDR_OUTARGERR, (session, T("t"), T("RK"), factors, 1, checks, NULL));
    static const unsigned char ids[] = "RK\0DEEP";
    CASE(SDFE_DeriveAndWrap, "one level is too few for one of them", SDFE_REFUSED,
         (session, T("t"), 1, ids, 8, factors, 1, 3, wrapped, &lw, checks, &lc));
    CASE(SDFE_DeriveAndWrap, "good", SDR_OK, (session, T("t"), 1, ids, 3, factors, 1, 3, wrapped, &lw, checks, &lc));
    truth("three keys", lw == 48 && lc == 9);
    CASE(SDF_ImportKeyWithKEK, "one of them", SDR_OK, (session, SGD_SM4_ECB, 1, wrapped, 16, &again));
    truth("the diversified key", same_key(session, key, session, again));
    SDFE_TicketStatus(session, T("t"), &ticket);
    truth("three chips, one of them twice", ticket.used == 3 && ticket.answers == 4);
    lw = 47, lc = 18;
    CASE(SDFE_DeriveAndWrap, "little room", SDR_NOBUFFER,
         (session, T("t"), 1, ids, 3, factors, 1, 3, wrapped, &lw, checks, &lc));
    SDFE_TicketStatus(session, T("t"), &ticket);
    truth("nothing spent for it", lw == 48 && ticket.answers == 4);
    lw = 96;
    CASE(SDFE_DeriveAndWrap, "no KEK", SDR_KEYNOTEXIST, (session, T("t"), 9, ids, 3, factors, 1, 3, wrapped, &lw, checks, &lc));
    CASE(SDFE_DeriveAndWrap, "key type", SDR_KEYTYPEERR, (session, T("t"), 2, ids, 3, factors, 1, 3, wrapped, &lw, checks, &lc));
    CASE(SDFE_DeriveAndWrap, "no zero", SDR_INARGERR, (session, T("t"), 1, ids, 2, factors, 1, 3, wrapped, &lw, checks, &lc));
    CASE(SDFE_DeriveAndWrap, "no levels", SDR_INARGERR, (session, T("t"), 1, ids, 3, factors, 0, 3, wrapped, &lw, checks, &lc));
    CASE(SDFE_DeriveAndWrap, "huge", SDR_INARGERR, (session, T("t"), 1, ids, 3, factors, 0x10000, 0x10000, wrapped, &lw, checks, &lc));
    CASE(SDFE_DeriveAndWrap, "null length", SDR_OUTARGERR, (session, T("t"), 1, ids, 3, factors, 1, 3, wrapped, NULL, checks, &lc));

    char *fill = text_of(need("FILL"), &size);
    length = room;
    CASE(SDFE_Fill, "good", SDR_OK, (session, SDFE_CARD, (unsigned char *)fill, size, json, &length));
    truth("one filled, one refused", strstr((char *)json, "{\"filled\"") && strstr((char *)json, "NoSuchTicket"));
    unsigned first = length;
    length = 10;
    CASE(SDFE_Fill, "little room", SDR_NOBUFFER, (session, SDFE_CARD, (unsigned char *)fill, size, json, &length));
    truth("the stored answer's length", length == first);
    length = room;
    CASE(SDFE_Fill, "neither", SDR_INARGERR, (session, 2, (unsigned char *)fill, size, json, &length));
    CASE(SDFE_Fill, "no JSON", SDR_INARGERR, (session, SDFE_SAM, (unsigned char *)fill, size - 1, json, &length));
    CASE(SDFE_Fill, "no requests", SDR_INARGERR, (session, SDFE_SAM, T("[]"), json, &length));
    CASE(SDFE_Fill, "null", SDR_INARGERR, (session, SDFE_SAM, NULL, 5, json, &length));
    CASE(SDFE_Fill, "null length", SDR_OUTARGERR, (session, SDFE_SAM, T("[]"), json, NULL));

    truth("officers' device", SDFE_OpenDeviceWithConfig(need("OFFICERS"), &officers) == SDR_OK);
    length = 0;
    CASE(SDFE_OfficerInfo, "how long", SDR_NOBUFFER, (officers, NULL, &length));
    CASE(SDFE_OfficerInfo, "good", SDR_OK, (officers, json, &length));
    CASE(SDFE_OfficerInfo, "null", SDR_OUTARGERR, (officers, json, NULL));
    CASE(SDFE_OfficerInfo, "a session is no device", SDR_INARGERR, (session, json, &length));
    char *order = text_of(need("ORDER"), &size);
    length = 1000;
    CASE(SDFE_ExecuteOrder, "little room, not sent", SDR_NOBUFFER, (officers, (unsigned char *)order, size, json, &length));
    truth("the room needed", length == SDFE_ORDER_ROOM);
    CASE(SDFE_ExecuteOrder, "good", SDR_OK, (officers, (unsigned char *)order, size, json, &length));
    length = room;
    CASE(SDFE_ExecuteOrder, "twice", SDFE_REFUSED, (officers, (unsigned char *)order, size, json, &length));
    SDFE_GetLastError(&error);
    truth("replayed", !strcmp(error.name, "OrderReplayed"));
    CASE(SDFE_ExecuteOrder, "no JSON", SDR_INARGERR, (officers, T("{"), json, &length));
    CASE(SDFE_ExecuteOrder, "null", SDR_INARGERR, (officers, NULL, 9, json, &length));
    CASE(SDFE_ExecuteOrder, "null length", SDR_OUTARGERR, (officers, (unsigned char *)order, size, json, NULL));
    if (getenv("OFFICERS_ONLY")) {
        void *none = NULL;
        CASE(SDF_OpenSession, "officers only", SDR_OPENSESSION, (officers, &none));
        CASE(SDFE_OfficerInfo, "operators only", SDR_NOTSUPPORT, (device, json, &length));
        CASE(SDFE_ExecuteOrder, "operators only", SDR_NOTSUPPORT, (device, (unsigned char *)order, size, json, &length));
    }
    CASE(SDF_CloseDevice, "officers' device", SDR_OK, (officers));
    free(json), free(fill), free(order);
}

/* A child's memory holds its parent's handles; they name nothing there. */
static void forked(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        unsigned char bytes[8];
        int code = SDF_GenerateRandom(session, 8, bytes);
        _exit(code == SDR_INARGERR && SDF_CloseDevice(device) == SDR_INARGERR ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    truth("parent's handles name nothing in a child", status == 0);
    truth("and still serve the parent", SDF_GenerateRandom(session, 8, out) == SDR_OK);
}

static void last_things(void) {
    unsigned before = successes;
#define SEEN(name) \
    { \
        int seen = 0; \
        for (unsigned i = 0; i < before; i++) \
            seen |= !strcmp(succeeded[i], NAME_OF_##name); \
        truth(NAME_OF_##name " succeeded once", seen); \
    }
    CASE(SDF_CloseSession, "good", SDR_OK, (session));
    before = successes;
    CASE(SDF_CloseSession, "twice", SDR_INARGERR, (session));
    CASE(SDF_GenerateRandom, "closed session", SDR_INARGERR, (session, 8, out));
    CASE(SDF_CloseDevice, "with an open session", SDR_OK, (device));
    CASE(SDF_GenerateRandom, "its device is closed", SDR_INARGERR, (other, 8, out));
    OTHER_FUNCTIONS(SEEN)
    printf("%u of %u functions succeeded, 10 have no RSA\n", successes, (unsigned)(0
#define ONE(name) + 1
        OTHER_FUNCTIONS(ONE)));
}

int main(void) {
    reach();
    truth("layouts", sizeof(DEVICEINFO) == 100 && sizeof(ECCrefPublicKey) == 132 && sizeof(ECCrefPrivateKey) == 68 &&
          sizeof(ECCSignature) == 128 && sizeof(ECCCipher) == 168 && (size_t)&((ECCCipher *)0)->C == 164 &&
          sizeof(SDFE_ERROR) == 328 && sizeof(SDFE_TICKET) == 40 && sizeof(RSArefPublicKey) == 516);
    devices();
    rights();
    rsa();
    pairs();
    encryption();
    session_keys();
    agreement();
    ciphers();
    hashes();
    files();
    extension();
    forked();
    last_things();
    return finish();
}
