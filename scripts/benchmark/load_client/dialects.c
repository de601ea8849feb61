/* The servers that are measured, each with how a player comes in, what an input is and what counts as an update. */
#include "load.h"

#include <stdio.h>
#include <string.h>

static const char *const JSON_INPUT = "{\"type\":\"move\",\"dx\":%.4f,\"dy\":%.4f}";

static size_t json_input(double dx, double dy, uint8_t *payload, enum opcode *opcode) {
    *opcode = TEXT;
    return (size_t)sprintf((char *)payload, JSON_INPUT, dx, dy);
}

static size_t say_nothing(struct player *player, uint8_t *out) {
    (void)out;
    player->stage = PLAYING;
    return 0;
}

static int binary_is_update(const struct player *player) { return player->opcode == BINARY; }

/* --- ours: docs/protocol.md --- */

static size_t ask_as_guest(struct player *player, uint8_t *out) {
    static const char guest[] = "{\"type\":\"guest\"}";
    player->stage = SIGNING_IN;
    return frame(TEXT, (const uint8_t *)guest, sizeof guest - 1, out);
}

static size_t await_welcome(struct player *player, uint8_t *out) {
    static const char welcome[] = "{\"type\":\"welcome\"";
    (void)out;
    if (player->opcode != TEXT) return 0;
    if (player->first_bytes >= sizeof welcome - 1 && !memcmp(player->first, welcome, sizeof welcome - 1))
        player->stage = PLAYING;
    else
        give_up("not let in: %.*s", (int)player->first_bytes, (const char *)player->first);
    return 0;
}

/* --- Colyseus: the room's protocol, as @colyseus/core has it in Protocol.ts --- */

enum { JOIN_ROOM = 10, ROOM_DATA = 13, ROOM_STATE_PATCH = 15 };

static size_t await_join(struct player *player, uint8_t *out) {
    static const uint8_t acknowledged[] = {JOIN_ROOM};
    if (!player->first_bytes || player->first[0] != JOIN_ROOM) return 0;
    player->stage = PLAYING;
    return frame(BINARY, acknowledged, 1, out);
}

static size_t wait_for_join(struct player *player, uint8_t *out) {
    (void)out;
    player->stage = SIGNING_IN;
    return 0;
}

static int patch_is_update(const struct player *player) {
    return player->opcode == BINARY && player->first_bytes && player->first[0] == ROOM_STATE_PATCH;
}

static size_t pack_double(double number, uint8_t *out) { /* msgpack's float 64 */
    uint64_t bits;
    memcpy(&bits, &number, 8);
    out[0] = 0xcb;
    for (int i = 0; i < 8; i++) out[1 + i] = (uint8_t)(bits >> (56 - 8 * i));
    return 9;
}

static size_t msgpack_input(double dx, double dy, uint8_t *payload, enum opcode *opcode) {
    static const uint8_t before_dx[] = {ROOM_DATA, 0xa4, 'm', 'o', 'v', 'e', 0x82, 0xa2, 'd', 'x'};
    static const uint8_t before_dy[] = {0xa2, 'd', 'y'};
    uint8_t *at = payload;
    *opcode = BINARY;
    memcpy(at, before_dx, sizeof before_dx), at += sizeof before_dx;
    at += pack_double(dx, at);
    memcpy(at, before_dy, sizeof before_dy), at += sizeof before_dy;
    at += pack_double(dy, at);
    return (size_t)(at - payload);
}

static const struct dialect DIALECTS[] = {
    {"ours", "/ws", "gameserver.v1", NULL, ask_as_guest, await_welcome, binary_is_update, json_input, 1},
    {"plain", "/", NULL, NULL, say_nothing, say_nothing, binary_is_update, json_input, 0},
    {"colyseus", NULL, NULL, "/matchmake/joinOrCreate/room", wait_for_join, await_join, patch_is_update,
     msgpack_input, 0},
};

const struct dialect *dialect_called(const char *name) {
    for (size_t i = 0; i < sizeof DIALECTS / sizeof *DIALECTS; i++)
        if (!strcmp(DIALECTS[i].name, name)) return &DIALECTS[i];
    give_up("no dialect is called %s", name);
}
