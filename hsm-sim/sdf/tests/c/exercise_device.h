/* Devices, sessions, access rights, and the RSA functions. A part of exercise.c. */

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
