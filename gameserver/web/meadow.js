// What the page knows of the demo game beyond the protocol: reach, verbs, and words for people.
// Another game on this server changes this file and render/things.js; everything else is the same.

export const REACH_UNITS = 3;
export const PLAYER = "player";
const ALIVE = new Set([PLAYER, "butterfly"]); // cannot be picked up

export const isItem = (kindName) => !ALIVE.has(kindName);
export const isPlayer = (kindName) => kindName === PLAYER;

export const intents = {
  move: (dx, dy) => ({ type: "move", dx, dy }),
  pickUp: (entity) => ({ type: "pick_up", entity }),
  use: (item) => ({ type: "use", item }),
  drop: (item) => ({ type: "drop", item, quantity: 1 }),
  give: (to, item) => ({ type: "give", to, item, quantity: 1 }),
  say: (text) => ({ type: "say", text }),
  whisper: (to, text) => ({ type: "whisper", to, text }),
};

const REFUSALS = {
  already_answered: "Whether that worked is not known any more.",
  bad_name: "That name will not do. Use letters, digits and a few signs.",
  bad_password: "Please choose a longer password.",
  bad_text: "That cannot be said.",
  bad_token: "That session is over. Please sign in again.",
  full: "There is no room for more.",
  internal: "Something went wrong on the server.",
  name_taken: "Somebody has that name already.",
  no_such_thing: "It is not there any more.",
  not_allowed: "You may not come in here.",
  not_enough: "You do not have that.",
  not_online: "Nobody of that name is here.",
  not_usable: "That cannot be used.",
  session_over: "That did not reach the server.",
  too_far: "That is too far away.",
  too_many: "Not so fast. Wait a moment.",
  try_later: "Not just now. Please try again in a moment.",
  wrong_credentials: "Name or password is wrong.",
  yourself: "That is you.",
};

// For these the server's reason says more than the code does.
const REASON_FIRST = new Set(["rules", "not_allowed", "bad_name", "bad_password", "not_usable", "bad_text"]);

/** A refusal in plain words. */
export function inWords({ code, reason = "", retryAfterMs = 0 }) {
  const told = reason && `${reason[0].toUpperCase()}${reason.slice(1)}${/[.!?]$/.test(reason) ? "" : "."}`;
  const words = (REASON_FIRST.has(code) && told) || REFUSALS[code] || told || "The server said no.";
  return retryAfterMs > 1500 ? `${words} (${Math.ceil(retryAfterMs / 1000)} s)` : words;
}

/** What the game tells by an event, in words, or null when it is not for the eyes. */
export function eventInWords({ name, fields }) {
  if (name === "received") return `${fields.by} gave you ${fields.n} ${fields.item}.`;
  return typeof fields.text === "string" ? fields.text : null;
}

/** What floats up when an item was used. */
export const usedInWords = (item) => (item === "apple" ? "Yum!" : `${item} used`);

const ENDINGS = {
  logged_out: "You are logged out. What you did is kept.",
  not_saved: "You are logged out, but not saved yet. What you did is kept, and you can sign in again.",
  taken_over: "You are now playing somewhere else, so this page stepped back.",
  idle: "You were away for a long time, so your session was saved and ended.",
  no_login: "That took a little long. Please try again.",
  too_many_attempts: "Too many sign-ins were refused. Please wait a little and try again.",
  kicked: "You were removed from the game.",
  flood: "This page sent too much and was disconnected.",
  unreachable: "The server cannot be reached. Is it running?",
  bad_token: "Your last session is over. Sign in to go on where you were.",
};

/** Why the sign-in page is shown, in plain words. */
export const endingInWords = ({ reason, text }) => ENDINGS[reason] ?? inWords({ code: reason, reason: text });
