/* Session keys: enveloped, wrapped, agreed, destroyed. A part of exercise.c. */

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
