// The sign-in card: as a new guest, as a guest who was here, by name and password, or with a new account.

import { guests } from "./storage.js";
import { inWords } from "./meadow.js";

const byId = (id) => document.getElementById(id);
const PASSWORD_LENGTH_MIN = 8;

export class SignIn {
  #busy = false;

  /** `enter(message)` tries a sign-in; `show` is called when it is over or was refused. */
  constructor(enter) {
    this.enter = enter;
    byId("account").addEventListener("submit", (event) => this.#submit(event));
    for (const input of [byId("name"), byId("password")]) input.addEventListener("input", () => this.#complain(""));
  }

  /** Why we are here, in words, and the refusal when it was one. */
  show(words = "", over = null) {
    this.#setBusy(false);
    this.#listGuests();
    const wrong = over && (over.during === "login" || over.during === "register");
    this.#complain(wrong ? inWordsOf(over, words) : "", over?.field);
    byId("notice").textContent = wrong ? "" : words;
    byId("notice").hidden = wrong || !words;
    if (wrong) byId(over.field === "name" || over.code === "name_taken" ? "name" : "password").focus();
  }

  #submit(event) {
    event.preventDefault();
    const type = event.submitter?.value ?? "login";
    const name = byId("name").value.trim();
    const password = byId("password").value;
    if (!name || !password) return this.#complain("Please fill in a name and a password.", name ? "password" : "name");
    if (type === "register" && password.length < PASSWORD_LENGTH_MIN) {
      return this.#complain(`A new password needs at least ${PASSWORD_LENGTH_MIN} characters.`, "password");
    }
    return this.#try({ type, name, password });
  }

  #try(message) {
    if (this.#busy) return;
    this.#setBusy(true);
    this.#complain("");
    this.enter(message);
  }

  #listGuests() {
    const known = guests.list();
    const buttons = known.map((guest) => this.#guestButton(`Continue as ${guest.name}`, { type: "guest", token: guest.token }));
    const fresh = this.#guestButton(known.length ? "Play as a new guest" : "Play as guest", { type: "guest" });
    fresh.id = "new-guest";
    fresh.className = "big";
    byId("guests").replaceChildren(fresh, ...buttons);
  }

  #guestButton(words, message) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = words;
    button.addEventListener("click", () => this.#try(message));
    return button;
  }

  #complain(words, field = null) {
    byId("problem").textContent = words;
    byId("problem").hidden = !words;
    for (const id of ["name", "password"]) byId(id).setAttribute("aria-invalid", String(field === id));
    if (words && field) byId(field)?.focus();
  }

  #setBusy(busy) {
    this.#busy = busy;
    document.querySelectorAll("#sign-in button").forEach((button) => (button.disabled = busy));
  }
}

const inWordsOf = (over, words) => (over.code ? inWords({ ...over, retryAfterMs: over.retry_after_ms, reason: over.text }) : words);
