import assert from "node:assert/strict";
import test from "node:test";

import { Actions, Refused } from "../../../gameserver/web/actions.js";
import { ANSWERS_MAX } from "../../../gameserver/web/protocol.js";

function actions() {
  const sent = [];
  return { sent, actions: new Actions((message) => sent.push(message.seq)) };
}

test("actions are numbered from what the welcome says, one by one", async () => {
  const { sent, actions: acting } = actions();
  acting.welcome({ resumed: true, last_seq: 7 });
  const first = acting.act({ type: "use" });
  acting.act({ type: "use" }).catch(() => {});
  assert.deepEqual(sent, [8, 9]);
  acting.ack({ seq: 8, level: "stored" });
  assert.equal(await first, "stored");
});

test("a refusal is the answer of its own action only", async () => {
  const { actions: acting } = actions();
  const doomed = acting.act({ type: "use" });
  const fine = acting.act({ type: "use" });
  assert.equal(acting.refused({ code: "too_far", seq: 1 }), true);
  assert.equal(acting.refused({ code: "bad_message" }), false);
  await assert.rejects(doomed, (error) => error instanceof Refused && error.code === "too_far");
  acting.ack({ seq: 2, level: "accepted" });
  assert.equal(await fine, "accepted");
});

test("after a resume what has no answer is sent again under its old number", async () => {
  const { sent, actions: acting } = actions();
  acting.welcome({ resumed: false, last_seq: 0 });
  acting.act({ type: "use" });
  acting.act({ type: "use" });
  acting.ack({ seq: 1, level: "stored" });
  acting.welcome({ resumed: true, last_seq: 2 }); // 2 was applied, its answer was lost
  acting.act({ type: "use" });
  assert.deepEqual(sent, [1, 2, 2, 3]);
});

test("in a session opened anew what had no answer is given up and numbers start over", async () => {
  const { sent, actions: acting } = actions();
  const lost = acting.act({ type: "use" });
  acting.welcome({ resumed: false, last_seq: 0 });
  await assert.rejects(lost, Refused);
  acting.act({ type: "use" });
  assert.deepEqual(sent, [1, 1]);
});

test("no more may wait than the server remembers", async () => {
  const { actions: acting } = actions();
  for (let i = 0; i < ANSWERS_MAX; i += 1) acting.act({ type: "use" });
  await assert.rejects(acting.act({ type: "use" }), (error) => error.code === "too_many");
});
