/* Six threads on two devices, opening and closing as they go: each sees the card of its device, whole, every time. */
#include <pthread.h>

#include "check.h"

#define ROUNDS 6

static void *desk(void *argument) {
    int port = *(int *)argument;
    char name[31], sex[3], group[3], born[9], number[19], telephone[21], other[31];
    for (int round = 0; round < ROUNDS; round++) {
        HANDLE h = OpenDevice(port);
        EXPECT(h != NULL, 1);
        MUST(iR_DDF1EF06Info(h, name, sex, group, born, number));
        SAME(name, port == 1 ? "张三" : "李明");
        MUST(iW_DF01EF06Info(h, NULL, NULL, port == 1 ? "11111111111" : "22222222222", NULL, NULL, NULL, NULL, NULL, NULL));
        MUST(iR_DF01EF06Info(h, name, sex, telephone, other, sex, other, other, sex, other));
        SAME(telephone, port == 1 ? "11111111111" : "22222222222");
        EXPECT(iR_DF03EF06Info(h, 9), RHC_PARAMETER);
        char why[128];
        rhc_LastMessage(why, (int)sizeof why);
        EXPECT(strncmp(why, "101 ", 4), 0); /* each thread has its own */
        MUST(CloseDevice(h));
    }
    return NULL;
}

int main(void) {
    pthread_t threads[6];
    int ports[6] = {1, 2, 1, 2, 1, 2};
    for (int n = 0; n < 6; n++) EXPECT(pthread_create(&threads[n], NULL, desk, &ports[n]), 0);
    for (int n = 0; n < 6; n++) EXPECT(pthread_join(threads[n], NULL), 0);
    EXPECT(iDClosePort(), RHC_CONNECT);
    puts("together");
    return 0;
}
