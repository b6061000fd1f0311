// The dispatch view: what is drawn is what the API tells, it is renewed while it is looked at and no longer, and what cannot
// be had is said.
import { join } from "node:path";
import { saturatedOutsideAlarms } from "./pixels.mjs";
import { env, must, PAGES, PLANT, sleep, until, visit } from "./tools.mjs";

const PLAN = "**/api/v1/dispatch/plan";
const EXPLANATION = "**/api/v1/dispatch/explanation";
/** An explanation is some solves, on a machine that may be busy. */
const EXPLAINED_WITHIN_MS = 60_000;
/** More than the five seconds that lie between two questions at least. */
const ASKED_WITHIN_MS = 15_000;
/** As in the console: less than this is not called short, MW. */
const SHORT_MW = 0.005;

const near = (a, b) => Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b));
const plus = (list) => list.reduce((sum, v) => sum + v, 0);

/** Keeps what the page is told from now on, by schedule. */
function told(page) {
  const kept = { plans: new Map(), explanations: new Map(), asked: 0 };
  const hear = async (response) => {
    const into = response.url().endsWith("/dispatch/plan") ? kept.plans : response.url().endsWith("/dispatch/explanation") ? kept.explanations : null;
    if (into === null) return;
    kept.asked++;
    const body = await response.json().catch(() => null);
    if (body?.seq !== undefined) into.set(body.seq, body);
  };
  page.on("response", hear);
  kept.done = () => page.off("response", hear);
  return kept;
}

/** What the page shows, read at one moment. */
const shown = (page) =>
  page.evaluate(() => {
    const number = (selector, name) => Number(document.querySelector(selector)?.dataset[name]);
    return {
      seq: number("[data-plan-seq]", "planSeq"),
      step: number("[data-step]", "step"),
      bands: [...document.querySelectorAll("#stack [data-band]")].map((row) => ({ kind: row.dataset.kind, mw: Number(row.dataset.mw), text: row.lastElementChild.innerText })),
      brought: number("[data-brought]", "brought"),
      unserved: number("[data-unserved]", "unserved"),
      prices: document.querySelectorAll("[data-line]").length,
      shorts: [...document.querySelectorAll("[data-short]")].map((row) => row.dataset.short).sort(),
      gaps: document.querySelectorAll(".gap[data-alarm]").length,
      explained: document.querySelector("[data-explained]")?.dataset.explained ?? "",
      said: [...document.querySelectorAll("#said li")].map((li) => li.innerText.trim()),
    };
  });

/** What the page shows, with the schedule behind it as the API told it. */
async function both(page, kept) {
  let found = null;
  await until("a schedule on the page that the API told", ASKED_WITHIN_MS, async () => {
    const seen = await shown(page);
    const plan = kept.plans.get(seen.seq);
    found = plan === undefined ? null : { seen, plan };
    return found !== null;
  });
  return found;
}

/** The layers of a step against the API's figures of that step. */
function mustAgree({ seen, plan }) {
  const t = seen.step;
  const sources = plus(Object.values(plan.sources).map((mw) => mw[t]));
  const stores = Object.values(plan.stores).map((s) => s.heat[t]);
  must(sources > 0.1, "the API tells of no heat: the comparison would prove nothing");
  const drawn = plus(seen.bands.filter((b) => b.kind === "source").map((b) => b.mw));
  must(near(drawn, sources), `step ${t + 1} of #${seen.seq}: the layers of sources make ${drawn} MW, the API says ${sources}`);
  const above = sources + plus(stores.map((mw) => Math.max(0, mw)));
  // Stores that are one layer may give and take at once.
  if (seen.bands.filter((b) => b.kind === "store").length === stores.length) must(near(seen.brought, above), `the stack is ${seen.brought} MW high, and ${above} MW are brought`);
  const lacks = plus(Object.values(plan.consumers).map((c) => c.asked[t] - c.served[t]));
  must(Math.abs(seen.unserved - lacks) < 1e-6, `unserved ${seen.unserved} MW, the API says ${lacks}`);
  for (const b of seen.bands) must(Math.abs(Number(b.text) - b.mw) <= 0.5, `a layer reads ${b.text} and is ${b.mw}`);
}

/** Equipment is called by its plant's name and its id in it, with the whole id behind. */
async function mustBeNamed(page, rows) {
  const { plants } = await page.evaluate(async () => (await fetch("/api/v1/fleet")).json());
  for (const { id, head } of rows) {
    const plant = plants.find((p) => id.startsWith(`${p.id}.`));
    must(plant !== undefined, `${id} is of no plant that the API names`);
    must(head === `${plant.name} ${id.slice(plant.id.length + 1)} ${id}`, `${id} of ${plant.name} is called "${head}"`);
  }
}

/** While somebody is short the view says who, marks it as an alarm, and no colour is elsewhere. */
export async function shortageIsShown(page, scratch) {
  const kept = told(page);
  try {
    await visit(page, PAGES.dispatch);
    let last = "";
    await until("the view shows who goes short", 30_000, async () => {
      const { seen, plan } = await both(page, kept);
      const short = Object.entries(plan.consumers).filter(([, c]) => c.asked.some((mw, t) => mw - c.served[t] > 2 * SHORT_MW)).map(([id]) => id);
      last = `the API ${short.join(", ")}; the page ${seen.shorts.join(", ")}, ${seen.gaps} marks`;
      return short.length > 0 && short.every((id) => seen.shorts.includes(id)) && seen.gaps > 0;
    }).catch((error) => must(false, `${error.message}: ${last}`));
    if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), "short-dispatch.png"), fullPage: true });
    const found = await saturatedOutsideAlarms(page, scratch);
    must(found.inside > 0 && found.outside === 0, `${found.inside} coloured pixels inside alarms, ${found.outside} outside, first at ${found.first.join("; ")}`);
  } finally {
    kept.done();
    await page.goBack();
  }
}

export const dispatched = {
  async "dispatch: the stack, by step and by keyboard, is what the API tells, for the fleet and for a plant"({ page }) {
    const kept = told(page);
    await visit(page, PAGES.fleet);
    await page.locator("#dispatch a", { hasText: "view" }).press("Enter");
    await page.locator(".horizon canvas").first().waitFor();
    const first = await both(page, kept);
    must(first.seen.step === 0, `the cursor begins at step ${first.seen.step + 1}`);
    mustAgree(first);
    must(first.seen.prices > 0, "no line of a price or a store");
    const lines = page.locator("[data-line]");
    await mustBeNamed(page, await lines.evaluateAll((all) => all.map((row) => ({ id: row.dataset.line, head: row.querySelector("th").innerText.trim() }))));
    const hidden = await page.locator(".horizon .framed").evaluateAll((all) => all.filter((e) => e.querySelectorAll("tbody tr").length <= 12 && e.scrollHeight > e.clientHeight + 1).map((e) => e.ariaLabel));
    must(hidden.length === 0, `rows that do not show: ${hidden.join("; ")}`);
    await page.evaluate(() => document.activeElement?.blur());
    let tabs = 0;
    while (!(await page.evaluate(() => document.activeElement?.classList.contains("horizon")))) {
      must(tabs++ < 60, "Tab never reaches the charts");
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    const third = await both(page, kept);
    must(third.seen.step === 2, `two steps to the right lead to step ${third.seen.step + 1}`);
    mustAgree(third);
    await page.keyboard.press("End");
    const end = await both(page, kept);
    must(end.seen.step === end.plan.step_minutes.length - 1, `End leads to step ${end.seen.step + 1} of ${end.plan.step_minutes.length}`);
    mustAgree(end);
    await page.keyboard.press("Home");
    await page.keyboard.press("+");
    must((await page.locator('[aria-label="Time shown"] [aria-pressed=true]').count()) === 0, "plus does not zoom");
    const box = await page.locator(".horizon .u-over").first().boundingBox();
    await page.mouse.move(box.x + box.width * 0.9, box.y + box.height / 2);
    await until("the mouse moves the cursor", 5000, async () => (await shown(page)).step > 0);
    mustAgree(await both(page, kept));

    await page.locator("select[name=plant]").selectOption(PLANT);
    must((await page.evaluate(() => location.hash)) === `#/dispatch/${PLANT}`, "the address does not name the plant");
    const { seen, plan } = await both(page, kept);
    const mine = plus(Object.entries(plan.sources).filter(([id]) => id.startsWith(`${PLANT}.`)).map(([, mw]) => mw[seen.step]));
    const drawn = plus(seen.bands.filter((b) => b.kind === "source").map((b) => b.mw));
    must(near(drawn, mine), `the layers of ${PLANT} make ${drawn} MW, the API says ${mine}`);
    must(seen.bands.some((b) => b.kind === "main"), `no main of ${PLANT} is a layer`);
    const layers = page.locator('#stack [data-band][data-kind="source"]');
    await mustBeNamed(page, await layers.evaluateAll((all) => all.map((row) => ({ id: row.dataset.band, head: row.querySelector("th").innerText.trim() })).filter((row) => row.id.includes("."))));
    kept.done();
  },

  async "dispatch: the sentences are the API's, with prices from both sides"({ page }) {
    const kept = told(page);
    await visit(page, PAGES.fleet);
    await visit(page, PAGES.dispatch);
    await until("the sentences of a schedule that the API explained", EXPLAINED_WITHIN_MS, async () => {
      const seen = await shown(page);
      const explanation = kept.explanations.get(Number(seen.explained));
      if (explanation === undefined) return false;
      must(seen.said.length > 0 && seen.said.length === explanation.sentences.length, `${seen.said.length} sentences of ${explanation.sentences.length}`);
      // White space is the page's own.
      seen.said.forEach((text, i) => must(text.split(/\s+/).join(" ") === explanation.sentences[i].trim().split(/\s+/).join(" "), `“${text}” is shown for “${explanation.sentences[i]}”`));
      const costs = explanation.changes.filter((change) => change.what === "cost");
      must(costs.every((change) => change.before !== null && change.now !== null), `a cost is not compared with the one before: ${JSON.stringify(costs)}`);
      const rows = await page.locator("[data-price]").evaluateAll((all) => all.map((row) => ({ id: row.dataset.price, head: row.querySelector("th").innerText.trim() })));
      must(rows.length > 0, "no price from both sides");
      await mustBeNamed(page, rows);
      return true;
    });
    kept.done();
  },

  async "dispatch: renewed with new schedules while it is looked at, not more often than every 5 s, and no longer"({ page }) {
    await visit(page, PAGES.fleet);
    const times = [];
    const kept = told(page);
    const note = (request) => request.url().endsWith("/dispatch/plan") && times.push(performance.now());
    page.on("request", note);
    await visit(page, PAGES.dispatch);
    const { seen } = await both(page, kept);
    await until("a newer schedule on the page", 30_000, async () => (await both(page, kept)).seen.seq > seen.seq);
    // The page's clock and this one are read apart.
    const tooSoon = times.slice(1).filter((at, i) => at - times[i] < 4500);
    must(tooSoon.length === 0, `asked again after ${tooSoon.map((at) => Math.round(at - times[times.indexOf(at) - 1])).join(", ")} ms`);
    await visit(page, PAGES.fleet);
    const before = times.length;
    await sleep(8000);
    must(times.length === before, `${times.length - before} more questions after the page was left`);
    page.off("request", note);
    kept.done();
  },

  async "dispatch: what cannot be shown is said, and an old schedule is never shown as a new one"({ page }) {
    const problem = (status, body) => (route) => route.fulfill({ status, contentType: "application/problem+json", body: JSON.stringify({ title: "no", ...body }) });
    const lacks = page.locator("[data-lack]").first();
    const answers = [
      [404, { detail: "Nothing has been planned yet." }, "Nothing has been planned yet."],
      [421, { detail: "Replica 'two' leads.", leader: "http://127.0.0.1:1" }, "Replica 'two' leads."],
    ];
    for (const [status, body, words] of answers) {
      await page.route(PLAN, problem(status, body));
      await visit(page, PAGES.fleet);
      await visit(page, PAGES.dispatch);
      await lacks.waitFor();
      must((await lacks.getAttribute("data-lack")) === String(status) && (await lacks.innerText()).includes(words), `${status} reads "${await lacks.innerText()}"`);
      must((await page.locator(".horizon, [data-plan-seq]").count()) === 0, `figures of a schedule although the answer was ${status}`);
      if (body.leader) must((await lacks.locator("a").getAttribute("href")) === `${body.leader}/#/dispatch`, "no way to the replica that leads");
      await page.unroute(PLAN);
    }
    await until("it comes back by itself", ASKED_WITHIN_MS, async () => (await page.locator("[data-plan-seq]").count()) === 1);
    const before = (await shown(page)).seq;
    await page.route(PLAN, (route) => route.abort());
    await lacks.waitFor({ timeout: ASKED_WITHIN_MS });
    must((await lacks.getAttribute("data-lack")) === "0" && /Not renewed/.test(await lacks.innerText()), `without an answer it reads "${await lacks.innerText()}"`);
    must((await page.locator(".old .horizon").count()) === 1 && (await shown(page)).seq >= before, "the schedule that could not be renewed is not called old");
    await page.unroute(PLAN);
    await until("it is renewed again", ASKED_WITHIN_MS, async () => (await page.locator("[data-lack]").count()) === 0);

    await page.route(EXPLANATION, problem(403, { detail: "Only who sees all plants may read this." }));
    await visit(page, PAGES.fleet);
    await visit(page, PAGES.dispatch);
    const refused = page.locator("[data-explained] [data-lack]");
    await refused.waitFor({ timeout: ASKED_WITHIN_MS });
    must((await refused.innerText()).includes("Only who sees all plants") && (await page.locator(".horizon").count()) === 1, "a refused explanation takes the charts along, or says nothing");
    await page.unroute(EXPLANATION);
  },
};
