// One player's line to the server: the socket, signing in, coming back by itself, noticing silence.
// Owns the resume token of this page's session and the actions without an answer.
// Law: only the newest socket is heard; after a loss the page returns unless the server said not to.

import { Actions } from "./actions.js";
import { CLOSES, SUBPROTOCOL, WORTH_RETRYING } from "./protocol.js";

const OPEN_MS_MAX = 8000; // from opening the socket to the welcome
const RETRY_FIRST_MS = 300;
const RETRY_MS_MAX = 8000;
const QUIET_MS = 6000; // after this silence, ask something; after twice this, the socket is dead
const WATCH_MS = 1500;
// Tells whether to return when the `closing` message before the close was lost.
const FINAL = new Set(Object.values(CLOSES).filter((row) => !row.may_return).map((row) => row.code));

export class Connection extends EventTarget {
  // Events, each with its news in `detail`: "message" (a JSON message), "frame" (an ArrayBuffer),
  // "status" ({ phase, retryAtMs }), "over" ({ reason, text }: signed out, or a sign-in was refused).
  #socket = null;
  #opening = null; // the sign-in message of the socket being opened
  #timers = { open: 0, retry: 0, watch: 0 };
  #closing = null; // the server's word before the close
  #retries = 0;
  #heardMs = 0;
  #probeSentMs = 0;

  constructor(url) {
    super();
    this.url = url;
    this.phase = "signed_out"; // signed_out | opening | playing | lost
    this.resumeToken = null;
    this.entityId = null;
    this.latencyMs = null;
    this.actions = new Actions((message) => this.send(message));
    addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#retryNow());
  }

  /** Open a session: register, login, guest or resume. Ends in a "welcome" message or in "over". */
  signIn(message) {
    this.#drop();
    this.#retries = 0;
    this.resumeToken = message.type === "resume" ? message.token : null;
    this.#open(message);
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN && this.phase === "playing") this.#socket.send(JSON.stringify(message));
  }

  act(message) {
    return this.actions.act(message);
  }

  /** End the session; the server saves it and closes. Away from the server, it is only left. */
  leave() {
    if (this.phase === "playing") this.send({ type: "logout" });
    else this.#end({ reason: "logged_out", text: "" });
  }

  #open(message) {
    this.#opening = message;
    this.#closing = null;
    this.#enter("opening");
    const socket = new WebSocket(this.url, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#socket === socket && socket.send(JSON.stringify(message));
    socket.onmessage = (event) => this.#socket === socket && this.#hear(event.data);
    socket.onclose = (event) => this.#socket === socket && this.#lose(event.code);
    this.#socket = socket;
    this.#timers.open = setTimeout(() => this.#lose(1006), OPEN_MS_MAX);
  }

  #hear(received) {
    this.#heardMs = performance.now();
    if (typeof received !== "string") return this.#tell("frame", received);
    const message = JSON.parse(received);
    if (message.type === "welcome") this.#welcome(message);
    else if (message.type === "closing") this.#closing = message;
    else if (message.type === "ack") this.actions.ack(message);
    else if (message.type === "refused" && this.#refused(message)) return undefined;
    else if (message.type === "described" && this.#probeSentMs) this.#measure();
    return this.#tell("message", message);
  }

  #welcome(message) {
    clearTimeout(this.#timers.open);
    this.resumeToken = message.resume_token;
    this.entityId = message.entity_id;
    this.#opening = null;
    this.#retries = 0;
    this.#enter("playing");
    this.#tell("message", message);
    this.actions.welcome(message);
    this.#timers.watch = setInterval(() => this.#watch(), WATCH_MS);
  }

  #refused(message) {
    if (this.phase === "playing") return this.actions.refused(message);
    if (this.#opening?.type === "resume" && WORTH_RETRYING.includes(message.code)) {
      this.#drop();
      this.#retryLater(message.retry_after_ms ?? 0);
    } else this.#end({ ...message, reason: message.code, text: message.reason, during: this.#opening?.type });
    return true;
  }

  #lose(code) {
    const closing = this.#closing ?? { may_return: !FINAL.has(code), retry_after_ms: 0, reason: `closed_${code}`, text: "" };
    const opening = this.#opening;
    this.#drop();
    if (!closing.may_return) this.#end({ reason: closing.reason, text: closing.text });
    else if (opening && opening.type !== "resume") this.#end({ reason: "unreachable", text: "", during: opening.type });
    else this.#retryLater(closing.retry_after_ms);
  }

  #retryLater(leastMs) {
    const backoffMs = Math.min(RETRY_MS_MAX, RETRY_FIRST_MS * 1.8 ** this.#retries) * (0.7 + 0.6 * Math.random());
    const waitMs = Math.max(leastMs, backoffMs);
    this.#retries += 1;
    this.#timers.retry = setTimeout(() => this.#open({ type: "resume", token: this.resumeToken }), waitMs);
    this.#enter("lost", performance.now() + waitMs);
  }

  #retryNow() {
    if (this.phase !== "lost" || this.#closing?.retry_after_ms) return;
    clearTimeout(this.#timers.retry);
    this.#open({ type: "resume", token: this.resumeToken });
  }

  #watch() {
    const quietMs = performance.now() - this.#heardMs;
    const probing = this.#probeSentMs > this.#heardMs;
    if (probing && performance.now() - this.#probeSentMs > QUIET_MS) this.#lose(1006);
    else if (quietMs > QUIET_MS && !probing) {
      this.#probeSentMs = performance.now();
      this.send({ type: "describe", ids: [this.entityId] });
    }
  }

  #measure() {
    this.latencyMs = performance.now() - this.#probeSentMs;
    this.#probeSentMs = 0;
  }

  #end(over) {
    this.#drop();
    this.resumeToken = null;
    this.actions.fail({ code: "session_over" });
    this.#enter("signed_out");
    this.#tell("over", over);
  }

  #drop() {
    clearTimeout(this.#timers.open);
    clearTimeout(this.#timers.retry);
    clearInterval(this.#timers.watch);
    this.#probeSentMs = 0;
    this.#opening = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #enter(phase, retryAtMs = 0) {
    this.phase = phase;
    this.#tell("status", { phase, retryAtMs });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
