/* The HTTP part of coming in: a POST where the dialect asks first, then the upgrade to a WebSocket. */
#include "arrival.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static int connected(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        give_up("cannot connect to port %d: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void send_request(struct player *player, const char *request, size_t bytes) {
    if (send(player->fd, request, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
        give_up("player %d: the request could not be sent: %s", player->number, strerror(errno));
}

static void ask(struct player *player, const struct dialect *dialect) {
    char request[512];
    int bytes = snprintf(request, sizeof request,
                         "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         "Content-Length: 2\r\nConnection: close\r\n\r\n{}",
                         dialect->ask);
    player->stage = ASKING;
    send_request(player, request, bytes);
}

static void upgrade(struct player *player, const struct dialect *dialect) {
    char request[1024];
    int bytes = snprintf(request, sizeof request,
                         "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s\r\n",
                         player->path ? player->path : dialect->path,
                         dialect->subprotocol ? "Sec-WebSocket-Protocol: " : "",
                         dialect->subprotocol ? dialect->subprotocol : "", dialect->subprotocol ? "\r\n" : "");
    player->stage = UPGRADING;
    send_request(player, request, bytes);
}

void arrive(struct player *player, const struct dialect *dialect, int port) {
    player->fd = connected(port);
    player->head_bytes = 0;
    if (!player->head) player->head = malloc(HEAD_BYTES);
    if (dialect->ask && !player->path) ask(player, dialect);
    else upgrade(player, dialect);
}

/* The string that `json` has under `key`. */
static void find(const char *json, const char *key, char *value, size_t bytes) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
    const char *at = strstr(json, quoted), *end;
    if (!at || !(end = strchr(at += strlen(quoted), '"')) || (size_t)(end - at) >= bytes)
        give_up("no %s in %s", key, json);
    memcpy(value, at, end - at);
    value[end - at] = 0;
}

static void take_seat(struct player *player, const char *json) {
    char process[64], room[64], session[64];
    find(json, "processId", process, sizeof process);
    find(json, "roomId", room, sizeof room);
    find(json, "sessionId", session, sizeof session);
    player->path = malloc(PATH_BYTES);
    snprintf(player->path, PATH_BYTES, "/%s/%s?sessionId=%s", process, room, session);
}

static int is_whole(const char *head, const char *body) {
    const char *field = strcasestr(head, "\r\ncontent-length:");
    return field && field < body && strlen(body) >= strtoul(field + 17, NULL, 10);
}

size_t take_response(struct player *player, const struct dialect *dialect, int port, const uint8_t *read, size_t bytes) {
    size_t taken = HEAD_BYTES - 1 - player->head_bytes < bytes ? HEAD_BYTES - 1 - player->head_bytes : bytes;
    memcpy(player->head + player->head_bytes, read, taken);
    player->head_bytes += taken;
    player->head[player->head_bytes] = 0;
    char *end = strstr(player->head, "\r\n\r\n");
    if (!end) {
        if (player->head_bytes == HEAD_BYTES - 1) give_up("a response longer than %d bytes", HEAD_BYTES);
        return 0;
    }
    if (player->stage == ASKING) {
        if (!is_whole(player->head, end + 4)) return 0;
        if (strncmp(player->head + 8, " 200", 4)) give_up("no seat: %s", player->head);
        take_seat(player, end + 4);
        close(player->fd);
        arrive(player, dialect, port);
        return 0;
    }
    if (strncmp(player->head + 8, " 101", 4)) give_up("no WebSocket: %.300s", player->head);
    player->stage = SIGNING_IN;
    size_t head_bytes = end + 4 - player->head, rest = bytes - (head_bytes - (player->head_bytes - taken));
    free(player->head);
    player->head = NULL;
    return rest;
}
