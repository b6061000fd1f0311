// What the checks of the page share: waiting, signing in, going to a page, and the environment they run in.
import { chromium } from "playwright-core";

export const env = (name) => process.env[`HYPOCAUST_${name}`];
export const url = env("CONSOLE");

export const FLAGGED_WITHIN_MS = 4000;
export const CHANGE_SEEN_WITHIN_MS = 15_000;
export const COMMAND_ANSWERED_WITHIN_MS = 20_000;
export const RECOVERED_WITHIN_MS = 20_000;
export const SIGNED_OUT_WITHIN_MS = 10_000;
/** A trip is seen within seconds; a source that is brought back takes its start-up sequence. */
export const ALARM_SEEN_WITHIN_MS = 20_000;

/** The plant of the tag that is changed: what is looked at in one plant is looked at there. */
export const PLANT = (env("CHANGE_TAG") ?? "").split(".")[0];
/** Every page of the console, by its address. */
export const PAGES = {
  fleet: "#/",
  plant: `#/plants/${PLANT}`,
  tag: `#/tags/${env("CHANGE_TAG")}`,
  dispatch: "#/dispatch",
  trends: `#/trends?tags=${env("CHANGE_TAG")}`,
  alarms: "#/alarms",
  runbook: "#/runbooks/source-tripped",
  journal: "#/journal",
  subagents: "#/sub-agents",
};

export function must(condition, message) {
  if (!condition) throw new Error(message);
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export async function until(what, limitMs, probe) {
  const began = performance.now();
  for (;;) {
    if (await probe()) return performance.now() - began;
    if (performance.now() - began > limitMs) throw new Error(`${what}: not within ${limitMs} ms`);
    await sleep(50);
  }
}

export const cellOf = (page) => page.locator(`[data-tag=${JSON.stringify(env("CHANGE_TAG"))}]`).first();
export const live = (page) => page.locator('.page[data-live="true"]');
export const buttons = (page) =>
  page.locator("button[data-command]").evaluateAll((all) => ({ all: all.length, disabled: all.filter((b) => b.disabled).length }));

/** Goes to a page of the console as somebody who follows a link does, without loading it anew. */
export async function visit(page, hash) {
  await page.evaluate((to) => (location.hash = to), hash);
  await page.locator("main h2").first().waitFor();
}

/** The faceplate of the plant's first source. */
export async function visitSource(page) {
  await visit(page, PAGES.plant);
  await page.locator('[data-piece][data-kind="source"]').first().waitFor();
  await page.locator('[data-piece][data-kind="source"]').first().press("Enter");
  await page.locator("form.command").first().waitFor();
}

export async function signIn(page, hash = "#/") {
  await page.goto(`${url}/${hash}`);
  await signInAgain(page);
}

export async function signInAgain(page) {
  const form = page.locator("#sign-in");
  await form.waitFor();
  await form.locator("[name=user]").fill(env("USER"));
  await form.locator("[name=password]").fill(env("PASSWORD"));
  await form.locator("[name=password]").press("Enter");
  await live(page).waitFor({ timeout: 10_000 });
}

/** Nothing but the form is left, with the reason. */
export async function onlySignIn(page, reason) {
  await page.locator("#sign-in").waitFor({ timeout: SIGNED_OUT_WITHIN_MS });
  must((await page.locator("[data-plant], [data-tag], [data-piece], [data-entry], #unserved").count()) === 0, "numbers of the plants stay on the page");
  const said = await page.locator("#session-end").innerText();
  must(said.includes(reason), `the form says "${said}"`);
}

export const browser = () => chromium.launch({ executablePath: env("CHROMIUM") ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
