/* A registration desk with a SAM of type 5: open, PIN, read all, update a contact, record a visit with signature, settle. */
#include "check.h"

/* The interface as its manual gives it; a header that differs does not compile. (On 32-bit Windows all are __stdcall.) */
#ifndef _WIN32
HANDLE iDOpenPort(void);
int iDClosePort(void);
int PowerOn(HANDLE, int slot, char *ATR);
int SendAPDU(HANDLE, uchar slot, uchar *cmd, ulong len, uchar *resp, int *respLen);
int iVerifyPIN(HANDLE h, char *PIN);
int iChange_Pin(HANDLE h, char *oldPin, char *newPin);
int iReader_SAM_Public(HANDLE h, char *info);
int iReader_SAM_Terminal(HANDLE h, char *info);
int iReader_SAM_PublicApp(HANDLE h, char *info);
int iReader_SAM_OrgCertificate(HANDLE h, char *info);
int iReader_SAM_Certificate(HANDLE h, char *info);
int iR_DF03EF05Info(HANDLE h, int recNo);
int iW_DF03EF05Info(HANDLE h, int recNo);
int iErase_DF03EF05Info(HANDLE h, int recNo);
int iR_DF03EF06Info(HANDLE h, int recNo);
int iR_DF03EEInfo(HANDLE h, int recNo, char *szData, int nPos, int nLen, int nStyle);
int iW_DF03EDInfo(HANDLE h, int recNo, char *szData, int nPos, int nLen, int nStyle);
int iR_DF03ED_ALLInfo(HANDLE h, int recNo, char *szData);
DWORD wsc_GetCardInfo(HANDLE h, void *items, int n);
int VerifyPin(HANDLE h, char *pin, BYTE *retry);
#endif
/* The same as the DLL's own header gives it. */
int __stdcall iR_DF03EF05Info(HANDLE hDev, char *ZYJLBS1, char *ZYJLBS2, char *ZYJLBS3);
int __stdcall iW_DF02EF07Info(HANDLE hDev, char *GMWZMC, char *GMFY);

static void open_and_sam(HANDLE h) {
    char atr[41], info[64], certificate[190];
    BYTE retry = 0;
    MUST(PowerOn(h, SLOT_USER, atr));
    if (strncmp(atr, "3B6C00021122334455667788", 24) != 0) SAME(atr, "the card's ATR");
    MUST(PowerOn(h, SLOT_PSAM, atr));
    MUST(iVerifyPIN(h, "123456"));
    MUST(VerifyPin(h, "123456", &retry));
    EXPECT(retry, 10);
    MUST(iChange_Pin(h, "123456", "654321"));
    MUST(iVerifyPIN(h, "654321"));
    MUST(iChange_Pin(h, "654321", "123456"));
    MUST(iReader_SAM_Public(h, info));
    EXPECT((int)strlen(info), 28);
    if (strncmp(info + 20, "01050000", 8) != 0) SAME(info, "version 01, type 05");
    MUST(iReader_SAM_Terminal(h, info));
    EXPECT((int)strlen(info), 12);
    MUST(iReader_SAM_PublicApp(h, info));
    EXPECT((int)strlen(info), 50);
    MUST(iReader_SAM_OrgCertificate(h, certificate));
    EXPECT((BYTE)certificate[0], 0x01);
    MUST(iReader_SAM_Certificate(h, certificate));
    EXPECT((BYTE)certificate[1], 0x02);
    MUST(IReader_GetDeviceCSN(h, info));
    SAME(info, "窗口 1");
}

static void read_all(HANDLE h) {
    char a[31], b[31], c[31], d[31], e[361], f[31], g[31], i[31], j[31], k[31], l[31], m[31], n[31], o[31];
    char long1[101], long2[101];
    BYTE photo[3074];
    MUST(iR_DDF1EF05Info(h, a, b, c, d, e, f, g, i, j, k));
    SAME(a, "1");
    SAME(b, "V1.1");
    SAME(c, "河南省卫生健康委员会");
    EXPECT((int)strlen(e), 360);
    SAME(f, "20261122");
    SAME(g, "410101198507120012");
    SAME(i, "A1B");
    SAME(j, "41ABCDEFGH");
    SAME(k, "410100");
    MUST(iR_DDF1EF06Info(h, a, b, c, d, g));
    SAME(a, "张三");
    SAME(b, "01");
    SAME(c, "01");
    SAME(d, "19850712");
    SAME(g, "410101198507120012");
    MUST(iR_DDF1EF07Info(h, photo));
    EXPECT(memcmp(photo, "\0\4\xFF\xD8\xFF\xD9", 6), 0);
    MUST(iR_DDF1EF08Info(h, a, b, c, d, f, g));
    SAME(a, "20361231");
    SAME(b, "13800000000");
    SAME(c, "");
    MUST(iR_DF01EF05Info(h, a, long1, b, long2));
    SAME(a, "1");
    SAME(long1, "河南省郑州市中原区");
    SAME(long2, "");
    MUST(iR_DF01EF07Info(h, a, b, c));
    MUST(iR_DF01EF08Info(h, a, b, c, d));
    MUST(iR_DF02EF05Info(h, a, b, c, d, f, g, i, j, k, l, m, n, o, e, long1));
    SAME(a, "03");
    SAME(c, "00");
    MUST(iR_DF02EF06Info(h, a));
    SAME(a, "00");
    EXPECT(iR_DF02EF07Info(h, 1, a, long1), RHC_READ_RECORD);
}

static void update(HANDLE h) {
    char name[31], relation[3], telephone[21], rest[6][31], allergen[21], reaction[101], day[9];
    BYTE photo[3074] = {0, 5, 0xFF, 0xD8, 0xFF, 0xE0, 0xD9}, back[3074];
    MUST(iW_DF01EF06Info(h, NULL, "", "13911112222", "王五", "97", NULL, NULL, NULL, NULL));
    MUST(iR_DF01EF06Info(h, name, relation, telephone, rest[0], rest[1], rest[2], rest[3], rest[4], rest[5]));
    SAME(name, "李四");
    SAME(relation, "1");
    SAME(telephone, "13911112222");
    SAME(rest[0], "王五");
    SAME(rest[1], "97");
    MUST(iW_DF01EF06Info(h, NULL, NULL, NULL, " ", " ", NULL, NULL, NULL, NULL));
    MUST(iR_DF01EF06Info(h, name, relation, telephone, rest[0], rest[1], rest[2], rest[3], rest[4], rest[5]));
    SAME(rest[0], "");
    SAME(telephone, "13911112222");
    MUST(iW_DF02EF07Info(h, 1, "青霉素", "皮疹"));
    MUST(iW_DF02EF07Info(h, "花生", "哮喘"));
    MUST(iR_DF02EF07Info(h, 1, allergen, reaction));
    SAME(allergen, "花生");
    MUST(iR_DF02EF07Info(h, 2, allergen, reaction));
    SAME(reaction, "皮疹");
    MUST(iW_DF02EF08Info(h, "乙肝疫苗", "20260131"));
    MUST(iR_DF02EF08Info(h, 1, allergen, day));
    SAME(day, "20260131");
    MUST(iW_DDF1EF07Info(h, photo));
    MUST(iR_DDF1EF07Info(h, back));
    EXPECT(memcmp(photo, back, 7), 0);
    EXPECT(iW_DDF1EF06Info(h, "李四", NULL, NULL, NULL, NULL), RHC_WRITE_RECORD);
}

static void visit(HANDLE h, const char *out) {
    static char record[8192], given[512];
    char text[71], digits[15], signature[129], flags[5][3];
    BYTE data[3267], hash[32], signed_[64], length;
    DWORD size = 100;
    int bars = 0;
    EXPECT(iR_DF03EF06Info(h, 1), RHC_INVALID);
    EXPECT(iR_DF03ED_ALLInfo(h, 1, record), RHC_INVALID);
    snprintf(given, sizeof given, "郑州市第一人民医院|4101001234|%s093000|MZ20261121000017|呼吸内科|1|发热|R50.9|%s",
             today(), today());
    MUST(iW_DF03ED_ALLInfo(h, 1, given));
    MUST(iW_DF03EDInfo(h, 1, "急性上呼吸道感染", 156 + 59, 50, AN_style));
    EXPECT(iR_DF03EF06Info(h, 1), RHC_INVALID);
    MUST(iW_DF03EF06Info(h, 1));
    MUST(iR_DF03EF06Info(h, 1));
    MUST(iR_DF03EF06Info(h, flags[0], flags[1], flags[2], flags[3], flags[4]));
    SAME(flags[0], "00");
    SAME(flags[1], "FF");
    MUST(iR_DF03ED_ALLInfo(h, 1, record));
    for (const char *at = record; *at; at++) bars += *at == '|';
    EXPECT(bars, 169);
    EXPECT(strncmp(record, given, strlen(given)), 0);
    MUST(iR_DF03EDInfo(h, 1, text, 105, 50, AN_style));
    SAME(text, "呼吸内科");
    MUST(iR_DF03EDInfo(h, 1, digits, 80, 7, CN_style));
    EXPECT(strncmp(digits, today(), 8), 0);
    MUST(iR_DF03EDInfo(h, 1, signature, 3013, 64, B_style));
    EXPECT((int)strlen(signature), 128);
    EXPECT(iW_DF03EDInfo(h, 1, "内科", 105, 50, AN_style), RHC_WRITE_BINARY);
    EXPECT(wsc_GetVerifyData(h, 0xED, 1, data, &size), RHC_PARAMETER);
    EXPECT(size, 3267);
    MUST(wsc_GetVerifyData(h, 0xED, 1, data, &size));
    FILE *file = fopen(out, "wb");
    EXPECT(file != NULL && fwrite(data, 1, sizeof data, file) == sizeof data && fclose(file) == 0, 1);
    MUST(SM3Digest(h, data, 3013, hash, &length));
    EXPECT(length, 32);
    MUST(SM2SignHash(h, hash, 32, signed_, &length));
    EXPECT(length, 64);
}

static void stay_in_pieces(HANDLE h) {
    char text[71], number[13];
    MUST(iW_DF03EEInfo(h, 2, "郑州市第一人民医院", 0, 70, AN_style));
    MUST(iW_DF03EEInfo(h, 2, "20261110", 80, 4, CN_style));
    MUST(iW_DF03EEInfo(h, 2, "20261118", 1009, 4, CN_style));
    MUST(iW_DF03EEInfo(h, 2, "1234567", 1589, 5, CN_style));
    MUST(iW_DF03EEInfo(h, 2, "01", 1066, 1, B_style));
    MUST(iW_DF03EF05Info(h, 2));
    EXPECT(iR_DF03EF05Info(h, 1), RHC_INVALID);
    MUST(iR_DF03EEInfo(h, 2, text, 0, 70, AN_style));
    SAME(text, "郑州市第一人民医院");
    MUST(iR_DF03EEInfo(h, 2, number, 1589, 5, CN_style));
    SAME(number, "1234567");
    MUST(iW_DF03EF05Info(h, 2));
    MUST(iErase_DF03EF05Info(h, 2));
}

static void by_number(HANDLE h) {
    char name[31], telephone[21], hospital[71], flag[3], tiny[2];
    DWORD err[5] = {9, 9, 9, 9, 9};
    ITEMSELECT get[5] = {{11, 0, name, sizeof name, &err[0]},
                         {27, 0, telephone, sizeof telephone, &err[1]},
                         {213, 1, hospital, sizeof hospital, &err[2]},
                         {63, 2, flag, sizeof flag, &err[3]},
                         {10, 0, tiny, sizeof tiny, &err[4]}};
    ITEMSELECT put[2] = {{16, 0, "13700000001", 11, &err[0]}, {35, 0, "99", 2, &err[1]}};
    EXPECT(wsc_GetCardInfo(h, get, 5), RHC_PARAMETER);
    SAME(name, "张三");
    SAME(telephone, "13911112222");
    SAME(hospital, "郑州市第一人民医院");
    SAME(flag, "FF");
    EXPECT(err[0] == 0 && err[1] == 0 && err[2] == 0 && err[3] == 0 && err[4] == RHC_PARAMETER, 1);
    EXPECT(wsc_PutCardInfo(h, put, 2), RHC_PARAMETER);
    EXPECT(err[0] == 0 && err[1] == RHC_PARAMETER, 1);
    get[0].wItemFlag = 16;
    MUST(wsc_GetCardInfo(h, get, 4));
    SAME(name, "13700000001");
}

static void directly(HANDLE h) {
    unsigned char answer[258], name[] = {0, 0xA4, 4, 0, 12, 'W', 'S', '.', 'S', 'Y', 'S', '.', 'D', 'D', 'F', '0', '1'};
    unsigned char file[] = {0, 0xA4, 0, 0, 2, 0xEF, 6}, record[] = {0, 0xB2, 1, 4, 0};
    char holder[31], b[31], c[31], d[31], e[31];
    int length = 0;
    MUST(SendAPDU(h, SLOT_USER, name, sizeof name, answer, &length));
    EXPECT(answer[length - 2] == 0x61 || answer[length - 2] == 0x90, 1);
    MUST(SendAPDU(h, SLOT_USER, file, sizeof file, answer, &length));
    EXPECT(answer[0] == 0x90 && length == 2, 1);
    MUST(SendAPDU(h, SLOT_USER, record, sizeof record, answer, &length));
    EXPECT(answer[0] == 0x69 && answer[1] == 0x82, 1); /* no right outlives a flow */
    MUST(iR_DDF1EF06Info(h, holder, b, c, d, e));
    MUST(SendAPDU(h, SLOT_USER, record, sizeof record, answer, &length));
    EXPECT(answer[0] == 0x69, 1);
}

int main(int count, char **words) {
    char atr[41];
    HANDLE h = iDOpenPort();
    if (count != 2 || h == NULL) EXPECT(h != NULL, 1);
    open_and_sam(h);
    read_all(h);
    update(h);
    visit(h, words[1]);
    by_number(h);
    stay_in_pieces(h);
    MUST(iErase_DF03EF06Info(h, 1)); /* settled: the back office accepted the record */
    EXPECT(iR_DF03EF06Info(h, 1), RHC_INVALID);
    directly(h);
    MUST(iDClosePort());
    EXPECT(PowerOn(h, SLOT_USER, atr), RHC_CONNECT);
    EXPECT(iDClosePort(), RHC_CONNECT);
    puts("settled");
    return 0;
}
