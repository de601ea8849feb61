/* How a player gets from nothing to a WebSocket. */
#ifndef ARRIVAL_H
#define ARRIVAL_H

#include "load.h"

/* Connect and send the first request. */
void arrive(struct player *player, const struct dialect *dialect, int port);

/* Take what was read while HTTP is spoken. Bytes beyond the response, which are frames already, are left at the end of
   `read`: their number. */
size_t take_response(struct player *player, const struct dialect *dialect, int port, const uint8_t *read, size_t bytes);

#endif
