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

#include "exercise_device.h"
#include "exercise_sm2.h"
#include "exercise_keys.h"
#include "exercise_data.h"
#include "exercise_extension.h"

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
