/* What the load client's files share: one player's socket, and the dialects that servers speak. */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>

#define FIRST_BYTES 128 /* of each frame's payload that are kept to look at */
#define HEAD_BYTES 4096 /* of an HTTP response, the longest taken */
#define PATH_BYTES 256

enum stage { ABSENT, ASKING, UPGRADING, SIGNING_IN, PLAYING, LOST };

enum opcode { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9 };

struct player {
    int fd;
    enum stage stage;
    int number;
    int64_t updated_ns;
    uint32_t tick; /* of the last update, where updates say it */
    /* the frame that is being read */
    uint8_t header[10];
    uint8_t header_bytes;
    uint8_t opcode;
    uint64_t payload_bytes;
    uint64_t left_bytes; /* of it */
    uint32_t first_bytes;
    uint8_t first[FIRST_BYTES];
    /* the HTTP response that is being read; freed once it plays */
    char *head;
    size_t head_bytes;
    char *path; /* where it will connect, when a first answer tells */
};

/* How one sort of server is spoken to. */
struct dialect {
    const char *name;
    const char *path;       /* of the WebSocket */
    const char *subprotocol;
    const char *ask;        /* the path of a POST that comes before the WebSocket, or NULL */
    /* what to send once the WebSocket is open; its length */
    size_t (*greet)(struct player *player, uint8_t *frame);
    /* a frame that came before it plays: what to answer; its length. Moves the player on to PLAYING. */
    size_t (*sign_in)(struct player *player, uint8_t *frame);
    int (*is_update)(const struct player *player);
    size_t (*input)(double dx, double dy, uint8_t *payload, enum opcode *opcode);
    int has_ticks;          /* an update holds its tick as u32 at byte 4 */
};

const struct dialect *dialect_called(const char *name);

/* A masked frame of at most 125 bytes around the payload; its length. */
size_t frame(enum opcode opcode, const uint8_t *payload, size_t bytes, uint8_t *out);

/* Feed what was read; calls `whole` for each whole frame, whose first bytes and opcode are in the player. */
void take_frames(struct player *player, const uint8_t *read, size_t bytes, void (*whole)(struct player *));

void give_up(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
