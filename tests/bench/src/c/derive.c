/*
 * OpenSSL at the work of `rhc-hsm bench`: 57 parents x 1024 factors, each result with its check value, on one core, in the
 * form that suits it best: all factors of a parent in one call, then a key expansion and a block for each result.
 * Prints derivations per second of processor time. Prototypes are OpenSSL 3's, so that its headers need not be installed.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
const EVP_CIPHER *EVP_sm4_ecb(void);
int EVP_CIPHER_CTX_set_padding(EVP_CIPHER_CTX *, int);
int EVP_EncryptInit_ex(EVP_CIPHER_CTX *, const EVP_CIPHER *, void *, const unsigned char *, const unsigned char *);
int EVP_EncryptUpdate(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int);

enum { PARENTS = 57, FACTORS = 1024 };

static unsigned char inputs[FACTORS * 16], keys[FACTORS * 16], checks[FACTORS * 16];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
    static const unsigned char zero[16];
    EVP_CIPHER_CTX *parent = EVP_CIPHER_CTX_new(), *own = EVP_CIPHER_CTX_new();
    unsigned char key[16];
    unsigned long done = 0;
    double begun, seconds;
    int length, right = 1;

    for (unsigned n = 0; n < sizeof inputs; n++)
        inputs[n] = (unsigned char)(n * 7 + n / 16);
    memset(key, 0x5A, sizeof key);
    right &= parent && own && EVP_EncryptInit_ex(parent, EVP_sm4_ecb(), NULL, key, NULL);
    right = right && EVP_EncryptInit_ex(own, EVP_sm4_ecb(), NULL, key, NULL);
    EVP_CIPHER_CTX_set_padding(parent, 0);
    EVP_CIPHER_CTX_set_padding(own, 0);
    begun = now();
    do {
        for (int p = 0; right && p < PARENTS; p++) {
            key[0] = (unsigned char)p;
            right &= EVP_EncryptInit_ex(parent, NULL, NULL, key, NULL);
            right &= EVP_EncryptUpdate(parent, keys, &length, inputs, sizeof inputs);
            for (int f = 0; f < FACTORS; f++) {
                right &= EVP_EncryptInit_ex(own, NULL, NULL, keys + 16 * f, NULL);
                right &= EVP_EncryptUpdate(own, checks + 16 * f, &length, zero, 16);
            }
        }
        done += PARENTS * FACTORS;
        seconds = now() - begun;
    } while (right && seconds < 0.5);
    if (!right) {
        fputs("OpenSSL refused\n", stderr);
        return 1;
    }
    printf("%.0f\n", (double)done / seconds);
    return 0;
}
