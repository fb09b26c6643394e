/*
 * Looks for a session key in all memory of this program while the machine, another process, uses it.
 * Environment: RHC_SDF_CONFIG, WRAPPED, MASKED (the key's bytes, each with its bits turned, so that the pattern looked for is
 * nowhere but in the register that is compared).
 */
#include "common.h"

int main(void) {
    void *device, *session, *key;
    unsigned char wrapped[16], masked[16], data[16] = {0}, copy[16];
    unsigned length = 16, regions = 0, found = 0, copies = 0;
    reach();
    from_hex(need("WRAPPED"), wrapped, 16);
    from_hex(need("MASKED"), masked, 16);
    truth("a key in use", !SDF_OpenDevice(&device) && !SDF_OpenSession(device, &session) &&
          !SDF_ImportKeyWithKEK(session, SGD_SM4_ECB, 1, wrapped, 16, &key) &&
          !SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, data, 16, data, &length));
    memcpy(copy, wrapped, 16);
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned char *from, *to;
        char rights[8];
        if (sscanf(line, "%p-%p %7s", (void **)&from, (void **)&to, rights) != 3 || rights[0] != 'r' || strstr(line, "[v"))
            continue;
        regions++;
        for (unsigned char *at = from; at + 16 <= to; at++) {
            unsigned i = 0;
            while (i < 16 && (unsigned char)(at[i] ^ 0xFF) == masked[i])
                i++;
            found += i == 16;
            copies += !memcmp(at, wrapped, 16);
        }
    }
    printf("%u regions\n", regions);
    truth("the search finds what is there", regions > 10 && copies >= 2);
    truth("the key is not in this program", found == 0);
    return finish();
}
