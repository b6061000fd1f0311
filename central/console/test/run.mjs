// The console's pure parts, bundled as the page bundles them and run by Node: judging the beat, gathering frames, digits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";

process.chdir(new URL("..", import.meta.url).pathname);
const { outputFiles } = await build({
  stdin: {
    contents: `export * from "./src/heartbeat"; export * from "./src/format"; export * as store from "./src/store"; export * from "./src/alarms"; export * as names from "./src/names"; export * as markdown from "./src/markdown"; export * from "./src/route"; export * from "./src/series"; export * from "./src/leader"; export * as horizon from "./src/horizon"; export { fitted } from "./src/measure"; export { broken, gist } from "./src/views/Journal"; export { neighbour } from "./src/views/Mimic"; export { ordered } from "./src/views/SubAgents";`,
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
const { Heartbeat, backOff, digits, span, store, alarms, placeOf, unacknowledged, href, parse, names, markdown, fixed, Series, SILENCE_MS, axes, silenceOf, elsewhere, horizon, fitted, broken, gist, neighbour, ordered } = await import(
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

test("a figure with a number of decimals has them, and zero has no sign", () => {
  assert.deepEqual([1, 0.0004, -0.0004, 12345.6789].map((v) => fixed(v, 3)), ["1.000", "0.000", "0.000", "12345.679"]);
});

test("names: a consumer has its own, equipment its plant's, a main what it joins, and what is not known keeps its id", () => {
  const piece = { quality: "good" };
  const plants = [
    {
      id: "mill", name: "Paper mill",
      headers: [{ ...piece, id: "mill.hp" }], sources: [{ ...piece, id: "mill.b1" }], storages: [{ ...piece, id: "mill.hp" }],
      consumers: [{ ...piece, id: "mill.pm", name: "Pre-dryers" }],
      mains: [{ ...piece, id: "mill.letdown", from: "mill.hp", to: "mill.lp" }, { ...piece, id: "m-d", from: "mill.hp", to: "dairy.steam" }],
    },
    { id: "dairy", name: "Dairy" },
  ];
  const called = (id, kinds) => names.named(plants, id, kinds)?.name ?? null;
  assert.equal(called("mill.b1"), "Paper mill b1");
  assert.equal(called("mill.pm"), "Pre-dryers");
  assert.equal(called("mill.letdown"), "Paper mill hp to lp");
  assert.deepEqual(names.named(plants, "m-d"), { name: "Paper mill to Dairy", plant: "mill", kind: "main", id: "m-d" });
  assert.equal(names.named(plants, "mill.hp").kind, "storage");
  assert.equal(names.named(plants, "mill.hp", ["header"]).kind, "header");
  assert.equal(called("mill.pm", ["source"]), null);
  assert.equal(called("hospital.b1"), null);
  assert.equal(names.placed(plants, "hospital.b1"), "hospital.b1");
  assert.equal(names.gatheredName(plants, "mill: sources"), "Paper mill: sources");
  assert.equal(names.gatheredName(plants, "further sources"), "further sources");
});

test("markdown: blocks and runs of a runbook, and what is neither is text", () => {
  const { blocks, runs } = markdown;
  assert.deepEqual(runs("**First** look at *b1*, `a*b`, see [that](x.md). 2 * 3 <b>"), [
    { kind: "strong", text: "First" },
    { kind: "text", text: " look at " },
    { kind: "em", text: "b1" },
    { kind: "text", text: ", " },
    { kind: "code", text: "a*b" },
    { kind: "text", text: ", see " },
    { kind: "link", text: "that", to: "x.md" },
    { kind: "text", text: ". 2 * 3 <b>" },
  ]);
  const text = (value) => [{ kind: "text", text: value }];
  assert.deepEqual(blocks("# Head\n\n> one\n> two\n\npara\ngoes on\n1. first\n   on\n   - inner\n     more\n   - other\n2. second\n\n```sh\n# no head\n```\n"), [
    { kind: "heading", level: 1, runs: text("Head") },
    { kind: "quote", runs: text("one two") },
    { kind: "paragraph", runs: text("para goes on") },
    {
      kind: "list",
      ordered: true,
      items: [
        { runs: text("first on"), within: [{ kind: "list", ordered: false, items: [{ runs: text("inner more"), within: [] }, { runs: text("other"), within: [] }] }] },
        { runs: text("second"), within: [] },
      ],
    },
    { kind: "code", text: "# no head" },
  ]);
  // An end that is missing and signs without a meaning end too.
  assert.deepEqual(blocks("```\nopen"), [{ kind: "code", text: "open" }]);
  assert.deepEqual(blocks(">\n#\n-\n"), [
    { kind: "quote", runs: [] },
    { kind: "paragraph", runs: text("# -") },
  ]);
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
  assert.equal(alarm.text, "P b tripped");
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
    { page: "dispatch", plant: null },
    { page: "dispatch", plant: "north" },
    { page: "subagents" },
    { page: "runbook", id: "source-tripped" },
  ];
  for (const route of routes) assert.deepEqual(parse(href(route)), route);
  for (const wrong of ["#/plants", "#/plants/n/pump/x", "#/nowhere", "#/journal?seq=-1", "#/journal?seq=x", "#/trends?last=-5", "#/trends?from=2&to=x", "#/plants/a/source/b/c", "#/alarms/x", "#/dispatch/a/b", "#/%zz"]) {
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

const START = "2026-01-01T00:00:00Z";
/** Two plants, a store that is filled and then gives, a main, and a consumer that is short in two steps. */
const plan = () => ({
  seq: 7,
  time: START,
  step_minutes: [0.5, 4.5, 55, 120],
  sources: { "a.s1": [1, 2, 3, 4], "a.s2": [5, 5, 5, 5], "b.s1": [2, 2, 2, 2] },
  stores: { "a.store": { heat: [-1, 0, 2, 2], content: [10, 10, 8, 4] } },
  mains: { "a-b": [1, 1, 1, -1], "a.in": [9, 9, 9, 9] },
  consumers: { "a.c": { asked: [6, 6, 8, 8], served: [4, 4, 8, 8] }, "b.c": { asked: [3, 3, 3, 3], served: [3, 3, 3, 1] } },
  prices: {},
});
const MAINS = [{ id: "a-b", from: "a.h", to: "b.h" }, { id: "a.in", from: "a.h", to: "a.low" }];
const sums = (bands) => [0, 1, 2, 3].map((t) => bands.reduce((sum, b) => sum + b.mw[t], 0));

test("horizon: the graded steps lie on real time, and a time finds its step", () => {
  const all = horizon.edges(START, plan().step_minutes);
  assert.deepEqual(all.map((at) => (at - Date.parse(START)) / 60_000), [0, 0.5, 5, 60, 180]);
  const found = [-1, 0, 29_999, 30_000, 299_999, 300_000, 3_600_000, 99_999_999].map((after) => horizon.stepAt(Date.parse(START) + after, all));
  assert.deepEqual(found, [0, 0, 0, 1, 1, 2, 3, 3]);
});

test("horizon: a plant adds what its mains bring and takes off what they take; in the fleet no main brings anything", () => {
  const ids = (plant) => horizon.bands(plan(), plant, MAINS).map((b) => b.id);
  assert.deepEqual(ids(null), ["a.s1", "a.s2", "b.s1", "a.store"]);
  assert.deepEqual(ids("a"), ["a.s1", "a.s2", "a.store", "a-b"], "a main within the plant brings nothing");
  const main = (plant) => horizon.bands(plan(), plant, MAINS).find((b) => b.kind === "main").mw;
  assert.deepEqual(main("b"), [1, 1, 1, -1]);
  assert.deepEqual(main("a"), [-1, -1, -1, 1]);
  assert.deepEqual(horizon.plantsIn(plan()), ["a", "b"]);
});

test("horizon: layers pile up from zero, and what takes heat hangs below it", () => {
  const all = horizon.bands(plan(), "a", MAINS);
  const piled = horizon.stack(all, 4);
  // In the first step the store is filled with 1 MW and the main takes 1 MW away.
  assert.deepEqual(piled.map((l) => [l.low[0], l.high[0]]), [[0, 1], [1, 6], [-1, 0], [-2, -1]]);
  assert.deepEqual(piled.map((l) => [l.low[3], l.high[3]]), [[0, 4], [4, 9], [9, 11], [11, 12]]);
});

test("horizon: too many layers are joined, and no heat is lost by it", () => {
  const fleet = horizon.bands(plan(), null, MAINS);
  assert.equal(horizon.gathered(fleet, 4, 4), fleet, "as many as can be told apart stay");
  const joined = horizon.gathered(fleet, 4, 3);
  assert.deepEqual(joined.map((b) => [b.id, b.of.length]), [["a: sources", 2], ["b.s1", 1], ["a.store", 1]]);
  assert.deepEqual(sums(joined), sums(fleet));
  const one = Array.from({ length: 20 }, (_, i) => ({ id: `a.s${i}`, kind: "source", of: [`a.s${i}`], mw: [i, i, i, i] }));
  const few = horizon.gathered(one, 4, 5);
  assert.deepEqual(few.map((b) => b.id), ["a.s16", "a.s17", "a.s18", "a.s19", "further sources"]);
  assert.deepEqual(sums(few), sums(one));
  assert.equal(few.flatMap((b) => b.of).length, 20);
  const plants = Array.from({ length: 30 }, (_, i) => ({ id: `p${i}.s`, kind: i % 2 ? "store" : "source", of: [`p${i}.s`], mw: [i, 0, 0, -i] }));
  const many = horizon.gathered(plants, 4, 6);
  assert.equal(many.length, 6);
  assert.deepEqual(sums(many), sums(plants));
});

test("horizon: missing heat is marked where it is missing, and told with its times", () => {
  const all = horizon.edges(START, plan().step_minutes);
  const { asked, served } = horizon.demand(plan(), null);
  const minutes = (at) => (at - Date.parse(START)) / 60_000;
  const marks = horizon.gaps(asked, served, all).map((g) => [minutes(g.from), minutes(g.to), g.asked - g.served]);
  assert.deepEqual(marks, [[0, 5, 2], [60, 180, 2]], "two steps alike are one mark");
  assert.deepEqual(horizon.gaps([1], [1], all), []);
  const told = horizon.shortages(plan(), null).map((s) => [s.consumer, s.peakMw, s.mwh, minutes(s.from), minutes(s.to), s.open]);
  assert.equal(told.length, 2);
  assert.deepEqual(told[0], ["b.c", 2, 4, 60, 180, true]);
  assert.deepEqual([told[1][0], told[1][3], told[1][4], told[1][5]], ["a.c", 0, 5, false]);
  assert.ok(Math.abs(told[1][2] - (2 * 5) / 60) < 1e-9);
  assert.deepEqual(horizon.shortages(plan(), "a").map((s) => s.consumer), ["a.c"]);
});

test("horizon: what is looked at stays within it, and the axis reaches over what is shown", () => {
  const all = horizon.edges(START, plan().step_minutes);
  const begin = Date.parse(START);
  assert.deepEqual(horizon.opening(all, 60_000), { from: begin, to: begin + 60_000 });
  assert.deepEqual(horizon.opening(all, null), { from: begin, to: all[4] });
  assert.deepEqual(horizon.opening(all, 1e12), { from: begin, to: all[4] });
  assert.deepEqual(horizon.within(all, begin - 5000, begin + 595_000), { from: begin, to: begin + 600_000 });
  assert.deepEqual(horizon.within(all, begin, begin + 1000), { from: begin, to: begin + 60_000 });
  assert.deepEqual(horizon.within(all, begin - 1e9, begin + 1e9), { from: begin, to: all[4] });
  assert.deepEqual(horizon.reachOf([[1, 2, 3, 9]], all, begin, begin + 300_000), [1, 2]);
  assert.equal(horizon.reachOf([], all, begin, all[4]), null);
});

test("horizon: asked again for a new schedule only, not within five seconds, and seldom where answers take long", () => {
  const table = [
    // [busy, asked ago ms, took ms, shown, in force, rest, due]
    [false, null, 0, null, 7, 0, true],
    [true, null, 0, null, 7, 0, false],
    [false, 60_000, 10, 7, 7, 0, false],
    [false, 4_999, 10, 6, 7, 0, false],
    [false, 5_000, 10, 6, 7, 0, true],
    [false, 5_000, 10, null, null, 0, true],
    [false, 10_000, 6_000, 6, 7, 2, false],
    [false, 12_000, 6_000, 6, 7, 2, true],
  ];
  for (const [busy, ago, tookMs, shown, wanted, rest, expected] of table) {
    const last = ago === null ? null : { at: 100_000 - ago, tookMs };
    assert.equal(horizon.due({ busy, last }, shown, wanted, 100_000, rest), expected, JSON.stringify([busy, ago, tookMs, shown, wanted, rest]));
  }
});
