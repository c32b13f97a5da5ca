import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../src/main.js";
import { parseLine } from "../src/parser.js";
import { theKeepersLight } from "../stories/lighthouse.js";

async function play(...lines: string[]): Promise<{ session: Session; last: string }> {
  const session = new Session(theKeepersLight());
  let last = "";
  for (const line of lines) last = (await session.respond(line)) ?? "";
  return { session, last };
}

test("a line may hold several sentences", () => {
  const parsed = parseLine("Take the lantern, then light it and go down");
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.commands.map((command) => command.action), ["take", "light", "go"]);
});

test("typing slips are forgiven in long words only", () => {
  assert.ok(parseLine("exmaine cat").ok);
  assert.ok(!parseLine("zz cat").ok);
});

test("two keys lead to a question, and one word answers it", async () => {
  const { session, last } = await play("n", "up", "take key", "rusty");
  assert.match(last, /Taken/);
  assert.equal(session.world.things["rusty_key"]?.location, "player");
});

test("the door needs the right key", async () => {
  const { last } = await play("n", "up", "take all", "unlock door with rusty key");
  assert.match(last, /doesn't fit/);
  const { session } = await play("n", "up", "take all", "unlock door", "open it", "e");
  assert.equal(session.world.here, "study");
});

test("a lantern makes the cellar visible until its oil is gone", async () => {
  const { session, last } = await play("n", "take lantern and light it and go down");
  assert.match(last, /Oil cellar/);
  for (let i = 0; i < 60; i++) await session.respond("wait");
  assert.match((await session.respond("look")) ?? "", /pitch black/);
});

test("undo restores the world and free commands do not count", async () => {
  const { session } = await play("n", "take lantern", "inventory", "undo");
  assert.equal(session.world.things["lantern"]?.location, "hall");
});
