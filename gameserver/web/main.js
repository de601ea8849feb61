// Builds the page in one order and joins its parts by their events. Nothing else knows more than its own part.

import { Connection } from "./connection.js";
import { exposeGame } from "./debug.js";
import { Deeds } from "./player_actions.js";
import { ChatPanel } from "./hud/chat.js";
import { InventoryBar } from "./hud/inventory.js";
import { Hints } from "./hud/hints.js";
import { StatusBar } from "./hud/status.js";
import { toast } from "./hud/toasts.js";
import { Input } from "./input.js";
import { guests, tabSession, tabWatch } from "./storage.js";
import { endingInWords, eventInWords } from "./meadow.js";
import { Scene } from "./render/scene.js";
import { Session } from "./session.js";
import { SignIn } from "./sign_in.js";
import { Walking } from "./walking.js";

const byId = (id) => document.getElementById(id);

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const connection = new Connection(`${scheme}//${location.host}/ws`);
const session = new Session(connection);
const scene = new Scene(byId("meadow"), session);
const deeds = new Deeds({ connection, session, scene, toast });
const walking = new Walking(connection);
const signIn = new SignIn((message) => enter(message));
const chat = new ChatPanel(session, deeds, () => byId("meadow").focus());
const inventory = new InventoryBar(session, deeds, scene.sprites);
const hints = new Hints(session, deeds);
new StatusBar(connection, session, () => connection.leave());
const input = new Input(byId("meadow"), byId("stick"), {
  walk: (who, dx, dy) => {
    walking.wish(who, dx, dy);
    hints.walked();
  },
  stop: () => walking.stop(),
  tap: (x, y) => {
    const name = deeds.tap(x, y);
    if (name) chat.open(`/w ${name} `);
  },
  pickUp: () => deeds.pickUpNearest(),
  useSlot: (number) => inventory.use(number),
  chat: (typed) => chat.open(typed),
});

let guestToken = null; // of the guest this tab plays as, if it is one

function enter(message) {
  guestToken = message.type === "guest" ? (message.token ?? null) : message.type === "resume" ? guestToken : null;
  connection.signIn(message);
}

session.addEventListener("open", ({ detail: welcome }) => {
  guestToken = welcome.guest_token ?? guestToken;
  if (guestToken) guests.remember({ name: welcome.name, token: guestToken });
  tabSession.save({ resumeToken: welcome.resume_token, guestToken });
  show("playing");
});

session.addEventListener("inventory", ({ detail: { items, before } }) => {
  if (!before) return;
  const { x, y } = session.place;
  for (const [item, quantity] of Object.entries(items)) {
    const more = quantity - (before[item] ?? 0);
    if (more > 0) scene.effects.words(`+${more} ${item}`, x, y, performance.now());
  }
});

session.addEventListener("chat", ({ detail: { line, old } }) => {
  if (!old && line.channel === "zone") scene.people.say(line.sender, line.text, performance.now());
});

session.addEventListener("unreadable", () => toast("This page does not understand the server. Please reload it."));

connection.addEventListener("message", ({ detail }) => {
  const words = detail.type === "event" && eventInWords(detail);
  if (words) toast(words, "good");
});

connection.addEventListener("over", ({ detail: over }) => {
  const guest = guestToken;
  tabSession.save(null);
  session.close();
  if (over.reason === "bad_token" && over.during === "resume" && guest) return enter({ type: "guest", token: guest });
  if (over.reason === "bad_token" && over.during === "guest" && guest) guests.forget(guest);
  guestToken = null;
  show("signed-out");
  return signIn.show(endingInWords(over), over);
});

function show(what) {
  if (document.body.className === what) return; // back after a lost socket: whoever is typing keeps the focus
  document.body.className = what;
  input.enabled = what === "playing";
  if (what === "playing") byId("meadow").focus();
  else input.release();
}

async function begin() {
  const kept = tabSession.load();
  const watch = tabWatch(() => connection.resumeToken);
  if (kept?.resumeToken && !(await watch.isTaken(kept.resumeToken))) {
    guestToken = kept.guestToken;
    document.body.className = "returning";
    return connection.signIn({ type: "resume", token: kept.resumeToken });
  }
  return signIn.show();
}

function draw(nowMs) {
  scene.draw(nowMs);
  requestAnimationFrame(draw);
}

exposeGame({ connection, session, scene });
begin().finally(() => requestAnimationFrame(draw)); // drawing first would keep other tabs' answers waiting
