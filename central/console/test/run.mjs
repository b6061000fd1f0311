// The console's pure parts, bundled as the page bundles them and run by Node: judging the beat, gathering frames, digits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";

process.chdir(new URL("..", import.meta.url).pathname);
const { outputFiles } = await build({
  stdin: {
    contents: `export * from "./src/heartbeat"; export * from "./src/format"; export * as store from "./src/store"; export * from "./src/alarms"; export * from "./src/route"; export * from "./src/series"; export * from "./src/leader"; export { fitted } from "./src/measure"; export { broken, gist } from "./src/views/Journal"; export { neighbour } from "./src/views/Mimic"; export { ordered } from "./src/views/SubAgents";`,
    resolveDir: ".",
  },
  bundle: true,
  write: false,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  jsx: "automatic",
  jsxImportSource: "preact",
});
const { Heartbeat, backOff, digits, span, store, alarms, placeOf, unacknowledged, href, parse, Series, SILENCE_MS, axes, silenceOf, elsewhere, fitted, broken, gist, neighbour, ordered } = await import(
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

test("alarms: each names the page and the elements of its equipment", () => {
  const plant = { id: "p", name: "P", mode: "remote", link: "up", sources: [{ id: "p.b", state: "tripped", tripped: true }] };
  const [alarm] = alarms(null, null, [plant]);
  assert.deepEqual([href(alarm.route), alarm.anchors], ["#/plants/p", ["mimic/p/source/p.b", "p/source/p.b", "p"]]);
});

test("a name that has no room ends before its box does, and says so", () => {
  const wide = (text) => text.length * 8;
  assert.equal(fitted("Pre-dryers", 80, wide), "Pre-dryers");
  assert.equal(fitted("Pre-dryers", 79, wide), "Pre-drye…");
  assert.equal(fitted("Gland steam and air", 100, wide), "Gland steam…");
  assert.equal(fitted("Gland", 3, wide), "…");
});

test("raised alarms: the list is the last one that came, and each leads to what it is about", () => {
  const raised = (id, state = "unacknowledged", plant = null) => ({ id, plant, state });
  const now = (f) => f();
  store.receive({ type: "snapshot", alarms: [raised("dispatch-failing"), raised("trip:p.b", "acknowledged", "p")] }, 0, now);
  assert.deepEqual(store.raised.value.map(unacknowledged), [true, false]);
  store.receive({ type: "update", tags: [] }, 10, now);
  assert.equal(store.raised.value.length, 2, "an update without them changes nothing");
  store.receive({ type: "update", alarms: [] }, 20, now);
  assert.deepEqual(store.raised.value, []);
  store.receive({ type: "update", alarms: [raised("journal-fork")] }, 30, now);
  store.forget();
  assert.deepEqual(store.raised.value, [], "after the session nothing is known");
  for (const [id, plant, wanted] of [
    ["trip:p.b", "p", "#/plants/p/source/p.b"],
    ["deadline:p.hall", "p", "#/plants/p/consumer/p.hall"],
    ["subagents-down.flue", null, "#/sub-agents"],
    ["journal-fork", null, "#/journal?kind=forked"],
    ["dispatch-failing", null, "#/"],
  ]) {
    assert.equal(href(placeOf(raised(id, "unacknowledged", plant))), wanted);
  }
});

test("routes: what is written is read again, and what is no page is lost", () => {
  const routes = [
    { page: "fleet" },
    { page: "plant", plant: "north" },
    { page: "piece", plant: "north", kind: "source", id: "north.b1" },
    { page: "tag", tag: "north.b1.heat" },
    { page: "trends", tags: ["north.b1.heat", "north.b2.heat"], window: { lastS: 3600 } },
    { page: "trends", tags: [], window: { from: 1_700_000_000_000, to: 1_700_000_600_000 } },
    { page: "journal", seq: 12, kind: "scheduled" },
    { page: "journal", seq: null, kind: "" },
    { page: "alarms" },
    { page: "subagents" },
  ];
  for (const route of routes) assert.deepEqual(parse(href(route)), route);
  for (const wrong of ["#/plants", "#/plants/n/pump/x", "#/nowhere", "#/journal?seq=-1", "#/journal?seq=x", "#/trends?last=-5", "#/trends?from=2&to=x", "#/plants/a/source/b/c", "#/alarms/x", "#/%zz"]) {
    assert.equal(parse(wrong).page, "lost", wrong);
  }
  assert.equal(parse("").page, "fleet");
  assert.equal(parse(`#/trends?tags=${Array.from({ length: 20 }, (_, i) => `t${i}`).join(",")}`).tags.length, 8);
  assert.deepEqual(parse("#/trends?tags=a,a,b").tags, ["a", "b"]);
});

const at = (s) => new Date(1_700_000_000_000 + s * 1000).toISOString();
const ms = (s) => 1_700_000_000_000 + s * 1000;

test("series: history and live make one line, whichever comes first, and no sample is there twice", () => {
  const one = new Series();
  one.live(ms(10), 5, "good");
  one.live(ms(11), 6, "good");
  one.merge([[at(8), 3, "good"], [at(9), 4, "good"], [at(10), 5, "good"]], ms(0), ms(12));
  assert.deepEqual(one.samples.map((s) => [s.at - ms(0), s.value]), [[8000, 3], [9000, 4], [10000, 5], [11000, 6]]);
  // Asked again from where the history was known to: what the page had missed in between comes in, and in its place.
  one.live(ms(20), 9, "good");
  one.merge([[at(10), 5, "good"], [at(11), 6, "good"], [at(15), 7, "good"]], one.knownTo, ms(21));
  assert.deepEqual(one.samples.map((s) => s.value), [3, 4, 5, 6, 7, 9]);
  // The same sample told live again is none.
  one.live(ms(20), 9, "good");
  one.live(ms(19), 8, "good");
  assert.equal(one.samples.length, 6);
});

test("series: a bad value and a long silence break the line, a good one is carried to the present", () => {
  const one = new Series();
  one.merge([[at(0), 1, "good"], [at(5), 2, "good"], [at(10), 2, "bad"], [at(15), 3, "good"], [at(100), 4, "good"]], ms(0), ms(200));
  const [times, values] = one.line(ms(0), ms(200), SILENCE_MS, ms(110));
  assert.deepEqual(values, [1, 2, null, 3, null, 4, 4]);
  assert.ok(times.every((t, i) => i === 0 || t > times[i - 1]), "times rise");
  assert.deepEqual(one.line(ms(0), ms(200), SILENCE_MS, null)[1].at(-1), 4);
  assert.equal(one.line(ms(0), ms(200), SILENCE_MS, ms(190))[0].at(-1), ms(100) / 1000, "not carried over a silence");
  assert.deepEqual(one.bad(ms(0), ms(200)), [[ms(10), ms(15)]]);
  // A reading that grew stale: the same time, another quality.
  one.live(ms(100), 4, "bad");
  assert.equal(one.line(ms(0), ms(200), SILENCE_MS, ms(110))[1].at(-1), null);
});

test("series: what held at the cursor is the last sample before it, and nothing after a silence", () => {
  const one = new Series();
  one.merge([[at(0), 1, "good"], [at(5), 2, "uncertain"]], ms(0), ms(10));
  assert.equal(one.heldAt(ms(-1)), null);
  assert.equal(one.heldAt(ms(4)).value, 1);
  assert.equal(one.heldAt(ms(6)).quality, "uncertain");
  assert.equal(one.heldAt(ms(60)), null);
  assert.equal(silenceOf(0, 86_400_000, 1500), 172_800);
});

test("axes: two units have one each, a third has none", () => {
  assert.deepEqual(axes(["MW", "bar", "MW", "degC", "bar"]), [0, 1, 0, null, 1]);
});

test("leader: another one is named with its address, this one and none are not", () => {
  const f = (more) => ({ leader: "two", epoch: 1, plants: [], ...more });
  assert.deepEqual(elsewhere(f({ leads: false, leader_address: "10.0.0.2:8080" })), { name: "two", address: "http://10.0.0.2:8080" });
  assert.equal(elsewhere(f({ leads: true, leader_address: "10.0.0.2:8080" })), null);
  assert.equal(elsewhere(f({ leader: null, leads: false })), null);
  assert.equal(elsewhere(f({ leader: true })), null);
  assert.equal(elsewhere(null), null);
});

test("journal: a cut in the chain is found, a gap of a filter is none", () => {
  const entry = (seq, prev, hash) => ({ seq, prev_hash: prev, hash });
  assert.equal(broken([entry(3, "b", "c"), entry(2, "a", "b"), entry(1, "0", "a")]), null);
  assert.equal(broken([entry(3, "x", "c"), entry(2, "a", "b")]).seq, 3);
  assert.equal(broken([entry(9, "x", "c"), entry(2, "a", "b")]), null);
});

test("journal: the gist of an order and of its answer says who and what", () => {
  const order = { writer: "operator", by: { user: "ada" }, action: { set: { setpoint: "n.b.sp", value: 3 } } };
  assert.equal(gist({ kind: "ordered", body: { orders: [order] } }), "n.b.sp = 3 (ada)");
  assert.match(gist({ kind: "answered", body: { id: "7", verdict: { refused: { gate: "bounds", reason: "too high" } } } }), /7 refused by bounds: too high/);
  assert.equal(gist({ kind: "strange", body: "no JSON" }), "");
});

test("mimic: an arrow key goes to the nearest piece in its direction and stays where there is none", () => {
  const box = (id, x, y) => ({ id, x, y, width: 10, height: 10 });
  const [a, b, c, d] = [box("a", 0, 0), box("b", 0, 50), box("c", 100, 0), box("d", 100, 50)];
  const all = [a, b, c, d];
  const go = (from, key) => neighbour(all, from, key)?.id ?? null;
  assert.deepEqual([go(a, "ArrowRight"), go(a, "ArrowDown"), go(d, "ArrowLeft"), go(d, "ArrowUp")], ["c", "b", "b", "c"]);
  assert.deepEqual([go(a, "ArrowLeft"), go(d, "ArrowDown")], [null, null]);
});

test("sub-agents: those that fail come first", () => {
  const agents = ["unknown", "healthy", "removed", "degraded"].map((state, i) => ({ id: `GL-00${i}`, state }));
  assert.deepEqual(ordered(agents).map((a) => a.state), ["degraded", "removed", "healthy", "unknown"]);
});
