/* Ciphers, MACs, hashes, files. A part of exercise.c. */

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
