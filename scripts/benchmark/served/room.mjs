// Colyseus with the smallest room that does the same work: every input a step, every patch each member's place.
//
//   node room.mjs PLAYERS_A_ROOM      prints its port. Persists nothing.
import { Room, Server } from "@colyseus/core";
import { schema, t } from "@colyseus/schema";
import { WebSocketTransport } from "@colyseus/ws-transport";
import { createServer } from "node:http";

const STRIDE = 0.2;
const PATCH_MS = 50;

const Player = schema({ x: t.float32(), y: t.float32(), facing: t.uint8(), status: t.uint16() }, "Player");
const Members = schema({ players: t.map(Player) }, "Members");

class Walk extends Room {
  onCreate() {
    this.maxClients = Number(process.argv[2]);
    this.patchRate = PATCH_MS;
    this.state = new Members();
    this.onMessage("move", (client, message) => {
      const player = this.state.players.get(client.sessionId);
      player.x += message.dx * STRIDE;
      player.y += message.dy * STRIDE;
    });
  }

  onJoin(client) {
    const player = new Player();
    Object.assign(player, { x: 50, y: 50, facing: 0, status: 0 });
    this.state.players.set(client.sessionId, player);
  }

  onLeave(client) {
    this.state.players.delete(client.sessionId);
  }
}

const listener = createServer();
const server = new Server({ greet: false, transport: new WebSocketTransport({ server: listener }) });
server.define("room", Walk);
await server.listen(0, "127.0.0.1");
console.log(listener.address().port);
