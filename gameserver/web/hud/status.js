// The state of the connection, in a word, and the player's name.

const byId = (id) => document.getElementById(id);
const REFRESH_MS = 500;

export class StatusBar {
  #retryAtMs = 0;

  constructor(connection, session, logout) {
    this.connection = connection;
    this.session = session;
    byId("logout").addEventListener("click", logout);
    session.addEventListener("open", () => (byId("who").textContent = session.name));
    connection.addEventListener("status", ({ detail }) => {
      this.#retryAtMs = detail.retryAtMs;
      this.#refresh();
    });
    setInterval(() => this.#refresh(), REFRESH_MS);
  }

  #refresh() {
    const text = this.#words();
    const bar = byId("status");
    bar.dataset.phase = this.connection.phase;
    if (byId("status-text").textContent !== text) byId("status-text").textContent = text;
    bar.title = this.connection.latencyMs ? `Answers in ${Math.round(this.connection.latencyMs)} ms` : "";
  }

  #words() {
    const { phase } = this.connection;
    if (phase === "playing") return "Connected";
    if (phase === "opening") return this.session.world ? "Reconnecting …" : "Connecting …";
    if (phase === "lost") return `Connection lost, trying again in ${this.#secondsLeft()} s`;
    return "Not connected";
  }

  #secondsLeft() {
    return Math.max(1, Math.ceil((this.#retryAtMs - performance.now()) / 1000));
  }
}
