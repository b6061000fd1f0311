// The console's pure parts, bundled as the page bundles them and run by Node: judging the beat, gathering frames, digits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";

process.chdir(new URL("..", import.meta.url).pathname);
const { outputFiles } = await build({
  stdin: {
    contents: `export * from "./src/heartbeat"; export * from "./src/format"; export * as store from "./src/store"; export * from "./src/alarms";`,
    resolveDir: ".",
  },
  bundle: true,
  write: false,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
});
const { Heartbeat, backOff, digits, span, store, alarms } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`
);

test("beat: alive needs a snapshot and a young beat", () => {
  const table = [
    // [what, at, alive after it]
    ["beat 1", 100, false],
    ["snapshot", 200, true],
    ["beat 2", 1200, true],
    ["nothing", 4200, true],
    ["nothing", 4201, false],
    ["beat 2", 4300, false], // an echo
    ["beat 3", 4400, true],
  ];
  const heart = new Heartbeat(0);
  for (const [what, at, alive] of table) {
    if (what === "snapshot") heart.snapshotArrived(at);
    else if (what.startsWith("beat")) heart.beatArrived(Number(what.slice(5)), at);
    assert.equal(heart.alive(at), alive, `${what} at ${at}`);
  }
});

test("beat: a connection that never speaks is given up", () => {
  const heart = new Heartbeat(1000);
  assert.equal(heart.givenUp(8000), false);
  assert.equal(heart.givenUp(9001), true);
});

test("back-off grows, is bounded and is spread", () => {
  assert.ok(backOff(0, 1) <= 300);
  assert.ok(backOff(3, 0.5) > backOff(1, 0.5));
  assert.ok(backOff(1000, 1) <= 5000);
  assert.notEqual(backOff(4, 0), backOff(4, 1));
});

const sample = (id, value) => ({ id, plant: "p", device: "d", value, unit: "MW", quality: "good", reason: null, age_ms: 0 });

test("store: one flush for many frames, the last value of a tag wins, a partial update keeps the rest", () => {
  const flushes = [];
  const later = (f) => flushes.push(f);
  store.receive({ type: "snapshot", fleet: { leader: "c", epoch: 1, plants: [] }, plants: { p: { name: "P", mode: "remote", link: "up" } }, tags: [sample("p.a", 1), sample("p.b", 2)] }, 0, later);
  store.receive({ type: "update", tags: [sample("p.a", 3)] }, 10, later);
  store.receive({ type: "update", tags: [sample("p.a", 4)], plants: { p: { mode: "holding" } } }, 20, later);
  assert.equal(flushes.length, 1);
  flushes.pop()();
  assert.equal(store.tag("p.a").value.value, 4);
  assert.equal(store.tag("p.a").value.at, 20);
  assert.equal(store.tag("p.b").value.value, 2);
  assert.deepEqual([store.plant("p").value.name, store.plant("p").value.mode], ["P", "holding"]);
  assert.deepEqual(store.tagIds.value, { p: ["p.a", "p.b"] });
});

test("store: a tag's change leaves the signals of other tags alone", () => {
  const untouched = store.tag("p.b").value;
  store.receive({ type: "update", tags: [sample("p.a", 5)] }, 30, (f) => f());
  assert.equal(store.tag("p.b").value, untouched);
});

test("store: what a new snapshot does not name is gone", () => {
  store.receive({ type: "snapshot", plants: { q: { name: "Q" } }, tags: [] }, 40, (f) => f());
  assert.equal(store.tag("p.a"), undefined);
  assert.equal(store.plant("p"), undefined);
  assert.deepEqual(store.plantIds.value, ["q"]);
});

test("store: after the session nothing is known, and a frame that was on its way is not drawn", () => {
  store.receive({ type: "snapshot", fleet: { leader: "c", epoch: 1, plants: [] }, plants: { q: { name: "Q" } }, tags: [sample("q.a", 1)] }, 50, (f) => f());
  const flushes = [];
  store.receive({ type: "update", tags: [sample("q.a", 2)], plants: { q: { mode: "remote" } } }, 60, (f) => flushes.push(f));
  store.forget();
  flushes.pop()();
  assert.deepEqual([store.fleet.value, store.dispatch.value, store.plantIds.value, store.tagIds.value], [null, null, [], {}]);
  assert.equal(store.tag("q.a"), undefined);
});

test("digits: nothing is a dash, never a zero, and zero has no sign", () => {
  assert.deepEqual([null, undefined, NaN, 0, -0.001, 1.234, 123.45, 12345].map(digits), ["–", "–", "–", "0.00", "0.00", "1.23", "123.5", "12345"]);
  assert.deepEqual([null, 0, 119_999, 120_000, 7_200_000].map(span), ["–", "0 s", "119 s", "2 min", "2 h"]);
});

test("alarms: none in normal running, one for each thing that is wrong", () => {
  const fleet = { leader: "c", epoch: 1, plants: [] };
  const dispatch = { source: "optimal" };
  const plant = () => ({
    id: "p", name: "P", mode: "remote", link: "up",
    headers: [{ id: "h", process_value: 10, low: 8, high: 12, unit: "bar", quality: "good" }],
    sources: [{ id: "b", state: "on", tripped: false }],
    consumers: [{ id: "c", name: "C", class_rank: 1, unserved_mw: 0 }],
    devices: [{ id: "d", up: true }],
  });
  assert.deepEqual(alarms(fleet, dispatch, [plant()]), []);
  const wrong = [
    (p) => (p.mode = "holding"),
    (p) => (p.link = "down"),
    (p) => (p.headers[0].process_value = 7.9),
    (p) => (p.headers[0].process_value = 12.1),
    (p) => (p.headers[0].process_value = null),
    (p) => (p.sources[0].state = "lockout"),
    (p) => (p.sources[0].tripped = true),
    (p) => (p.consumers[0].unserved_mw = 0.1),
    (p) => (p.devices[0].up = false),
  ];
  for (const break_ of wrong) {
    const p = plant();
    break_(p);
    assert.equal(alarms(fleet, dispatch, [p]).length, 1, String(break_));
  }
  const unheard = { ...plant(), link: "down", mode: "unknown", headers: [{ ...plant().headers[0], process_value: null }], devices: [{ id: "d", up: false }] };
  assert.deepEqual(alarms(fleet, dispatch, [unheard]).map((a) => a.text), ["P: link down"], "one cause, one alarm");
  assert.equal(alarms({ ...fleet, leader: null }, { source: "greedy" }, [plant()]).length, 2);
});
