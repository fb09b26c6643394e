/*
 * What each function says when the machine fails from its fourth call on (the first three make a key, an agreement and
 * a right). Environment: RHC_SDF_CONFIG, WRAPPED, CODE (the fault's code in hexadecimal), ONLY_RANDOM (only functions
 * that draw random numbers or use a stored key fail).
 */
#include "common.h"

static unsigned code;
static int only_random;

/* A call that the machine serves without random numbers and audit; `else_` is its answer when it works. */
#define QUIET(function, else_, arguments) CASE(function, "fault", only_random ? (unsigned)(else_) : code, arguments)
#define LOUD(function, arguments) CASE(function, "fault", code, arguments)
#define T(text) (const unsigned char *)(text), (unsigned)strlen(text)

int main(void) {
    void *device, *session, *key, *agreement, *made;
    unsigned char wrapped[16], iv[16] = {0}, data[64] = {0}, out[4096], factors[8] = "FACTOR09";
    unsigned length = sizeof out, checks = 64;
    ECCrefPublicKey pub, tmp, pub2, tmp2;
    ECCrefPrivateKey priv;
    ECCSignature sig;
    CIPHER c, d;
    SDFE_TICKET ticket;
    DEVICEINFO info;
    reach();
    code = (unsigned)strtoul(need("CODE"), NULL, 16);
    only_random = getenv("ONLY_RANDOM") != NULL;
    from_hex(need("WRAPPED"), wrapped, 16);
    memset(&c, 0, sizeof c), memset(&sig, 0, sizeof sig), memset(&pub2, 0, sizeof pub2);
    c.c.L = 16, pub2.bits = 256;
    truth("before the fault", !SDF_OpenDevice(&device) && !SDF_OpenSession(device, &session) &&
          !SDF_GetPrivateKeyAccessRight(session, 1, (unsigned char *)"12345678", 8) &&
          !SDF_ImportKeyWithKEK(session, SGD_SM4_ECB, 1, wrapped, 16, &key) &&
          !SDF_GenerateAgreementDataWithECC(session, 1, 128, (unsigned char *)"a", 1, &pub, &tmp, &agreement));
    tmp2 = tmp;
    LOUD(SDF_GenerateRandom, (session, 16, out));
    LOUD(SDF_GetPrivateKeyAccessRight, (session, 1, (unsigned char *)"12345678", 8));
    LOUD(SDF_GenerateKeyPair_ECC, (session, SGD_SM2, 256, &pub2, &priv));
    LOUD(SDF_GenerateKeyWithIPK_ECC, (session, 1, 128, &d.c, &made));
    LOUD(SDF_GenerateKeyWithEPK_ECC, (session, 128, SGD_SM2_3, &pub, &d.c, &made));
    LOUD(SDF_ImportKeyWithISK_ECC, (session, 1, &c.c, &made));
    LOUD(SDF_ExchangeDigitEnvelopeBaseOnECC, (session, 1, SGD_SM2_3, &pub, &c.c, &d.c));
    LOUD(SDF_GenerateAgreementDataWithECC, (session, 1, 128, (unsigned char *)"a", 1, &pub2, &tmp2, &made));
    LOUD(SDF_GenerateAgreementDataAndKeyWithECC, (session, 1, 128, (unsigned char *)"b", 1, (unsigned char *)"a", 1, &pub,
                                                  &tmp, &pub2, &tmp2, &made));
    LOUD(SDF_GenerateKeyWithECC, (session, (unsigned char *)"b", 1, &pub, &tmp, agreement, &made));
    length = 64;
    LOUD(SDF_GenerateKeyWithKEK, (session, 128, SGD_SM4_ECB, 1, out, &length, &made));
    LOUD(SDF_ImportKeyWithKEK, (session, SGD_SM4_ECB, 1, wrapped, 16, &made));
    LOUD(SDF_InternalSign_ECC, (session, 1, data, 32, &sig));
    LOUD(SDF_ExternalEncrypt_ECC, (session, SGD_SM2_3, &pub, data, 16, &d.c));
    LOUD(SDF_InternalEncrypt_ECC, (session, 1, SGD_SM2_3, data, 16, &d.c));
    length = 64;
    LOUD(SDF_InternalDecrypt_ECC, (session, 1, SGD_SM2_3, &c.c, out, &length));
    LOUD(SDF_CreateFile, (session, (unsigned char *)"f", 1, 10));
    LOUD(SDF_WriteFile, (session, (unsigned char *)"f", 1, 0, 1, data));
    LOUD(SDF_DeleteFile, (session, (unsigned char *)"f", 1));
    LOUD(SDFE_SignWithKey, (session, T("ISSUER"), T("m"), &sig));
    LOUD(SDFE_MACWithKey, (session, T("CVK"), T("m"), out, 8));
    LOUD(SDFE_Diversify, (session, T("t"), T("RK"), factors, 1, out, &made));
    length = 64;
    LOUD(SDFE_DeriveAndWrap, (session, T("t"), 1, (const unsigned char *)"RK", 3, factors, 1, 1, out, &length, out, &checks));

    QUIET(SDF_GetDeviceInfo, SDR_OK, (session, &info));
    QUIET(SDF_ReleasePrivateKeyAccessRight, SDR_OK, (session, 2));
    QUIET(SDF_ExportSignPublicKey_ECC, SDR_OK, (session, 1, &pub2));
    QUIET(SDF_ExportEncPublicKey_ECC, SDR_OK, (session, 1, &pub2));
    QUIET(SDF_ExternalVerify_ECC, SDR_VERIFYERR, (session, SGD_SM2, &pub, data, 32, &sig));
    QUIET(SDF_InternalVerify_ECC, SDR_VERIFYERR, (session, 1, data, 32, &sig));
    length = 64;
    QUIET(SDF_Encrypt, SDR_OK, (session, key, SGD_SM4_CBC, iv, data, 16, out, &length));
    QUIET(SDF_Decrypt, SDR_OK, (session, key, SGD_SM4_CBC, iv, data, 16, out, &length));
    QUIET(SDF_CalculateMAC, SDR_OK, (session, key, SGD_SM4_MAC, iv, data, 16, out, &length));
    QUIET(SDF_HashInit, SDR_OK, (session, SGD_SM3, NULL, NULL, 0));
    QUIET(SDF_HashUpdate, SDR_OK, (session, data, 16));
    length = 64;
    QUIET(SDF_HashFinal, SDR_OK, (session, out, &length));
    length = 1;
    QUIET(SDF_ReadFile, SDR_FILENOEXIST, (session, (unsigned char *)"f", 1, 0, &length, out));
    length = sizeof out;
    QUIET(SDFE_Info, SDR_OK, (session, out, &length));
    QUIET(SDFE_TicketStatus, SDR_OK, (session, T("t"), &ticket));
    if (!only_random) {
        length = sizeof out;
        LOUD(SDFE_ListKeys, (session, out, &length));
        LOUD(SDFE_ListTickets, (session, out, &length));
        LOUD(SDFE_Audit, (session, 0, out, &length));
        LOUD(SDFE_LastPackage, (session, T("lower"), out, &length));
    }
    QUIET(SDF_DestroyKey, SDR_OK, (session, key));
    CASE(SDF_CloseSession, "always", SDR_OK, (session));
    CASE(SDF_CloseDevice, "always", SDR_OK, (device));
    return finish();
}
