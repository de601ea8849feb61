// Numbered actions: each gets the next seq, waits for its ack or refusal, and is sent again after a resume.
// Law: what has no answer yet is resent under its old number, so the server applies it once whatever the socket did.

import { ANSWERS_MAX } from "./protocol.js";

export class Refused extends Error {
  constructor({ code, reason = "", retry_after_ms = 0, field = null }) {
    super(`${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
    this.retryAfterMs = retry_after_ms;
    this.field = field;
  }
}

export class Actions {
  constructor(send) {
    this.send = send;
    this.nextSeq = 1;
    this.pending = new Map(); // seq -> { message, settle, fail }
  }

  /** A promise of the ack's level; rejects with Refused. */
  act(message) {
    if (this.pending.size >= ANSWERS_MAX) {
      return Promise.reject(new Refused({ code: "too_many", reason: "too much at once" }));
    }
    const numbered = { ...message, seq: this.nextSeq };
    this.nextSeq += 1;
    return new Promise((settle, fail) => {
      this.pending.set(numbered.seq, { message: numbered, settle, fail });
      this.send(numbered);
    });
  }

  /** A session is open: resumed, so ask again for what was not answered; or anew, so that is lost. */
  welcome({ resumed, last_seq: lastSeq }) {
    if (!resumed) this.fail({ code: "session_over" });
    const highest = Math.max(0, ...this.pending.keys());
    this.nextSeq = Math.max(lastSeq, highest) + 1;
    for (const { message } of this.pending.values()) this.send(message);
  }

  ack({ seq, level }) {
    this.#take(seq)?.settle(level);
  }

  /** True when the refusal was an action's answer. */
  refused(refusal) {
    const action = this.#take(refusal.seq);
    action?.fail(new Refused(refusal));
    return Boolean(action);
  }

  /** None of what waits will be answered. */
  fail(refusal) {
    for (const seq of [...this.pending.keys()]) this.#take(seq).fail(new Refused(refusal));
  }

  #take(seq) {
    const action = this.pending.get(seq);
    this.pending.delete(seq);
    return action;
  }
}
