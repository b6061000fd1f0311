// What a person does with the console while the plants run: sign in, read, go from page to page, act, sign out.
import { execSync } from "node:child_process";
import {
  ALARM_SEEN_WITHIN_MS, buttons, cellOf, CHANGE_SEEN_WITHIN_MS, COMMAND_ANSWERED_WITHIN_MS, env, FLAGGED_WITHIN_MS, live, must,
  onlySignIn, PAGES, PLANT, RECOVERED_WITHIN_MS, signIn, signInAgain, sleep, until, url, visit, visitSource,
} from "./tools.mjs";
import { overflowing } from "./layout.mjs";
import { join } from "node:path";
import { shortageIsShown } from "./dispatched.mjs";

const pid = Number(env("CENTRAL_PID"));
/** Longer than any tag of the sample fleet is quiet. */
const QUIET_MS = 12_000;
/** A browser opens six connections to one server over HTTP/1.1. */
const TABS = 7;
const run = (command) => execSync(command, { stdio: ["ignore", "ignore", "inherit"], timeout: 30_000 });

export const first = {
  async "a wrong password is refused and shows no plant"({ page }) {
    await page.goto(url);
    await page.locator("#sign-in [name=user]").fill(env("USER"));
    await page.locator("#sign-in [name=password]").fill(`${env("PASSWORD")}-wrong`);
    await page.locator("#sign-in [name=password]").press("Enter");
    await page.locator("#sign-in-failed").waitFor();
    must((await page.locator("[data-plant], [data-fleet-plant]").count()) === 0, "a plant is shown to somebody who is not signed in");
  },

  async "signing in shows the live fleet, and a link to a plant its mimic and its tags"({ page }) {
    await signIn(page);
    await page.locator("[data-fleet-plant]").first().waitFor();
    must(!(await page.locator("#stale-banner").isVisible()), "the banner shows although the centre runs");
    await visit(page, PAGES.plant);
    await page.locator('[data-piece][data-kind="source"]').first().waitFor();
    // Where a header's own pressure moves a source, its setpoint says that it is no more than an upper end.
    const swings = await page.evaluate(async (plant) => (await (await fetch(`/api/v1/plants/${plant}`)).json()).headers.map((h) => h.swing), PLANT);
    const marked = await page.locator("[data-source]:has([data-swing])").evaluateAll((all) => all.map((row) => row.dataset.source));
    must(swings.length > 0 && [...swings].sort().join() === marked.sort().join(), `the swing sources are ${swings.join(", ")}, marked are ${marked.join(", ")}`);
    for (const kind of ["source", "consumer", "tag"]) must((await page.locator(`[data-${kind}]`).count()) > 0, `no ${kind} on the page`);
  },

  async "every page has an address that can be kept, and back goes back"({ page }) {
    for (const [name, hash] of Object.entries(PAGES)) {
      await page.goto(`${url}/${hash}`);
      await page.reload();
      await page.locator("main h2").first().waitFor();
      must((await page.evaluate(() => location.hash)) === hash, `${name} moved to another address`);
    }
    await visit(page, PAGES.fleet);
    await visit(page, PAGES.plant);
    await page.goBack();
    await page.locator("#unserved").waitFor();
    await visit(page, "#/nowhere");
    must((await page.locator("main h2").innerText()) === "There is no such page", "a wrong address is taken for a page");
    await visit(page, PAGES.fleet);
  },
};

export const running = {
  async "while the plants are heard, no good value looks stale and no state is a number"({ page }) {
    await visit(page, PAGES.plant);
    const began = performance.now();
    while (performance.now() - began < QUIET_MS) {
      const wrong = await page.locator("[data-tag]:not([data-quality=good])").evaluateAll((all) => all.map((e) => `${e.dataset.tag} ${e.dataset.quality}`));
      must(wrong.length === 0, wrong.join(", "));
      await sleep(500);
    }
    const states = await page.locator('[data-tag$=".state"]').allInnerTexts();
    must(states.length > 0 && states.every((text) => /^[a-z]/.test(text)), `states read ${states.join(", ")}`);
  },

  async "unserved heat stands first, each class with a digit, a shape and words"({ page }) {
    await visit(page, PAGES.fleet);
    const rows = await page.locator("#unserved tbody tr").allInnerTexts();
    must(rows.length === 5, `${rows.length} classes`);
    rows.forEach((row, i) => must(new RegExp(`^${i + 1} \\S.*\\s(● served|▲ short: \\d)`).test(row), `row ${i + 1}: ${row}`));
    const top = await page.locator("#unserved").evaluate((e) => e.getBoundingClientRect().bottom);
    must(top < 400, `the table of unserved heat ends at ${top} px`);
    must(Number(await page.locator("[data-solve-ms]").getAttribute("data-solve-ms")) > 0, "no time of the last solve");
  },

  async "with the keyboard alone: from the fleet over a plant's mimic to a setpoint"({ page }) {
    await visit(page, PAGES.fleet);
    await page.evaluate(() => document.activeElement?.blur());
    const focused = (read) => page.evaluate(read);
    const tabTo = async (what, found) => {
      for (let i = 0; i < 80; i++) {
        await page.keyboard.press("Tab");
        if (await page.evaluate(found, PLANT)) return;
      }
      throw new Error(`Tab never reaches ${what}`);
    };
    await tabTo("sign-out", () => document.activeElement?.id === "sign-out");
    await tabTo("the plant's line", (plant) => document.activeElement?.closest("[data-fleet-plant]")?.dataset.fleetPlant === plant);
    await page.keyboard.press("Enter");
    await page.locator("[data-mimic]").waitFor();
    must(await focused(() => document.activeElement?.tagName === "H2"), "a new page does not begin at its name");
    await tabTo("the mimic", () => document.activeElement?.matches("[data-piece]"));
    const piece = () => focused(() => document.activeElement?.dataset.piece ?? "");
    const start = await piece();
    await page.keyboard.press("ArrowRight");
    const right = await piece();
    must(right !== "" && right !== start, `an arrow key stays at ${start}`);
    await page.keyboard.press("ArrowLeft");
    must((await focused(() => document.activeElement?.dataset.kind)) !== "consumer", "left leads to the right");
    await page.locator('[data-piece][data-kind="source"]').first().focus();
    await page.keyboard.press("Enter");
    await page.locator("form.command").first().waitFor();
    await tabTo("the value", () => document.activeElement?.getAttribute("name") === "value");
    await page.keyboard.press("Tab");
    must(await focused(() => document.activeElement?.getAttribute("name") === "reason"), "the reason does not follow the value");
  },

  async "a change at the plant reaches its cell, and its trend"({ page }) {
    await visit(page, PAGES.plant);
    const cell = cellOf(page);
    const expected = env("CHANGE_EXPECT");
    const read = () => cell.getAttribute("data-value");
    const reached = (text) => Math.abs(Number(text) - Number(expected)) <= 1e-3 * Math.max(1, Math.abs(Number(expected)));
    const before = await read();
    if (expected === undefined) {
      await sleep(3000);
      must((await read()) === before, "the cell moves by itself: name a quiet tag, or set HYPOCAUST_CHANGE_EXPECT");
    } else {
      must(!reached(before), `the cell reads ${before} before the change already: the test would prove nothing`);
    }
    run(env("CHANGE_CMD"));
    const took = await until("the change is on the page", CHANGE_SEEN_WITHIN_MS, async () => {
      const text = await read();
      return expected === undefined ? text !== before && text !== "" : text !== "" && reached(text);
    });
    console.log(`  ${env("CHANGE_TAG")}: ${before} -> ${await read()} after ${took.toFixed(0)} ms`);
    await visit(page, PAGES.trends);
    const chart = page.locator(".chart");
    await chart.waitFor();
    const row = page.locator(`[data-pen=${JSON.stringify(env("CHANGE_TAG"))}]`);
    const at = () => row.locator("[data-cursor-value]").getAttribute("data-cursor-value");
    // The cursor at the right end reads the present, at the left what was before: from the history and from the live page.
    const over = chart.locator(".u-over");
    await until("the trend has the new value at its end", CHANGE_SEEN_WITHIN_MS, async () => {
      const box = await over.boundingBox();
      if (!box) return false;
      await page.mouse.move(box.x + box.width - 3, box.y + 20);
      const text = await at();
      return text !== "" && (expected === undefined || reached(text));
    });
    await until("the trend has an older value from the history", CHANGE_SEEN_WITHIN_MS, async () => {
      await page.locator('[aria-label="Time shown"] button', { hasText: /^5 min$/ }).click();
      const box = await over.boundingBox();
      for (let x = box.width - 20; x > 20; x -= 12) {
        await page.mouse.move(box.x + x, box.y + 20);
        const text = await at();
        if (text !== "" && !(expected !== undefined && reached(text))) return true;
      }
      return false;
    });
  },

  async "a register that a Modbus client writes reaches its cell"({ page }) {
    await visit(page, PAGES.plant);
    const cell = page.locator(`[data-tag=${JSON.stringify(env("REGISTER_TAG"))}]`).first();
    const expected = Number(env("REGISTER_EXPECT"));
    const read = async () => Number((await cell.getAttribute("data-value")) || NaN);
    const before = await read();
    must(Math.abs(before - expected) > 1e-3, `the cell reads ${before} before the register is written: the test would prove nothing`);
    run(env("REGISTER_CMD"));
    const took = await until("the register is on the page", CHANGE_SEEN_WITHIN_MS, async () => Math.abs((await read()) - expected) <= 1e-3);
    console.log(`  ${env("REGISTER_TAG")}: ${before} -> ${expected} after ${took.toFixed(0)} ms`);
  },

  async "the last dispatch and why: the page says what the centre says, in its words"({ page }) {
    await visit(page, PAGES.fleet);
    const shown = () =>
      page.evaluate(() => ({
        seq: Number(document.querySelector("[data-dispatch-seq]")?.dataset.dispatchSeq),
        facts: document.querySelector("#dispatch")?.innerText ?? "",
        why: [...document.querySelectorAll("#why li")].map((e) => e.innerText),
      }));
    const asked = (seq) => page.evaluate(async (of) => (await fetch(`/api/v1/dispatch/${of}`)).json(), seq);
    const agrees = async () => {
      const { seq, facts, why } = await shown();
      const told = await asked(seq);
      must(told.why.length > 0, `dispatch ${seq} has no reason`);
      must(facts.includes(told.source.replaceAll("-", " ")) && facts.includes(told.status), `dispatch ${seq} is ${told.source}, ${told.status}; the page shows ${facts}`);
      must(JSON.stringify(why) === JSON.stringify(told.why), `dispatch ${seq} says ${JSON.stringify(told.why)}, the page ${JSON.stringify(why)}`);
      return { seq, why };
    };
    const first = await agrees();
    await until("the next dispatch", 20_000, async () => (await shown()).seq > first.seq);
    const next = await agrees();
    console.log(`  #${next.seq}: ${next.why[0]}`);
  },

  async "a trend: a tag is found and added by keyboard, zoomed, moved, and kept in the address"({ page }) {
    await visit(page, "#/trends");
    await page.locator("[name=tag]").fill(`${PLANT} heat`);
    await page.keyboard.press("Enter");
    await page.locator("[data-pen]").waitFor();
    must((await page.evaluate(() => location.hash)).includes("tags="), "the address does not name the tag");
    // A trend without values yet has nothing to zoom.
    await until("the trend stands still after a zoom", 10_000, async () => {
      if ((await page.locator("[data-trend-live]").getAttribute("data-trend-live")) === "false") return true;
      await page.locator(".chart").focus();
      await page.keyboard.press("+");
      return false;
    });
    const kept = await page.evaluate(() => location.hash);
    must(/from=.*to=/.test(kept), `the address does not hold the span: ${kept}`);
    await page.keyboard.press("ArrowLeft");
    await until("the cursor reads a value by keyboard", 10_000, async () => (await page.locator("thead").last().innerText()).match(/At \d\d:/) !== null);
    await page.reload();
    await page.locator("[data-pen]").waitFor();
    must((await page.evaluate(() => location.hash)) === kept, "the trend is another one after a reload");
  },

  async "the journal: live at its head, an entry opens, the chain holds, dispatch leads to its entry"({ page }) {
    await visit(page, PAGES.fleet);
    const seq = await page.locator("[data-dispatch-seq]").getAttribute("data-dispatch-seq");
    await page.locator("[data-dispatch-seq] a").press("Enter");
    await page.locator(`[data-entry="${seq}"]`).waitFor();
    must((await page.locator(`[data-entry="${seq}"]`).getAttribute("data-kind")) === "scheduled", "the dispatch leads to another entry");
    const body = await page.locator(".body").first().innerText();
    must(body.includes('"setpoints"'), "the entry's body is not shown");
    await visit(page, PAGES.journal);
    await until("the newest entries", 5000, async () => (await page.locator("[data-entry]").count()) > 5);
    const newest = () => page.locator("[data-entry]").first().getAttribute("data-entry");
    const before = Number(await newest());
    await until("a new entry comes in by itself", 20_000, async () => Number(await newest()) > before);
    await until("the centre says that its chain holds", 15_000, async () => (await page.locator("#chain").getAttribute("data-chain")) === "true");
    await page.locator("select[name=kind]").selectOption("scheduled");
    await until("only schedules", 5000, async () => {
      const kinds = await page.locator("[data-entry]").evaluateAll((all) => all.map((e) => e.dataset.kind));
      return kinds.length > 0 && kinds.every((kind) => kind === "scheduled");
    });
  },

  async "sub-agents: the registry, with one that answers"({ page }) {
    await visit(page, PAGES.subagents);
    await until("an agent that is healthy", 30_000, async () => (await page.locator('[data-agent][data-state="healthy"]').count()) > 0);
    const states = await page.locator("[data-agent]").evaluateAll((all) => all.map((row) => row.dataset.state));
    const firstAbsent = states.indexOf("unknown");
    must(firstAbsent > 0 && states.slice(firstAbsent).every((s) => s === "unknown"), `agents that never registered are not behind the others: ${states.slice(0, 8).join(", ")}`);
    const { subagents } = await page.evaluate(async () => (await fetch("/api/v1/subagents")).json());
    must(states.length === subagents.length, `${states.length} rows, the API has ${subagents.length} agents`);
  },

  async "an alarm, without a mouse: one key to the equipment, and gone when the cause is"({ page, scratch }) {
    await visit(page, PAGES.fleet);
    run(env("ALARM_CMD"));
    await until("the alarm is on the page", ALARM_SEEN_WITHIN_MS, async () => (await page.locator("#alarms button", { hasText: "tripped" }).count()) > 0);
    if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), "alarm-fleet.png"), fullPage: true });
    await page.evaluate(() => document.activeElement?.blur());
    // Other alarms may stand before it (a consumer is short at once); each press goes on to the next.
    let reached = "";
    for (let i = 0; i < 8 && reached !== "source"; i++) {
      await page.keyboard.press("a");
      await sleep(2500);
      reached = await page.evaluate(() => document.activeElement?.dataset.kind ?? document.activeElement?.id ?? "");
    }
    must(reached === "source", `the key never leads to the source: it ends at ${reached}`);
    must((await page.evaluate(() => document.activeElement.querySelector("[data-alarm]") !== null)), "the source in the mimic bears no alarm");
    const beyond = await overflowing(page);
    must(beyond.length === 0, `in the mimic: ${beyond.join("; ")}`);
    if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), "alarm-plant.png"), fullPage: true });
    await page.keyboard.press("Enter");
    await page.locator("[data-faceplate] .big [data-alarm]").waitFor();
    await until("the faceplate says what it waits for", 15_000, async () => /: (tripped|locked out)/.test(await page.locator("[data-waits]").first().innerText().catch(() => "")));
    const request = page.locator("form.command select[name=value] option");
    must((await request.allInnerTexts()).join("; ").includes("start it"), "the faceplate does not say how a person starts it");
    if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), "alarm-faceplate.png"), fullPage: true });
    await shortageIsShown(page, scratch);
    run(env("CLEAR_CMD"));
    await until("the source is no alarm any more", 120_000, async () => (await page.locator("[data-faceplate] .big [data-alarm]").count()) === 0);
    await until("an order for the source that was restarted", 60_000, async () => (await page.locator("#orders tbody tr").count()) > 0);
    // It went by itself, and nobody has taken note of it: that is still asked for. One click does.
    await visit(page, PAGES.alarms);
    const waits = page.locator('[data-raised^="trip:"][data-alarm-state="returned-to-normal-unacknowledged"]');
    await until("the trip waits on the list", 120_000, async () => (await waits.count()) > 0);
    if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), "alarms-returned.png"), fullPage: true });
    const id = await waits.first().getAttribute("data-raised");
    await waits.first().locator("[data-acknowledge]").click();
    await until("it is gone", COMMAND_ANSWERED_WITHIN_MS, async () => (await page.locator(`[data-raised=${JSON.stringify(id)}]`).count()) === 0);
  },

  async "an alarm is acknowledged without a mouse, and leaves the list when it is normal again"({ page }) {
    await visit(page, PAGES.fleet);
    run(env("ALARM_CMD"));
    const open = () => page.locator('[data-raised^="trip:"][data-alarm-state="unacknowledged"]');
    await until("the strip counts what nobody has taken note of", ALARM_SEEN_WITHIN_MS, async () => (await page.locator("#open-alarms[data-alarm]").count()) > 0);
    // The strip, the menu and the list count the same alarms.
    await until("one number of alarms that nobody has taken note of", 5000, async () => {
      const { alarms } = await page.evaluate(async () => (await fetch("/api/v1/alarms")).json());
      const open = alarms.filter((a) => a.state !== "acknowledged").length;
      const says = await page.evaluate(() => [document.querySelector("#open-alarms")?.innerText, document.querySelector('.ways a[href="#/alarms"]')?.innerText].map((text) => /\d+/.exec(text ?? "")?.[0]));
      return open > 0 && says.every((n) => Number(n) === open);
    });
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press("k");
    await page.locator('[data-page="alarms"]').waitFor();
    await until("the trip is on the list", ALARM_SEEN_WITHIN_MS, async () => (await open().count()) > 0);
    await page.keyboard.press("k");
    const trip = await open().first().getAttribute("data-raised");
    const row = page.locator(`[data-raised=${JSON.stringify(trip)}]`);
    // What asks for a person stands before what somebody has taken note of.
    const states = await page.locator("[data-alarm-state]").evaluateAll((all) => all.map((e) => e.dataset.alarmState));
    const rank = (state) => ["unacknowledged", "returned-to-normal-unacknowledged", "acknowledged"].indexOf(state);
    must(states.every((s, i) => i === 0 || rank(states[i - 1]) <= rank(s)), `the list is in the order ${states.join(", ")}`);
    const runbook = row.locator('a[href^="#/runbooks/"]');
    must((await runbook.count()) === 1, "no page says what to do");
    const told = await page.evaluate(async (of) => (await fetch(`/api/v1/runbooks/${of}`)).json(), (await runbook.getAttribute("href")).split("/").at(-1));
    await runbook.press("Enter");
    await page.locator(`[data-runbook=${JSON.stringify(told.id)}]`).waitFor();
    const first = await page.locator("[data-runbook] h2, [data-runbook] p").first().innerText();
    must(told.text.startsWith(`# ${first}\n`), `the page begins with "${first}"`);
    // Each line that a person reads stands there, without the signs of its notation.
    const plain = (text) => text.replaceAll(/^\s*(?:#+|>|\d+\.|-)\s/gm, "").replaceAll(/[*`]/g, "").split(/\s+/).filter(Boolean).join(" ");
    const shownText = plain(await page.locator("[data-runbook]").innerText());
    for (const line of told.text.split("\n").map(plain)) must(shownText.includes(line), `the page lacks "${line}"`);
    must(!(await page.locator("[data-runbook] details pre").isVisible()), "the drill is not folded away");
    if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), "runbook.png"), fullPage: true });
    await page.goBack();
    await row.waitFor();
    if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), "alarms-raised.png"), fullPage: true });
    // A page that is just being gone back to may still take the focus for itself.
    await until("the key leads to the first button", 5000, async () => {
      await page.keyboard.press("k");
      return page.evaluate(() => document.activeElement?.matches("[data-acknowledge]") ?? false);
    });
    for (let i = 0; i < 20 && (await page.evaluate(() => document.activeElement?.dataset.acknowledge)) !== trip; i++) await page.keyboard.press("Tab");
    must((await page.evaluate(() => document.activeElement?.dataset.acknowledge)) === trip, "Tab never reaches the trip's button");
    await page.keyboard.press("Enter");
    await until("it is acknowledged, with who", COMMAND_ANSWERED_WITHIN_MS, async () =>
      (await row.getAttribute("data-alarm-state")) === "acknowledged" && (await row.innerText()).includes(env("USER")));
    await until("the focus is on the page still", 5000, () => page.evaluate(() => document.activeElement !== document.body));
    if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), "alarms-acknowledged.png"), fullPage: true });
    run(env("CLEAR_CMD"));
    await until("what is normal again and acknowledged is gone", 120_000, async () => (await row.count()) === 0);
    await visit(page, "#/journal?kind=alarm-acknowledged");
    await until("the journal says who", 5000, async () => (await page.locator('[data-entry][data-kind="alarm-acknowledged"]', { hasText: env("USER") }).count()) > 0);
  },

  async "a command out of all bounds is refused, and the page says why"({ page }) {
    await visitSource(page);
    const form = page.locator("form.command").first();
    await form.locator("[name=value]").fill("1000000000");
    await form.locator("[name=reason]").fill("console test: must be refused");
    await form.locator("button[data-command]").click();
    const said = form.locator('output[data-command-state="refused"], output[data-command-state="rejected"]');
    await until("the refusal is on the page", COMMAND_ANSWERED_WITHIN_MS, () => said.isVisible());
    const text = await said.innerText();
    must(/^✕ .{15,}/.test(text), `the refusal gives no reason: "${text}"`);
    console.log(`  ${text}`);
  },

  async "seven tabs of one browser are all live"({ page }) {
    const tabs = [];
    for (let i = 0; i < TABS; i++) {
      const tab = await page.context().newPage();
      tabs.push(tab);
      await tab.goto(`${url}/${PAGES.plant}`);
    }
    for (const tab of tabs) await live(tab).waitFor({ timeout: 15_000 });
    for (const tab of tabs) await tab.close();
  },

  async "a frozen centre is flagged, commands are dead, and it recovers"({ page }) {
    await visitSource(page);
    const banner = page.locator("#stale-banner[data-alarm]");
    const before = await buttons(page);
    must(before.all > 0, "no command button on the page");
    must(before.disabled === 0, `${before.disabled} of ${before.all} command buttons are disabled although the centre runs`);
    process.kill(pid, "SIGSTOP");
    try {
      const took = await until("the banner shows", FLAGGED_WITHIN_MS, () => banner.isVisible());
      const during = await buttons(page);
      must(during.disabled === during.all, `${during.all - during.disabled} command buttons still act`);
      console.log(`  flagged after ${took.toFixed(0)} ms, ${during.disabled} command buttons disabled`);
      await visit(page, PAGES.plant);
      const fresh = await page.locator('[data-piece]:not([data-quality="stale"])').count();
      must(fresh === 0, `${fresh} pieces of the mimic look live although the centre is frozen`);
      if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), "stale.png"), fullPage: true });
      await sleep(1500);
      must(await banner.isVisible(), "the banner went although the centre is still frozen");
    } finally {
      process.kill(pid, "SIGCONT");
    }
    const took = await until("the page is live again", RECOVERED_WITHIN_MS, async () => (await live(page).count()) === 1);
    must(!(await banner.isVisible()), "the banner still shows although the page is live");
    await visitSource(page);
    // Another replica may have taken over meanwhile: then commands are for that one, and the page says so.
    const elsewhere = (await page.locator("#elsewhere").count()) > 0;
    const after = await buttons(page);
    must(after.disabled === (elsewhere ? after.all : 0), `${after.disabled} of ${after.all} command buttons are disabled after the recovery`);
    console.log(`  live again after ${took.toFixed(0)} ms`);
  },

  async "a session that ends elsewhere ends the page, whichever it is: no number stays"({ page }) {
    for (const hash of [PAGES.plant, PAGES.journal]) {
      await visit(page, hash);
      const cookie = (await page.context().cookies()).find((c) => c.name === "hypocaust_session");
      const answer = await fetch(`${url}/api/v1/session`, { method: "DELETE", headers: { Cookie: `${cookie.name}=${cookie.value}` } });
      must(answer.status === 204, `the session could not be ended: ${answer.status}`);
      await onlySignIn(page, "over");
      await signInAgain(page);
      must((await page.evaluate(() => location.hash)) === hash, "after signing in again the page is another one");
    }
  },

  async "signing out by keyboard ends the session on the server and shows sign-in"({ page }) {
    const cookie = (await page.context().cookies()).find((c) => c.name === "hypocaust_session");
    await page.locator("#sign-out").focus();
    await page.keyboard.press("Enter");
    await onlySignIn(page, "Signed out");
    const answer = await fetch(`${url}/api/v1/fleet`, { headers: { Cookie: `${cookie.name}=${cookie.value}` } });
    must(answer.status === 401, `the session still opens the fleet: ${answer.status}`);
    await page.reload();
    await page.locator("#sign-in").waitFor();
  },
};


