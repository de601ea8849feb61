/* The floor: only the system calls that the traffic needs, and nothing of a game server.

   floor --redis-port P [--tick-hz 20] [--update-bytes B] [--updates-per-tick U] [--write-bytes B] [--woken 1]

   One recv for each input, one send of `update-bytes` for each viewer and tick, and one write of ready HSETs of
   `write-bytes` for each player that sent an input, to a real Redis, with one read of its replies. `updates-per-tick`
   is how many updates a viewer gets in a tick on average. Sockets are drained once per tick; with --woken 1 the process
   is woken for each packet instead. Prints its port. It ends when its parent does. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PLAYERS_MAX = 16384, EVENTS = 1024, WORD_MAX = 4096 };

struct viewer {
    int fd, plays, acted;
    double owed; /* updates */
};

static struct viewer viewers[PLAYERS_MAX];
static int count, epoll, listener, redis, redis_port, update_bytes = 820, write_bytes = 120, woken;
static double tick_hz = 20, updates_per_tick = 1;

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t clock_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void watch(int fd, void *what) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

static void take_viewers(void) {
    int one = 1, fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (count == PLAYERS_MAX) fail("too many players");
        fcntl(fd, F_SETFL, O_NONBLOCK);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        viewers[count] = (struct viewer){.fd = fd};
        watch(fd, &viewers[count++]);
    }
}

static void take_input(struct viewer *viewer) {
    static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    static char input[1 << 14];
    ssize_t bytes = recv(viewer->fd, input, sizeof input, 0);
    if (bytes < 0 && errno == EAGAIN) return;
    if (bytes <= 0) {
        close(viewer->fd);
        viewer->plays = 0;
    } else if (viewer->plays) {
        viewer->acted = 1;
    } else {
        send(viewer->fd, upgraded, sizeof upgraded - 1, MSG_NOSIGNAL);
        viewer->plays = 1;
    }
}

/* Handle what is ready, waiting up to `wait_ms`; how much was. */
static int take_ready(int wait_ms) {
    static struct epoll_event events[EVENTS];
    int ready = epoll_wait(epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < ready; i++) {
        if (events[i].data.ptr) take_input(events[i].data.ptr);
        else take_viewers();
    }
    return ready;
}

static void wait_for_tick(int64_t due_ns) {
    int64_t left_ns;
    if (woken) {
        while ((left_ns = due_ns - clock_ns()) > 0) take_ready((int)((left_ns + 999999) / 1000000));
        return;
    }
    if ((left_ns = due_ns - clock_ns()) > 0) {
        struct timespec left = {.tv_sec = left_ns / 1000000000LL, .tv_nsec = left_ns % 1000000000LL};
        nanosleep(&left, NULL);
    }
    while (take_ready(0) == EVENTS) continue;
}

/* --- what leaves on the tick --- */

static void show(void) {
    static uint8_t update[1 << 20];
    size_t head = update_bytes < 128 ? 2 : 4, payload = update_bytes - head;
    update[0] = 0x82;
    update[1] = head == 2 ? payload : 126;
    if (head == 4) update[2] = payload >> 8, update[3] = payload & 255;
    for (int i = 0; i < count; i++) {
        struct viewer *viewer = &viewers[i];
        if (!viewer->plays || (viewer->owed += updates_per_tick) < 1) continue;
        viewer->owed -= 1;
        if (send(viewer->fd, update, update_bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
            viewer->plays = 0;
    }
}

/* One HSET whose value fills it up to `write_bytes`. */
static size_t pack_hset(int player, char *out) {
    static const char filling[WORD_MAX];
    char key[32];
    int key_bytes = sprintf(key, "floor:{%05d}", player);
    int head = sprintf(out, "*4\r\n$4\r\nHSET\r\n$%d\r\n%s\r\n$1\r\nx\r\n", key_bytes, key);
    int value_bytes = write_bytes - head - 2 - 6;
    if (value_bytes < 1) value_bytes = 1;
    if (value_bytes > WORD_MAX) value_bytes = WORD_MAX;
    head += sprintf(out + head, "$%d\r\n", value_bytes);
    memcpy(out + head, filling, value_bytes);
    memcpy(out + head + value_bytes, "\r\n", 2);
    return head + value_bytes + 2;
}

static void keep(void) {
    static char writes[PLAYERS_MAX * 512], replies[1 << 18];
    size_t bytes = 0;
    while (recv(redis, replies, sizeof replies, MSG_DONTWAIT) == sizeof replies) continue;
    for (int i = 0; i < count && bytes + WORD_MAX + 128 < sizeof writes; i++)
        if (viewers[i].acted) {
            viewers[i].acted = 0;
            bytes += pack_hset(i, writes + bytes);
        }
    if (bytes && send(redis, writes, bytes, MSG_NOSIGNAL) < 0) fail("Redis");
}

/* --- beginning --- */

static int opened(int port, int (*use)(int, const struct sockaddr *, socklen_t)) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || use(fd, (struct sockaddr *)&address, sizeof address)) fail("socket");
    return fd;
}

static int port_of(int fd) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length)) fail("getsockname");
    return ntohs(address.sin_port);
}

static void read_options(int words, char **word) {
    for (int i = 1; i + 1 < words; i += 2) {
        double value = atof(word[i + 1]);
        if (!strcmp(word[i], "--redis-port")) redis_port = (int)value;
        else if (!strcmp(word[i], "--tick-hz")) tick_hz = value;
        else if (!strcmp(word[i], "--update-bytes")) update_bytes = value < 8 ? 8 : (int)value;
        else if (!strcmp(word[i], "--updates-per-tick")) updates_per_tick = value;
        else if (!strcmp(word[i], "--write-bytes")) write_bytes = (int)value;
        else if (!strcmp(word[i], "--woken")) woken = (int)value;
        else { errno = EINVAL; fail(word[i]); }
    }
}

int main(int words, char **word) {
    read_options(words, word);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct rlimit files = {PLAYERS_MAX + 64, PLAYERS_MAX + 64};
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(0);
    redis = opened(redis_port, connect);
    listener = opened(0, bind);
    if (listen(listener, 1024)) fail("listen");
    fcntl(listener, F_SETFL, O_NONBLOCK);
    watch(listener, NULL);
    printf("%d\n", port_of(listener));
    fflush(stdout);
    int64_t due_ns = clock_ns();
    for (;;) {
        due_ns += (int64_t)(1e9 / tick_hz);
        wait_for_tick(due_ns);
        show();
        keep();
    }
}
