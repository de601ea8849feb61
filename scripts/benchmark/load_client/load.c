/* The load: many players on one thread, each sending its input at its own moment of every tick and counting its updates.

   load --port P --dialect ours|plain|colyseus --players N [--walkers N] [--tick-hz 20] [--warm-up-s 2] [--measure-s 8]
        [--watch PID]...

   Lines of JSON go to stdout: {"event":"playing"} once all are in, {"event":"measured", ...} at the end. `cpu_s` holds
   the CPU time that each watched process used during the measured time, `own_cpu_s` that of this one. Exit code 1 and
   a line on stderr where it cannot be done. It ends by itself. */
#include "arrival.h"
#include "histogram.h"
#include "load.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { ARRIVING_MAX = 64, DIRECTIONS = 32, TICKS_A_DIRECTION = 6, WATCHED_MAX = 8, EVENTS = 1024 };
#define SLICE_NS 250000 /* inputs that fall due within it leave together */
#define ARRIVAL_S 90

struct options {
    int port, players, walkers, watched;
    double tick_hz, warm_up_s, measure_s;
    const struct dialect *dialect;
    pid_t watch[WATCHED_MAX];
};

struct counts {
    uint64_t updates, update_bytes, read_bytes, inputs, inputs_refused, ticks_missed, behind_ns_max;
    struct histogram intervals;
};

static struct options options;
static struct counts counts;
static struct player *players;
static int epoll, arrived, playing, lost;
static int64_t now_ns;
static struct { uint8_t bytes[160]; size_t length; } inputs[DIRECTIONS];

void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static int64_t clock_ns(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time)) give_up("a clock cannot be read: %s", strerror(errno));
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* The CPU-time clock of a process, user and system, all threads: see clock_getcpuclockid(3). */
static double cpu_s(pid_t pid) {
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock)) give_up("there is no process %d", pid);
    return clock_ns(clock) / 1e9;
}

/* --- what a player sends and gets --- */

static void send_frame(struct player *player, const uint8_t *bytes, size_t length) {
    ssize_t sent = send(player->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)length) return;
    if (sent >= 0) give_up("player %d: part of a frame was sent", player->number);
    if (errno != EAGAIN) give_up("player %d: the server has gone: %s", player->number, strerror(errno));
    counts.inputs_refused++;
}

static void leave(struct player *player) {
    if (player->stage == PLAYING) playing--;
    player->stage = LOST;
    lost++;
    close(player->fd);
}

static void take_update(struct player *player) {
    counts.updates++;
    counts.update_bytes += player->payload_bytes + (player->payload_bytes < 126 ? 2 : player->payload_bytes < 65536 ? 4 : 10);
    if (player->updated_ns) note(&counts.intervals, now_ns - player->updated_ns);
    player->updated_ns = now_ns;
    if (options.dialect->has_ticks && player->first_bytes >= 8) {
        uint32_t tick;
        memcpy(&tick, player->first + 4, 4);
        if (player->tick && tick > player->tick + 1) counts.ticks_missed += tick - player->tick - 1;
        player->tick = tick;
    }
}

static void take_frame(struct player *player) {
    uint8_t answer[160];
    size_t length = 0;
    if (player->opcode == PING) {
        length = frame(0xa, player->first, player->first_bytes, answer);
    } else if (player->opcode == CLOSE) {
        fprintf(stderr, "load: player %d was closed: %.*s\n", player->number, (int)player->first_bytes - 2,
                (const char *)player->first + 2);
        leave(player);
        return;
    } else if (player->stage == SIGNING_IN) {
        length = options.dialect->sign_in(player, answer);
        if (player->stage == PLAYING) playing++;
    } else if (options.dialect->is_update(player)) {
        take_update(player);
    }
    if (length) send_frame(player, answer, length);
}

static void listen_to(struct player *player) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = player};
    epoll_ctl(epoll, EPOLL_CTL_ADD, player->fd, &event);
}

static void greet(struct player *player) {
    uint8_t greeting[160];
    size_t length = options.dialect->greet(player, greeting);
    if (player->stage == PLAYING) playing++;
    if (length) send_frame(player, greeting, length);
}

static void take(struct player *player) {
    static uint8_t buffer[1 << 16];
    ssize_t read = recv(player->fd, buffer, sizeof buffer, 0);
    if (read < 0 && errno == EAGAIN) return;
    if (read <= 0) {
        leave(player);
        return;
    }
    counts.read_bytes += read;
    uint8_t *at = buffer;
    if (player->stage < SIGNING_IN) {
        int asked = player->stage == ASKING;
        size_t rest = take_response(player, options.dialect, options.port, buffer, read);
        if (asked && player->stage == UPGRADING) listen_to(player);
        if (player->stage != SIGNING_IN) return;
        greet(player);
        at += read - rest;
        read = rest;
    }
    take_frames(player, at, read, take_frame);
}

/* --- time --- */

static void prepare_inputs(void) {
    for (int i = 0; i < DIRECTIONS; i++) {
        uint8_t payload[128];
        enum opcode opcode;
        double angle = 2 * M_PI * i / DIRECTIONS;
        size_t bytes = options.dialect->input(cos(angle), sin(angle), payload, &opcode);
        inputs[i].length = frame(opcode, payload, bytes, inputs[i].bytes);
    }
}

/* Each walker goes round in a circle of its own: a step a tick, a little more to the left every few steps. */
static void send_input(struct player *player, int64_t tick) {
    int direction = (tick / TICKS_A_DIRECTION + player->number * 7) % DIRECTIONS;
    if (player->stage != PLAYING) return;
    send_frame(player, inputs[direction].bytes, inputs[direction].length);
    counts.inputs++;
}

/* Send what is due by now: player i of n at i/n of every tick. */
static void send_due(int64_t begun_ns) {
    static int64_t turn; /* inputs sent since the beginning, those of all walkers taken in a circle */
    double gap_ns = 1e9 / options.tick_hz / options.walkers;
    int64_t due = (int64_t)((now_ns - begun_ns) / gap_ns);
    if (due - turn > 0) {
        uint64_t behind_ns = (uint64_t)(now_ns - begun_ns - turn * gap_ns);
        if (behind_ns > counts.behind_ns_max) counts.behind_ns_max = behind_ns;
    }
    for (; turn < due; turn++) {
        int64_t walker = turn % options.walkers;
        send_input(&players[walker * options.players / options.walkers], turn / options.walkers);
    }
}

static void wait_and_take(int timer) {
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, 1000);
    for (int i = 0; i < count; i++) {
        now_ns = clock_ns(CLOCK_MONOTONIC);
        if (events[i].data.ptr) {
            take(events[i].data.ptr);
        } else {
            uint64_t expirations;
            if (read(timer, &expirations, sizeof expirations) < 0) continue;
        }
    }
    now_ns = clock_ns(CLOCK_MONOTONIC);
}

static void let_in(int timer) {
    int64_t until_ns = now_ns + ARRIVAL_S * 1000000000LL;
    while (playing < options.players) {
        while (arrived < options.players && arrived - playing - lost < ARRIVING_MAX) {
            struct player *player = &players[arrived++];
            arrive(player, options.dialect, options.port);
            listen_to(player);
        }
        wait_and_take(timer);
        if (lost) give_up("%d of %d connections were lost while coming in", lost, arrived);
        if (now_ns > until_ns) give_up("after %d s only %d of %d are in", ARRIVAL_S, playing, options.players);
    }
}

static void play(int timer, int64_t begun_ns, double seconds) {
    int64_t until_ns = now_ns + (int64_t)(seconds * 1e9);
    while (now_ns < until_ns) {
        wait_and_take(timer);
        if (options.walkers) send_due(begun_ns);
    }
}

static void tell(double seconds, const double *used_s, double own_s) {
    printf("{\"event\":\"measured\",\"seconds\":%.4f,\"players\":%d,\"lost\":%d,\"updates\":%llu,\"update_bytes\":%llu,"
           "\"read_bytes\":%llu,\"inputs\":%llu,\"inputs_refused\":%llu,\"ticks_missed\":%llu,\"behind_ms\":%.2f,"
           "\"interval_ms\":{\"p50\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"max\":%.2f},\"own_cpu_s\":%.4f,\"cpu_s\":[",
           seconds, options.players, lost, (unsigned long long)counts.updates, (unsigned long long)counts.update_bytes,
           (unsigned long long)counts.read_bytes, (unsigned long long)counts.inputs,
           (unsigned long long)counts.inputs_refused, (unsigned long long)counts.ticks_missed,
           counts.behind_ns_max / 1e6, quantile_ms(&counts.intervals, 0.5), quantile_ms(&counts.intervals, 0.99),
           quantile_ms(&counts.intervals, 0.999), counts.intervals.longest_ns / 1e6, own_s);
    for (int i = 0; i < options.watched; i++) printf("%s%.4f", i ? "," : "", used_s[i]);
    puts("]}");
    fflush(stdout);
}

static void measure(int timer, int64_t begun_ns) {
    double used_s[WATCHED_MAX], own_s = cpu_s(getpid());
    int64_t from_ns = now_ns;
    memset(&counts, 0, sizeof counts);
    for (int i = 0; i < options.watched; i++) used_s[i] = cpu_s(options.watch[i]);
    play(timer, begun_ns, options.measure_s);
    for (int i = 0; i < options.watched; i++) used_s[i] = cpu_s(options.watch[i]) - used_s[i];
    tell((now_ns - from_ns) / 1e9, used_s, cpu_s(getpid()) - own_s);
}

/* --- beginning --- */

static void read_options(int count, char **words) {
    options = (struct options){.walkers = -1, .tick_hz = 20, .warm_up_s = 2, .measure_s = 8};
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = words[i], *value = words[i + 1];
        if (!strcmp(name, "--port")) options.port = atoi(value);
        else if (!strcmp(name, "--players")) options.players = atoi(value);
        else if (!strcmp(name, "--walkers")) options.walkers = atoi(value);
        else if (!strcmp(name, "--tick-hz")) options.tick_hz = atof(value);
        else if (!strcmp(name, "--warm-up-s")) options.warm_up_s = atof(value);
        else if (!strcmp(name, "--measure-s")) options.measure_s = atof(value);
        else if (!strcmp(name, "--dialect")) options.dialect = dialect_called(value);
        else if (!strcmp(name, "--watch") && options.watched < WATCHED_MAX) options.watch[options.watched++] = atoi(value);
        else give_up("no option is called %s", name);
    }
    if (!options.dialect || !options.port || options.players < 1) give_up("--port, --players and --dialect are needed");
    if (options.walkers < 0 || options.walkers > options.players) options.walkers = options.players;
}

static int new_timer(void) {
    struct itimerspec every = {.it_interval.tv_nsec = SLICE_NS, .it_value.tv_nsec = SLICE_NS};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    timerfd_settime(timer, 0, &every, NULL);
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    return timer;
}

static void allow_sockets(int wanted) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < (rlim_t)wanted ? files.rlim_max : (rlim_t)wanted;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int count, char **words) {
    read_options(count, words);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm((unsigned)(ARRIVAL_S + options.warm_up_s + options.measure_s + 10));
    allow_sockets(options.players + 64);
    epoll = epoll_create1(0);
    int timer = new_timer();
    players = calloc(options.players, sizeof *players);
    for (int i = 0; i < options.players; i++) players[i].number = i;
    prepare_inputs();
    now_ns = clock_ns(CLOCK_MONOTONIC);
    let_in(timer);
    puts("{\"event\":\"playing\"}");
    fflush(stdout);
    int64_t begun_ns = now_ns;
    play(timer, begun_ns, options.warm_up_s);
    measure(timer, begun_ns);
    return 0;
}
