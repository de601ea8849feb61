// What the browser remembers. Per tab: the session to resume, so a reload goes on and two tabs are two players.
// Per browser: the guests who played here, so that one can come back as any of them.

const SESSION_KEY = "gameserver.session";
const GUESTS_KEY = "gameserver.guests";
const GUESTS_MAX = 4;
const ANSWER_MS = 120;

function read(storage, key) {
  try {
    return JSON.parse(storage.getItem(key));
  } catch {
    return null; // storage may be switched off, or hold something else
  }
}

function write(storage, key, value) {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage may be full or switched off; then a reload signs in anew.
  }
}

/** Per tab: { resumeToken, guestToken } or null. */
export const tabSession = {
  load: () => read(sessionStorage, SESSION_KEY),
  save: (session) => write(sessionStorage, SESSION_KEY, session),
};

/** Per browser: a list of { name, token }, the latest first. */
export const guests = {
  list() {
    const kept = read(localStorage, GUESTS_KEY);
    return Array.isArray(kept) ? kept.filter((guest) => guest?.name && guest?.token) : [];
  },
  remember(guest) {
    write(localStorage, GUESTS_KEY, [guest, ...this.without(guest.token)].slice(0, GUESTS_MAX));
  },
  forget(token) {
    write(localStorage, GUESTS_KEY, this.without(token));
  },
  without(token) {
    return this.list().filter((guest) => guest.token !== token);
  },
};

/**
 * A duplicated tab begins with a copy of the first one's memory; resuming from it would throw the first one out.
 * So tabs ask around whether a token is in use. Returns { isTaken }: a function from token to a promise.
 */
export function tabWatch(tokenInUse) {
  if (!("BroadcastChannel" in window)) return { isTaken: () => Promise.resolve(false) };
  const channel = new BroadcastChannel("gameserver.tabs");
  const heard = new Set();
  channel.onmessage = ({ data: { ask, taken } }) => {
    if (taken) heard.add(taken);
    else if (ask && ask === tokenInUse()) channel.postMessage({ taken: ask });
  };
  const isTaken = (token) =>
    new Promise((answer) => {
      channel.postMessage({ ask: token });
      setTimeout(() => answer(heard.has(token)), ANSWER_MS);
    });
  return { isTaken };
}
