/*
 * rhc_reader.dll: the functions of rhc_reader.h for programs that cannot load librhc_reader.so, above all 32-bit Windows
 * programs. Holds no card logic: each call travels to `rhc-card serve` on this computer (frames: src/remote/mod.rs), which checks
 * everything; results are written up to the sizes of the header and no further.
 *
 * Beside the DLL lies rhc_reader_dll.txt (or where rhc_Configure says): the port, a blank, the path of the token file.
 */
#if defined(_WIN32)
#include <winsock2.h>
typedef SOCKET Socket;
#define NO_SOCKET INVALID_SOCKET
static CRITICAL_SECTION lock_;
#define LOCK() EnterCriticalSection(&lock_)
#define UNLOCK() LeaveCriticalSection(&lock_)
#define close_socket closesocket
#else /* the same on Linux, for the tests */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
typedef int Socket;
#define NO_SOCKET (-1)
static pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
#define LOCK() pthread_mutex_lock(&lock_)
#define UNLOCK() pthread_mutex_unlock(&lock_)
#define close_socket close
#endif

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RHC_ONE_FORM
#include "rhc_reader.h"

#define TOKEN 64
#define LONGEST_TEXT (16 << 10)
#define LONGEST_BYTES (1 << 19)
#define LONGEST_ANSWER (1 << 20)
#define MAX_ITEMS 512

static Socket socket_ = NO_SOCKET;
static char settings_[1024];
static __thread char last_[512];

/* ---- bytes on their way */

typedef struct {
    unsigned char *bytes;
    size_t len, room;
    int failed;
} Buffer;

static void put(Buffer *to, const void *bytes, size_t len) {
    if (to->failed) return;
    if (to->len + len > to->room) {
        size_t room = 2 * (to->len + len) + 64;
        unsigned char *more = realloc(to->bytes, room);
        if (more == NULL) {
            to->failed = 1;
            return;
        }
        to->bytes = more;
        to->room = room;
    }
    if (len) memcpy(to->bytes + to->len, bytes, len);
    to->len += len;
}

static void put_u32(Buffer *to, unsigned long value) {
    unsigned char bytes[4] = {(unsigned char)value, (unsigned char)(value >> 8), (unsigned char)(value >> 16),
                              (unsigned char)(value >> 24)};
    put(to, bytes, 4);
}

static unsigned long get_u32(const unsigned char *from) {
    return from[0] | (unsigned long)from[1] << 8 | (unsigned long)from[2] << 16 | (unsigned long)from[3] << 24;
}

static void put_number(Buffer *to, long value) {
    put(to, "\1", 1);
    put_u32(to, (unsigned long)value & 0xFFFFFFFFUL);
}

/* Bytes, or null. */
static void put_given(Buffer *to, const void *bytes, size_t len) {
    if (bytes == NULL) {
        put(to, "\3", 1);
        return;
    }
    put(to, "\2", 1);
    put_u32(to, (unsigned long)len);
    put(to, bytes, len);
}

static size_t text_len(const char *text, size_t most) {
    const char *end = text ? memchr(text, 0, most) : NULL;
    return end ? (size_t)(end - text) : text ? most : 0;
}

/* A request that begins: room for its length, then the name. */
static Buffer begin(const char *name) {
    Buffer request = {NULL, 0, 0, 0};
    unsigned char len = (unsigned char)strlen(name);
    put_u32(&request, 0);
    put(&request, &len, 1);
    put(&request, name, len);
    return request;
}

/* ---- the connection */

static int send_all(const unsigned char *bytes, size_t len) {
    while (len) {
        int sent = (int)send(socket_, (const char *)bytes, (int)(len > 65536 ? 65536 : len), 0);
        if (sent <= 0) return 0;
        bytes += sent;
        len -= (size_t)sent;
    }
    return 1;
}

static int receive_all(unsigned char *bytes, size_t len) {
    while (len) {
        int got = (int)recv(socket_, (char *)bytes, (int)(len > 65536 ? 65536 : len), 0);
        if (got <= 0) return 0;
        bytes += got;
        len -= (size_t)got;
    }
    return 1;
}

static void hang_up(void) {
    if (socket_ != NO_SOCKET) close_socket(socket_);
    socket_ = NO_SOCKET;
}

/* The settings file beside this library, unless another one was named. */
static void find_settings(void) {
    char *end;
    if (settings_[0]) return;
#if defined(_WIN32)
    HMODULE self = NULL;
    GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                       (const char *)&socket_, &self);
    if (!GetModuleFileNameA(self, settings_, (DWORD)sizeof settings_ - 32)) settings_[0] = 0;
    end = strrchr(settings_, '\\');
#else
    Dl_info self;
    if (dladdr((void *)&socket_, &self) && self.dli_fname) snprintf(settings_, sizeof settings_ - 32, "%s", self.dli_fname);
    end = strrchr(settings_, '/');
#endif
    strcpy(end ? end + 1 : settings_, "rhc_reader_dll.txt");
}

/* Connects and shows the token; 0 when that is not possible, with the reason in last_. */
static int connected(void) {
    char path[900] = "", token[TOKEN + 1] = "";
    unsigned char welcome[4];
    unsigned port = 0;
    int one = 1;
    struct sockaddr_in there;
    FILE *file;
    if (socket_ != NO_SOCKET) return 1;
    find_settings();
    file = fopen(settings_, "r");
    if (file == NULL || fscanf(file, "%u %899[^\r\n]", &port, path) != 2 || port > 65535) {
        if (file) fclose(file);
        snprintf(last_, sizeof last_, "1 no settings: write port and path of the token file into %.400s", settings_);
        return 0;
    }
    fclose(file);
    file = fopen(path, "r");
    if (file == NULL || fread(token, 1, TOKEN, file) != TOKEN) {
        if (file) fclose(file);
        snprintf(last_, sizeof last_, "1 no token in %.400s: start rhc-card serve, and run as the same user", path);
        return 0;
    }
    fclose(file);
    memset(&there, 0, sizeof there);
    there.sin_family = AF_INET;
    there.sin_port = htons((unsigned short)port);
    there.sin_addr.s_addr = htonl(0x7F000001);
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    if (socket_ != NO_SOCKET && connect(socket_, (struct sockaddr *)&there, sizeof there) == 0) {
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, (const char *)&one, sizeof one);
        if (send_all((unsigned char *)token, TOKEN) && receive_all(welcome, 4) && memcmp(welcome, "RHC1", 4) == 0) {
            memset(token, 0, sizeof token);
            return 1;
        }
    }
    memset(token, 0, sizeof token);
    hang_up();
    snprintf(last_, sizeof last_, "1 rhc-card serve does not answer on port %u; start it", port);
    return 0;
}

typedef struct {
    unsigned char *bytes; /* what malloc gave */
    size_t len, at;
} Answer;

/* The next part of an answer; 0 when there is none. */
static int part(Answer *from, const unsigned char **bytes, size_t *len) {
    if (from->len - from->at < 4) return 0;
    *len = get_u32(from->bytes + from->at);
    if (*len > from->len - from->at - 4) return 0;
    *bytes = from->bytes + from->at + 4;
    from->at += 4 + *len;
    return 1;
}

/* Sends a request and takes its answer, which the caller frees; gives the code. */
static int ask(Buffer *request, Answer *answer) {
    unsigned char head[4];
    const unsigned char *why;
    size_t len = request->len - 4, why_len;
    int code = RHC_CONNECT;
    memset(answer, 0, sizeof *answer);
    if (request->failed) return RHC_DEVICE;
    request->bytes[0] = (unsigned char)len;
    request->bytes[1] = (unsigned char)(len >> 8);
    request->bytes[2] = (unsigned char)(len >> 16);
    request->bytes[3] = (unsigned char)(len >> 24);
    LOCK();
    if (connected()) {
        snprintf(last_, sizeof last_, "1 the connection to rhc-card serve broke; try again");
        if (send_all(request->bytes, request->len) && receive_all(head, 4) && get_u32(head) >= 8 &&
            get_u32(head) <= LONGEST_ANSWER && (answer->bytes = malloc(get_u32(head))) != NULL &&
            receive_all(answer->bytes, get_u32(head))) {
            answer->len = get_u32(head);
            code = (int)get_u32(answer->bytes);
            answer->at = 4;
            last_[0] = 0;
            if (part(answer, &why, &why_len))
                snprintf(last_, sizeof last_, "%.*s", (int)(why_len > 500 ? 500 : why_len), (const char *)why);
        } else {
            hang_up();
        }
    }
    UNLOCK();
    memset(request->bytes, 0, request->len);
    free(request->bytes);
    return code;
}

static void done(Answer *answer) {
    if (answer->bytes) memset(answer->bytes, 0, answer->len);
    free(answer->bytes);
}

/*
 * A call. Form: i number · t text · b bytes, length · T result as text, size · B result as bytes, size · L int*: where the
 * length of the result behind it goes · l BYTE*: the same.
 */
static int call(const char *name, const char *form, ...) {
    Buffer request = begin(name);
    Answer answer;
    const unsigned char *bytes = NULL;
    size_t len = 0, text;
    va_list list;
    int code, *wide = NULL;
    BYTE *narrow = NULL;
    const char *at;
    va_start(list, form);
    for (at = form; *at; at++) {
        switch (*at) {
        case 'i': put_number(&request, va_arg(list, int)); break;
        case 't': {
            const char *given = va_arg(list, const char *);
            text = text_len(given, LONGEST_TEXT + 1);
            put_given(&request, given, text);
            break;
        }
        case 'b': {
            const void *given = va_arg(list, const void *);
            int given_len = va_arg(list, int);
            int fits = given_len >= 0 && given_len <= LONGEST_BYTES;
            put_given(&request, fits && given_len == 0 ? "" : fits ? given : NULL, fits ? (size_t)given_len : 0);
            break;
        }
        case 'T':
        case 'B':
            put(&request, va_arg(list, void *) ? "\4" : "\3", 1);
            (void)va_arg(list, int);
            break;
        default: /* a length without place: refused as the result's place would be */
            if (va_arg(list, void *) == NULL) put(&request, "\3", 1);
        }
    }
    va_end(list);
    code = ask(&request, &answer);
    va_start(list, form);
    for (at = form; *at; at++) {
        switch (*at) {
        case 'i': (void)va_arg(list, int); break;
        case 't': (void)va_arg(list, const char *); break;
        case 'b':
            (void)va_arg(list, const void *);
            (void)va_arg(list, int);
            break;
        case 'L': wide = va_arg(list, int *); break;
        case 'l': narrow = va_arg(list, BYTE *); break;
        default: {
            char *to = va_arg(list, char *);
            size_t size = (size_t)va_arg(list, int), room = *at == 'T' ? size - 1 : size;
            if (!part(&answer, &bytes, &len) || to == NULL) break;
            if (len > room) {
                code = RHC_DEVICE;
                break;
            }
            memcpy(to, bytes, len);
            if (*at == 'T') to[len] = 0;
            if (wide) *wide = (int)len;
            if (narrow) *narrow = (BYTE)len;
        }
        }
    }
    va_end(list);
    done(&answer);
    return code;
}

#define NUMBER(h) ((int)(size_t)(h))

/* ---- device and SAM */

static HANDLE opened(const char *name, const char *form, int port) {
    unsigned char handle[4] = {0};
    int code = *form == 'i' ? call(name, "iB", port, handle, 4) : call(name, "B", handle, 4);
    return code == 0 ? (HANDLE)(size_t)get_u32(handle) : NULL;
}

HANDLE RHC_CALL iDOpenPort(void) { return opened("iDOpenPort", "", 0); }
HANDLE RHC_CALL OpenDevice(int port) { return opened("OpenDevice", "i", port); }
int RHC_CALL iDClosePort(void) { return call("iDClosePort", ""); }
int RHC_CALL CloseDevice(HANDLE h) { return call("CloseDevice", "i", NUMBER(h)); }
int RHC_CALL PowerOn(HANDLE h, int slot, char *ATR) { return call("PowerOn", "iiT", NUMBER(h), slot, ATR, 41); }
int RHC_CALL SendAPDU(HANDLE h, unsigned char slot, unsigned char *command, unsigned long len, unsigned char *to, int *n) {
    return call("SendAPDU", "iibLB", NUMBER(h), slot, command, len > LONGEST_BYTES ? -1 : (int)len, n, to, 258);
}
int RHC_CALL IReader_GetDeviceCSN(HANDLE h, char *info) { return call("IReader_GetDeviceCSN", "iT", NUMBER(h), info, 64); }
int RHC_CALL iVerifyPIN(HANDLE h, char *PIN) { return call("iVerifyPIN", "it", NUMBER(h), PIN); }
int RHC_CALL VerifyPin(HANDLE h, char *pin, BYTE *retry) { return call("VerifyPin", "itB", NUMBER(h), pin, retry, 1); }
int RHC_CALL iChange_Pin(HANDLE h, char *one, char *other) { return call("iChange_Pin", "itt", NUMBER(h), one, other); }
int RHC_CALL iReader_SAM_Public(HANDLE h, char *info) { return call("iReader_SAM_Public", "iT", NUMBER(h), info, 29); }
int RHC_CALL iReader_SAM_Terminal(HANDLE h, char *info) { return call("iReader_SAM_Terminal", "iT", NUMBER(h), info, 13); }
int RHC_CALL iReader_SAM_PublicApp(HANDLE h, char *info) { return call("iReader_SAM_PublicApp", "iT", NUMBER(h), info, 51); }
int RHC_CALL iReader_SAM_OrgCertificate(HANDLE h, char *info) {
    return call("iReader_SAM_OrgCertificate", "iB", NUMBER(h), info, 180);
}
int RHC_CALL iReader_SAM_Certificate(HANDLE h, char *info) {
    return call("iReader_SAM_Certificate", "iB", NUMBER(h), info, 190);
}
int RHC_CALL SM3Digest(HANDLE h, BYTE *data, unsigned int len, BYTE *hash, BYTE *hash_len) {
    return call("SM3Digest", "iblB", NUMBER(h), data, len > LONGEST_BYTES ? -1 : (int)len, hash_len, hash, 32);
}
int RHC_CALL SM2SignHash(HANDLE h, BYTE *data, int len, BYTE *to, BYTE *to_len) {
    return call("SM2SignHash", "iblB", NUMBER(h), data, len, to_len, to, 64);
}

/* ---- files: one line each, sizes as in the header */

int RHC_CALL iR_DDF1EF05Info(HANDLE h, char *a, char *b, char *c, char *d, char *e, char *f, char *g, char *i, char *j, char *k) {
    return call("iR_DDF1EF05Info", "iTTTTTTTTTT", NUMBER(h), a, 2, b, 5, c, 31, d, 23, e, 361, f, 9, g, 19, i, 4, j, 11, k, 7);
}
int RHC_CALL iW_DDF1EF05Info(HANDLE h, char *a, char *b, char *c, char *d, char *e, char *f, char *g, char *i, char *j, char *k) {
    return call("iW_DDF1EF05Info", "itttttttttt", NUMBER(h), a, b, c, d, e, f, g, i, j, k);
}
int RHC_CALL iR_DDF1EF06Info(HANDLE h, char *a, char *b, char *c, char *d, char *e) {
    return call("iR_DDF1EF06Info", "iTTTTT", NUMBER(h), a, 31, b, 3, c, 3, d, 9, e, 19);
}
int RHC_CALL iW_DDF1EF06Info(HANDLE h, char *a, char *b, char *c, char *d, char *e) {
    return call("iW_DDF1EF06Info", "ittttt", NUMBER(h), a, b, c, d, e);
}
int RHC_CALL iR_DDF1EF07Info(HANDLE h, BYTE *photo) { return call("iR_DDF1EF07Info", "iB", NUMBER(h), photo, 3074); }
int RHC_CALL iW_DDF1EF07Info(HANDLE h, BYTE *photo) {
    int len = photo ? 2 + (photo[0] << 8 | photo[1]) : 0;
    if (len > 3074) {
        snprintf(last_, sizeof last_, "113 the photo is larger than the card has room for (3072 bytes); compress it more");
        return RHC_PHOTO;
    }
    return photo ? call("iW_DDF1EF07Info", "ib", NUMBER(h), photo, len) : call("iW_DDF1EF07Info", "it", NUMBER(h), NULL);
}
int RHC_CALL iR_DDF1EF08Info(HANDLE h, char *a, char *b, char *c, char *d, char *e, char *f) {
    return call("iR_DDF1EF08Info", "iTTTTTT", NUMBER(h), a, 9, b, 21, c, 21, d, 3, e, 3, f, 3);
}
int RHC_CALL iW_DDF1EF08Info(HANDLE h, char *a, char *b, char *c, char *d, char *e, char *f) {
    return call("iW_DDF1EF08Info", "itttttt", NUMBER(h), a, b, c, d, e, f);
}
int RHC_CALL iR_DF01EF05Info(HANDLE h, char *a, char *b, char *c, char *d) {
    return call("iR_DF01EF05Info", "iTTTT", NUMBER(h), a, 3, b, 101, c, 3, d, 101);
}
int RHC_CALL iW_DF01EF05Info(HANDLE h, char *a, char *b, char *c, char *d) {
    return call("iW_DF01EF05Info", "itttt", NUMBER(h), a, b, c, d);
}
int RHC_CALL iR_DF01EF06Info(HANDLE h, char *a, char *b, char *c, char *d, char *e, char *f, char *g, char *i, char *j) {
    return call("iR_DF01EF06Info", "iTTTTTTTTT", NUMBER(h), a, 31, b, 3, c, 21, d, 31, e, 3, f, 21, g, 31, i, 3, j, 21);
}
int RHC_CALL iW_DF01EF06Info(HANDLE h, char *a, char *b, char *c, char *d, char *e, char *f, char *g, char *i, char *j) {
    return call("iW_DF01EF06Info", "ittttttttt", NUMBER(h), a, b, c, d, e, f, g, i, j);
}
int RHC_CALL iR_DF01EF07Info(HANDLE h, char *a, char *b, char *c) {
    return call("iR_DF01EF07Info", "iTTT", NUMBER(h), a, 3, b, 3, c, 4);
}
int RHC_CALL iW_DF01EF07Info(HANDLE h, char *a, char *b, char *c) {
    return call("iW_DF01EF07Info", "ittt", NUMBER(h), a, b, c);
}
int RHC_CALL iR_DF01EF08Info(HANDLE h, char *a, char *b, char *c, char *d) {
    return call("iR_DF01EF08Info", "iTTTT", NUMBER(h), a, 3, b, 19, c, 18, d, 19);
}
int RHC_CALL iW_DF01EF08Info(HANDLE h, char *a, char *b, char *c, char *d) {
    return call("iW_DF01EF08Info", "itttt", NUMBER(h), a, b, c, d);
}
int RHC_CALL iR_DF02EF05Info(HANDLE h, char *a, char *b, char *c, char *d, char *e, char *f, char *g, char *i, char *j,
                             char *k, char *l, char *m, char *n, char *o, char *p) {
    return call("iR_DF02EF05Info", "iTTTTTTTTTTTTTTT", NUMBER(h), a, 3, b, 3, c, 3, d, 3, e, 3, f, 3, g, 3, i, 3, j, 3, k, 3,
                l, 3, m, 3, n, 3, o, 3, p, 41);
}
int RHC_CALL iW_DF02EF05Info(HANDLE h, char *a, char *b, char *c, char *d, char *e, char *f, char *g, char *i, char *j,
                             char *k, char *l, char *m, char *n, char *o, char *p) {
    return call("iW_DF02EF05Info", "ittttttttttttttt", NUMBER(h), a, b, c, d, e, f, g, i, j, k, l, m, n, o, p);
}
int RHC_CALL iR_DF02EF06Info(HANDLE h, char *a) { return call("iR_DF02EF06Info", "iT", NUMBER(h), a, 3); }
int RHC_CALL iW_DF02EF06Info(HANDLE h, char *a) { return call("iW_DF02EF06Info", "it", NUMBER(h), a); }
int RHC_CALL iR_DF02EF07Info(HANDLE h, int n, char *a, char *b) {
    return call("iR_DF02EF07Info", "iiTT", NUMBER(h), n, a, 21, b, 101);
}
int RHC_CALL iW_DF02EF07Info(HANDLE h, int n, char *a, char *b) { return call("iW_DF02EF07Info", "iitt", NUMBER(h), n, a, b); }
int RHC_CALL rhc_Append_DF02EF07(HANDLE h, char *a, char *b) { return iW_DF02EF07Info(h, 0, a, b); }
int RHC_CALL iR_DF02EF08Info(HANDLE h, int n, char *a, char *b) {
    return call("iR_DF02EF08Info", "iiTT", NUMBER(h), n, a, 21, b, 9);
}
int RHC_CALL iW_DF02EF08Info(HANDLE h, int n, char *a, char *b) { return call("iW_DF02EF08Info", "iitt", NUMBER(h), n, a, b); }
int RHC_CALL rhc_Append_DF02EF08(HANDLE h, char *a, char *b) { return iW_DF02EF08Info(h, 0, a, b); }

/* ---- visits */

int RHC_CALL rhc_Flags_DF03EF05(HANDLE h, char *a, char *b, char *c) {
    return call("rhc_Flags_DF03EF05", "iTTT", NUMBER(h), a, 3, b, 3, c, 3);
}
int RHC_CALL rhc_Flags_DF03EF06(HANDLE h, char *a, char *b, char *c, char *d, char *e) {
    return call("rhc_Flags_DF03EF06", "iTTTTT", NUMBER(h), a, 3, b, 3, c, 3, d, 3, e, 3);
}

/* How many characters a piece has; what is no length or style is refused at the other end. */
static int characters(int len, int style) {
    if (len < 0 || len > 8192) return 1;
    return style == AN_style ? len : 2 * len;
}

#define VISITS(index, file)                                                                                        \
    int RHC_CALL iR_DF03##index##Info(HANDLE h, int n) { return call("iR_DF03" #index "Info", "ii", NUMBER(h), n); } \
    int RHC_CALL iW_DF03##index##Info(HANDLE h, int n) { return call("iW_DF03" #index "Info", "ii", NUMBER(h), n); } \
    int RHC_CALL iErase_DF03##index##Info(HANDLE h, int n) {                                                       \
        return call("iErase_DF03" #index "Info", "ii", NUMBER(h), n);                                              \
    }                                                                                                              \
    int RHC_CALL iR_DF03##file##Info(HANDLE h, int n, char *to, int pos, int len, int style) {                     \
        /* the result's place stands before the numbers of the piece: asked for by hand */                         \
        return piece("iR_DF03" #file "Info", h, n, to, pos, len, style);                                           \
    }                                                                                                              \
    int RHC_CALL iW_DF03##file##Info(HANDLE h, int n, char *from, int pos, int len, int style) {                   \
        int given = (int)text_len(from, (size_t)characters(len, style));                                           \
        return from ? call("iW_DF03" #file "Info", "iibiii", NUMBER(h), n, from, given, pos, len, style)           \
                    : call("iW_DF03" #file "Info", "iitiii", NUMBER(h), n, NULL, pos, len, style);                 \
    }                                                                                                              \
    int RHC_CALL iR_DF03##file##_ALLInfo(HANDLE h, int n, char *to) {                                              \
        return call("iR_DF03" #file "_ALLInfo", "iiT", NUMBER(h), n, to, 8192);                                    \
    }                                                                                                              \
    int RHC_CALL iW_DF03##file##_ALLInfo(HANDLE h, int n, char *from) {                                            \
        return call("iW_DF03" #file "_ALLInfo", "iit", NUMBER(h), n, from);                                        \
    }

static int piece(const char *name, HANDLE h, int n, char *to, int pos, int len, int style) {
    return call(name, "iiTiii", NUMBER(h), n, to, characters(len, style) + 1, pos, len, style);
}

VISITS(EF05, EE)
VISITS(EF06, ED)

DWORD RHC_CALL wsc_GetVerifyData(HANDLE h, int nFile, int n, BYTE *data, DWORD *len) {
    int needed = nFile == 0xEE ? 1893 : nFile == 0xED ? 3267 : 0, enough;
    if (needed == 0 || len == NULL) return (DWORD)call("wsc_GetVerifyData", "ii", NUMBER(h), n);
    enough = *len >= (DWORD)needed;
    *len = (DWORD)needed;
    return (DWORD)call(nFile == 0xEE ? "wsc_GetVerifyData EE" : "wsc_GetVerifyData ED", "iiB", NUMBER(h), n,
                       enough ? data : NULL, needed);
}

/* ---- elements by number */

static DWORD items(const char *name, HANDLE h, void *select, int count, int writes) {
    P_ITEMSELECT item = select;
    Buffer request = begin(name);
    Answer answer;
    const unsigned char *bytes;
    size_t len;
    int code, n;
    put_number(&request, NUMBER(h));
    if (select == NULL || count > MAX_ITEMS) count = 0;
    put_number(&request, count);
    for (n = 0; n < count; n++) {
        if (!writes && item[n].pValue == NULL) count = 0; /* nowhere to go: refused at the other end */
    }
    for (n = 0; n < count; n++) {
        put_number(&request, item[n].wItemFlag);
        put_number(&request, item[n].wID);
        if (writes) put_given(&request, item[n].pValue, text_len(item[n].pValue, item[n].wValueLen));
    }
    code = ask(&request, &answer);
    for (n = 0; n < count && part(&answer, &bytes, &len); n++) {
        unsigned long own = len == 4 ? get_u32(bytes) : RHC_DEVICE;
        if (!part(&answer, &bytes, &len)) break;
        if (!writes && own == 0) {
            if (len > item[n].wValueLen) {
                own = RHC_PARAMETER;
                if (code == 0) {
                    code = RHC_PARAMETER;
                    snprintf(last_, sizeof last_, "101 the buffer of item %u is too small", (unsigned)item[n].wItemFlag);
                }
            } else {
                memcpy(item[n].pValue, bytes, len);
                if (len < item[n].wValueLen) ((char *)item[n].pValue)[len] = 0;
            }
        }
        if (item[n].pdwErrCode) *item[n].pdwErrCode = (DWORD)own;
    }
    done(&answer);
    return (DWORD)code;
}

DWORD RHC_CALL wsc_GetCardInfo(HANDLE h, void *select, int count) { return items("wsc_GetCardInfo", h, select, count, 0); }
DWORD RHC_CALL wsc_PutCardInfo(HANDLE h, void *select, int count) { return items("wsc_PutCardInfo", h, select, count, 1); }

/* ---- this library */

int RHC_CALL rhc_Configure(const char *path) {
    if (path == NULL || *path == 0 || text_len(path, sizeof settings_) >= sizeof settings_ - 1) {
        snprintf(last_, sizeof last_, "101 no path of a file is given");
        return RHC_PARAMETER;
    }
    LOCK();
    strcpy(settings_, path);
    hang_up();
    UNLOCK();
    last_[0] = 0;
    return RHC_OK;
}

int RHC_CALL rhc_LastMessage(char *text, int size) {
    if (text && size > 0) snprintf(text, (size_t)size, "%s", last_);
    return (int)strlen(last_);
}

#if defined(_WIN32)
BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved) {
    WSADATA data;
    (void)self;
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        InitializeCriticalSection(&lock_);
        return WSAStartup(MAKEWORD(2, 2), &data) == 0;
    }
    return TRUE;
}
#endif
