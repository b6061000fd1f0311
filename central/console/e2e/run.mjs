// Looks at the console through a real browser against a real centre, which whoever starts this has running:
//   HYPOCAUST_CONSOLE       http://127.0.0.1:PORT
//   HYPOCAUST_USER, HYPOCAUST_PASSWORD
//   HYPOCAUST_CHANGE_CMD    shell command that changes one signal at the plant
//   HYPOCAUST_CHANGE_TAG    the tag that must be seen to change
//   HYPOCAUST_CHANGE_EXPECT (optional) the value it must come to; without it the cell must be quiet before the change
//   HYPOCAUST_CENTRAL_PID   process to freeze and thaw
//   HYPOCAUST_CHROMIUM      (optional) browser, /usr/bin/chromium
//   HYPOCAUST_SHOTS         (optional) folder for screenshots
// Exit 0: all passed; 1: some failed; 2: the environment is incomplete.
import { execSync } from "node:child_process";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { layoutFaults } from "./layout.mjs";
import { saturatedOutsideAlarms } from "./pixels.mjs";

const needed = ["CONSOLE", "USER", "PASSWORD", "CHANGE_CMD", "CHANGE_TAG", "CENTRAL_PID"].map((n) => `HYPOCAUST_${n}`);
const missing = needed.filter((name) => !process.env[name]);
if (missing.length > 0) {
  console.error(`Not set: ${missing.join(", ")}. The head of e2e/run.mjs says what each is.`);
  process.exit(2);
}
const env = (name) => process.env[`HYPOCAUST_${name}`];
const url = env("CONSOLE");
const pid = Number(env("CENTRAL_PID"));

const FLAGGED_WITHIN_MS = 4000;
const CHANGE_SEEN_WITHIN_MS = 15_000;
const COMMAND_ANSWERED_WITHIN_MS = 20_000;
const RECOVERED_WITHIN_MS = 20_000;
const SIGNED_OUT_WITHIN_MS = 10_000;
/** Longer than any tag of the sample fleet is quiet. */
const QUIET_MS = 12_000;
const WIDTHS = [1000, 1280, 1500, 1920, 2560];

function must(condition, message) {
  if (!condition) throw new Error(message);
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, limitMs, probe) {
  const began = performance.now();
  for (;;) {
    if (await probe()) return performance.now() - began;
    if (performance.now() - began > limitMs) throw new Error(`${what}: not within ${limitMs} ms`);
    await sleep(50);
  }
}

const cellOf = (page) => page.locator(`[data-tag=${JSON.stringify(env("CHANGE_TAG"))}]`);
const live = (page) => page.locator('.page[data-live="true"]');
const buttons = (page) =>
  page.locator("button[data-command]").evaluateAll((all) => ({ all: all.length, disabled: all.filter((b) => b.disabled).length }));

async function signIn(page) {
  await page.goto(url);
  await signInAgain(page);
}

/** Nothing but the form is left, with the reason. */
async function onlySignIn(page, reason) {
  await page.locator("#sign-in").waitFor({ timeout: SIGNED_OUT_WITHIN_MS });
  must((await page.locator("[data-plant], [data-tag], #unserved").count()) === 0, "numbers of the plants stay on the page");
  const said = await page.locator("#session-end").innerText();
  must(said.includes(reason), `the form says "${said}"`);
}

async function signInAgain(page) {
  const form = page.locator("#sign-in");
  await form.waitFor();
  await form.locator("[name=user]").fill(env("USER"));
  await form.locator("[name=password]").fill(env("PASSWORD"));
  await form.locator("[name=password]").press("Enter");
  await live(page).waitFor({ timeout: 10_000 });
}

const tests = {
  async "a wrong password is refused and shows no plant"({ page }) {
    await page.goto(url);
    await page.locator("#sign-in [name=user]").fill(env("USER"));
    await page.locator("#sign-in [name=password]").fill(`${env("PASSWORD")}-wrong`);
    await page.locator("#sign-in [name=password]").press("Enter");
    await page.locator("#sign-in-failed").waitFor();
    must((await page.locator("[data-plant]").count()) === 0, "a plant is shown to somebody who is not signed in");
  },

  async "signing in shows the live fleet"({ page }) {
    await signIn(page);
    await page.locator("[data-plant]").first().waitFor();
    must((await page.locator("[data-source]").count()) > 0, "no source on the page");
    must((await page.locator("[data-consumer]").count()) > 0, "no consumer on the page");
    must((await page.locator("[data-tag]").count()) > 0, "no tag on the page");
    must(!(await page.locator("#stale-banner").isVisible()), "the banner shows although the centre runs");
  },

  async "no saturated pixel outside alarms, light and dark"({ page, scratch }) {
    await page.locator("[data-dispatch-seq]").waitFor();
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await sleep(300);
      const found = await saturatedOutsideAlarms(page, scratch);
      if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), `${colorScheme}.png`), fullPage: true });
      const alarms = await page.locator("[data-alarm]").count();
      console.log(`  ${colorScheme}: ${found.pixels} pixels, ${alarms} alarm marks, ${found.inside} saturated inside them`);
      must(found.outside === 0, `${colorScheme}: ${found.outside} saturated pixels outside alarms, first at ${found.first.join("; ")}`);
    }
    // The instrument itself: a coloured square that is no alarm must be found.
    await page.evaluate(() => {
      const square = document.createElement("canvas");
      square.id = "swatch";
      square.width = square.height = 8;
      const context = square.getContext("2d");
      context.fillStyle = "#2060c0";
      context.fillRect(0, 0, 8, 8);
      document.querySelector("main").append(square);
    });
    const control = await saturatedOutsideAlarms(page, scratch);
    await page.evaluate(() => document.getElementById("swatch").remove());
    must(control.outside >= 36, `a coloured square of 64 pixels was seen as ${control.outside}: the measurement is blind`);
  },

  async "nothing lies over anything else and nothing leaves the page, from 1000 to 2560 pixels"({ page }) {
    const before = page.viewportSize();
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 1000 });
      await sleep(200);
      const faults = await layoutFaults(page);
      if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), `wide-${width}.png`), fullPage: true });
      must(faults.length === 0, `at ${width} px: ${faults.slice(0, 3).join("; ")}`);
    }
    await page.setViewportSize(before);
    // The instrument itself: a panel drawn over its neighbour must be found.
    await page.evaluate(() => (document.querySelector(".tags").style.transform = "translateX(-10rem)"));
    const control = await layoutFaults(page);
    await page.evaluate(() => (document.querySelector(".tags").style.transform = ""));
    must(control.length > 0, "tags drawn over the tables were not seen: the measurement is blind");
  },

  async "while the plants are heard, no good value looks stale"({ page }) {
    const began = performance.now();
    while (performance.now() - began < QUIET_MS) {
      const wrong = await page.locator("[data-tag]:not([data-quality=good])").evaluateAll((all) => all.map((e) => `${e.dataset.tag} ${e.dataset.quality}`));
      must(wrong.length === 0, wrong.join(", "));
      await sleep(500);
    }
  },

  async "unserved heat stands first, each class with a digit, a shape and words"({ page }) {
    const rows = await page.locator("#unserved tbody tr").allInnerTexts();
    must(rows.length === 5, `${rows.length} classes`);
    rows.forEach((row, i) => must(new RegExp(`^${i + 1} \\S.*\\s(● served|▲ short: \\d)`).test(row), `row ${i + 1}: ${row}`));
    const top = await page.locator("#unserved").evaluate((e) => e.getBoundingClientRect().bottom);
    must(top < 400, `the table of unserved heat ends at ${top} px`);
    must(Number(await page.locator("[data-solve-ms]").getAttribute("data-solve-ms")) > 0, "no time of the last solve");
  },

  async "with the keyboard alone: to a setpoint, and out again"({ page }) {
    await page.evaluate(() => document.activeElement?.blur());
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("name") ?? document.activeElement?.id ?? "");
    const reached = new Set();
    for (let i = 0; i < 60 && !reached.has("reason"); i++) {
      await page.keyboard.press("Tab");
      reached.add(await focused());
    }
    for (const name of ["sign-out", "value", "reason"]) must(reached.has(name), `Tab never reaches ${name}: ${[...reached].join(" ")}`);
  },

  async "a change at the plant reaches its cell"({ page }) {
    const cell = cellOf(page);
    must((await cell.count()) === 1, `the page has ${await cell.count()} cells of tag ${env("CHANGE_TAG")}`);
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
    execSync(env("CHANGE_CMD"), { stdio: ["ignore", "ignore", "inherit"], timeout: 30_000 });
    const took = await until("the change is on the page", CHANGE_SEEN_WITHIN_MS, async () => {
      const text = await read();
      return expected === undefined ? text !== before && text !== "" : text !== "" && reached(text);
    });
    console.log(`  ${env("CHANGE_TAG")}: ${before} -> ${await read()} after ${took.toFixed(0)} ms`);
  },

  async "a command out of all bounds is refused, and the page says why"({ page }) {
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

  async "a frozen centre is flagged, commands are dead, and it recovers"({ page }) {
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
      if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), "stale.png") });
      await sleep(2000);
      must(await banner.isVisible(), "the banner went although the centre is still frozen");
    } finally {
      process.kill(pid, "SIGCONT");
    }
    const took = await until("the page is live again", RECOVERED_WITHIN_MS, async () => (await live(page).count()) === 1);
    must(!(await banner.isVisible()), "the banner still shows although the page is live");
    must((await buttons(page)).disabled === 0, "command buttons stay disabled after the recovery");
    console.log(`  live again after ${took.toFixed(0)} ms`);
  },

  async "a session that ends elsewhere ends the page: no number stays"({ page }) {
    const cookie = (await page.context().cookies()).find((c) => c.name === "hypocaust_session");
    const answer = await fetch(`${url}/api/v1/session`, { method: "DELETE", headers: { Cookie: `${cookie.name}=${cookie.value}` } });
    must(answer.status === 204, `the session could not be ended: ${answer.status}`);
    await onlySignIn(page, "over");
    await signInAgain(page);
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

const browser = await chromium.launch({ executablePath: env("CHROMIUM") ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
let passed = 0;
let failed = 0;
try {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
  const scratch = await (await browser.newContext()).newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test({ page, scratch });
      must(wrong.length === 0, `the page's script failed: ${wrong.splice(0).join("; ")}`);
      passed++;
      console.log(`ok   ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name}: ${error.message}`);
      if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), `failed-${failed}.png`) }).catch(() => {});
    }
  }
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
