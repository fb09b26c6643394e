/* One fault, named by the first word: prints the code that the call gives, and the sentence that goes with it. */
#include "check.h"

static void wait_for_the_test(void) {
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF) exit(1);
}

static int contact(HANDLE h, char *telephone) {
    return iW_DF01EF06Info(h, NULL, NULL, telephone, NULL, NULL, NULL, NULL, NULL, NULL);
}

static int holder(HANDLE h) {
    char name[31], sex[3], group[3], born[9], number[19];
    return iR_DDF1EF06Info(h, name, sex, group, born, number);
}

/* Records an outpatient visit of today in place 1. */
static void record(HANDLE h) {
    char given[64];
    snprintf(given, sizeof given, "医院|4101001234|%s093000", today());
    MUST(iW_DF03ED_ALLInfo(h, 1, given));
    MUST(iW_DF03EF06Info(h, 1));
}

static int blocked_pin(HANDLE h) {
    BYTE left = 99;
    int code = 0;
    for (int n = 0; n < 10; n++) code = VerifyPin(h, "000000", &left);
    EXPECT(left, 0);
    EXPECT(VerifyPin(h, "123456", &left), code);
    EXPECT(left, 0);
    return code;
}

static int another_card(HANDLE h) {
    char given[64];
    snprintf(given, sizeof given, "医院|4101001234|%s093000", today());
    MUST(iW_DF03ED_ALLInfo(h, 1, given));
    wait_for_the_test();
    return iW_DF03EF06Info(h, 1);
}

static int run(const char *fault) {
    char atr[41], text[512];
    BYTE photo[] = {0, 3, 'G', 'I', 'F'}, left = 0;
    HANDLE h;
#define IS(name) (strcmp(fault, name) == 0)
    if (IS("no-service") || IS("no-reader") || IS("open-configuration")) return PowerOn(iDOpenPort(), SLOT_USER, atr);
    if (IS("closed-handle")) return PowerOn((HANDLE)0x52484301, SLOT_USER, atr);
    if (IS("no-card")) return PowerOn(iDOpenPort(), SLOT_USER, atr);
    if (IS("no-sam")) return holder(iDOpenPort());
    if (IS("silent-card") || IS("no-pin") || IS("pin-file-open")) return holder(iDOpenPort());
    h = ready();
    if (IS("pulled-card")) return holder(h);
    if (IS("another-card")) return another_card(h);
    if (IS("forged-card") || IS("expired-card") || IS("sam-of-type-4")) return holder(h);
    if (IS("wrong-pin")) return iVerifyPIN(h, "000000");
    if (IS("blocked-pin")) return blocked_pin(h);
    if (IS("sam-of-type-1") || IS("other-province")) return contact(h, "1");
    if (IS("blocked-application")) return iR_DF02EF06Info(h, text);
    if (IS("null-pointer")) return iR_DDF1EF06Info(h, text, NULL, text, text, text);
    if (IS("short-buffer")) {
        ITEMSELECT item = {8, 0, text, 17, NULL};
        return (int)wsc_GetCardInfo(h, &item, 1);
    }
    if (IS("bad-date")) return iW_DDF1EF08Info(h, "20301301", NULL, NULL, NULL, NULL, NULL);
    if (IS("unknown-code")) return iW_DF01EF07Info(h, NULL, "77", NULL);
    if (IS("value-too-long")) return contact(h, "123456789012345678901");
    if (IS("unknown-slot")) return PowerOn(h, 0x02, atr);
    if (IS("unknown-record")) return iR_DF03EF05Info(h, 4);
    if (IS("unknown-style")) return iR_DF03EDInfo(h, 1, text, 0, 4, 7);
    if (IS("pin-of-five-digits")) return VerifyPin(h, "12345", &left);
    if (IS("no-allergy-yet")) return iR_DF02EF07Info(h, 1, text, text + 30);
    if (IS("fixed-file")) return iW_DDF1EF06Info(h, "x", NULL, NULL, NULL, NULL);
    if (IS("no-jpeg")) return iW_DDF1EF07Info(h, photo);
    if (IS("empty-place")) return iR_DF03EDInfo(h, 1, text, 0, 4, B_style);
    if (IS("nothing-written")) return iW_DF03EF06Info(h, 1);
    if (IS("visit-of-tomorrow")) {
        MUST(iW_DF03ED_ALLInfo(h, 1, "医院|4101001234|99991231093000"));
        return iW_DF03EF06Info(h, 1);
    }
    if (IS("place-taken")) {
        record(h);
        return iW_DF03EDInfo(h, 1, "内科", 105, 50, AN_style);
    }
    if (IS("office-refuses")) {
        record(h);
        return iErase_DF03EF06Info(h, 1);
    }
    return -1;
}

int main(int count, char **words) {
    char why[512];
    int code = count == 2 ? run(words[1]) : -1;
    rhc_LastMessage(why, (int)sizeof why);
    printf("%d\n%s\n", code, why);
    return 0;
}
