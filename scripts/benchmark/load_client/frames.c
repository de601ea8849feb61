/* WebSocket frames, as far as a client of ours needs them: short masked ones out, unmasked ones of any length in. */
#include "load.h"

#include <string.h>

size_t frame(enum opcode opcode, const uint8_t *payload, size_t bytes, uint8_t *out) {
    static const uint8_t mask[4] = {0x5a, 0xc3, 0x17, 0x9e};
    if (bytes > 125) give_up("a frame of %zu bytes is too long to be sent", bytes);
    out[0] = 0x80 | opcode;
    out[1] = 0x80 | (uint8_t)bytes;
    memcpy(out + 2, mask, 4);
    for (size_t i = 0; i < bytes; i++) out[6 + i] = payload[i] ^ mask[i % 4];
    return 6 + bytes;
}

/* Bytes of the header, as far as `seen` bytes of it tell. */
static size_t header_bytes(const uint8_t *header, size_t seen) {
    if (seen < 2) return 2;
    switch (header[1] & 0x7f) {
        case 126: return 4;
        case 127: return 10;
        default: return 2;
    }
}

static uint64_t announced_bytes(const uint8_t *header, size_t bytes) {
    uint64_t length = 0;
    if (bytes == 2) return header[1] & 0x7f;
    for (size_t i = 2; i < bytes; i++) length = length << 8 | header[i];
    return length;
}

void take_frames(struct player *player, const uint8_t *read, size_t bytes, void (*whole)(struct player *)) {
    while (bytes) {
        size_t wanted = header_bytes(player->header, player->header_bytes);
        if (player->header_bytes < wanted) {
            player->header[player->header_bytes++] = *read++;
            bytes--;
            if (player->header_bytes < header_bytes(player->header, player->header_bytes)) continue;
            player->opcode = player->header[0] & 0x0f;
            player->payload_bytes = announced_bytes(player->header, player->header_bytes);
            player->left_bytes = player->payload_bytes;
            player->first_bytes = 0;
        }
        size_t part = player->left_bytes < bytes ? player->left_bytes : bytes;
        size_t kept = FIRST_BYTES - player->first_bytes < part ? FIRST_BYTES - player->first_bytes : part;
        memcpy(player->first + player->first_bytes, read, kept);
        player->first_bytes += kept;
        player->left_bytes -= part;
        read += part;
        bytes -= part;
        if (player->left_bytes) return;
        player->header_bytes = 0;
        whole(player);
        if (player->stage == LOST) return;
    }
}
