/* The extension. A part of exercise.c. */

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
