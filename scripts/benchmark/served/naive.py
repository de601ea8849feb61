"""The naive version: what a newcomer writes in an afternoon with `websockets` and `redis.asyncio`.

A coroutine per player that parses JSON, a task that on every tick packs each room that changed, broadcasts it to its
members and stores those who moved in one pipeline of HSETs. No accounts, no sessions, no flow control, no acks.

    python naive.py REDIS_PORT PLAYERS_A_ROOM      prints its port
"""

from __future__ import annotations

import asyncio
import itertools
import json
import struct
import sys

import redis.asyncio
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

TICK_S = 0.05
STRIDE = 0.2
RECORD = struct.Struct("<IffBBH")  # as many bytes a player as the real server sends


class Player:
    def __init__(self, number: int):
        self.number = number
        self.x = 50.0
        self.y = 50.0
        self.moved = True


class Room:
    def __init__(self) -> None:
        self.members: dict[ServerConnection, Player] = {}

    def snapshot(self, tick: int) -> bytes:
        records = [RECORD.pack(player.number, player.x, player.y, 0, 0, 0) for player in self.members.values()]
        return struct.pack("<II", len(records), tick) + b"".join(records)


class Server:
    def __init__(self, store: redis.asyncio.Redis, players_a_room: int):
        self.store = store
        self.players_a_room = players_a_room
        self.rooms: list[Room] = []
        self.numbers = itertools.count(1)

    async def handle(self, connection: ServerConnection) -> None:
        player = Player(next(self.numbers))
        room = self.room_with_a_place()
        room.members[connection] = player
        try:
            async for message in connection:
                move = json.loads(message)
                player.x += move["dx"] * STRIDE
                player.y += move["dy"] * STRIDE
                player.moved = True
        except ConnectionClosed:
            pass  # the load does not say goodbye
        finally:
            del room.members[connection]

    def room_with_a_place(self) -> Room:
        if not self.rooms or len(self.rooms[-1].members) >= self.players_a_room:
            self.rooms.append(Room())
        return self.rooms[-1]

    async def run_ticks(self) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time()
        for tick in itertools.count(1):
            await self.run_tick(tick)
            deadline_s = max(deadline_s + TICK_S, loop.time() - TICK_S)
            await asyncio.sleep(deadline_s - loop.time())

    async def run_tick(self, tick: int) -> None:
        pipeline = self.store.pipeline(transaction=False)
        for room in self.rooms:
            moved = [player for player in room.members.values() if player.moved]
            if not moved:
                continue
            broadcast(room.members, room.snapshot(tick))
            for player in moved:
                player.moved = False
                key = f"player:{player.number}"
                pipeline.hset(key, mapping={"x": player.x, "y": player.y, "tick": tick, "status": "active"})
        await pipeline.execute()


async def main(redis_port: int, players_a_room: int) -> None:
    server = Server(redis.asyncio.Redis(port=redis_port), players_a_room)
    async with serve(server.handle, "127.0.0.1", 0) as listener:
        print(listener.sockets[0].getsockname()[1], flush=True)
        await server.run_ticks()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
