// `window.game`: what tests and curious developers may look at. Copies only; nothing done to them reaches the game.

export function exposeGame({ connection, session, scene }) {
  const entityOf = (entity) => ({
    id: entity.id, kind: entity.kindName, name: session.nameOf(entity.id) ?? null,
    x: entity.latest.x, y: entity.latest.y, shownX: entity.x, shownY: entity.y,
    facing: entity.latest.facing, status: entity.status,
  });
  const game = {
    get state() {
      return { phase: connection.phase, tick: session.world?.tick ?? null, latencyMs: connection.latencyMs };
    },
    get me() {
      if (!session.world) return null;
      const { x, y } = session.place;
      return { id: session.world.me, playerId: session.welcome.player_id, name: session.name, x, y, inventory: { ...session.inventory } };
    },
    get entities() {
      return session.world?.view(performance.now()).map(entityOf) ?? [];
    },
    get chat() {
      return session.chat.map((line) => ({ ...line }));
    },
    /** Where a place in the zone is on the page, in CSS pixels. */
    onPage(x, y) {
      const [px, py] = scene.camera.toScreen(x, y);
      return { x: px / scene.ratio, y: py / scene.ratio };
    },
  };
  Object.defineProperty(window, "game", { value: Object.freeze(game) });
}
