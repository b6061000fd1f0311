// Looks at the console through a real browser against a real centre, which whoever starts this has running:
//   HYPOCAUST_CONSOLE       http://127.0.0.1:PORT
//   HYPOCAUST_USER, HYPOCAUST_PASSWORD
//   HYPOCAUST_CHANGE_CMD    shell command that changes one signal at the plant
//   HYPOCAUST_CHANGE_TAG    the tag that must be seen to change
//   HYPOCAUST_CHANGE_EXPECT (optional) the value it must come to; without it the cell must be quiet before the change
//   HYPOCAUST_REGISTER_CMD  shell command that writes a register as a Modbus client does, HYPOCAUST_REGISTER_TAG the tag that
//                           lies there, in the same plant, and HYPOCAUST_REGISTER_EXPECT what it must read then
//   HYPOCAUST_ALARM_CMD     shell command that trips a source of that plant, and
//   HYPOCAUST_CLEAR_CMD     the one that clears its fault
//   HYPOCAUST_CENTRAL_PID   process to freeze and thaw
//   HYPOCAUST_CHROMIUM      (optional) browser, /usr/bin/chromium
//   HYPOCAUST_SHOTS         (optional) folder for screenshots
//   HYPOCAUST_ONLY          (optional) a text: only checks whose name has it, after those that sign in
// Exit 0: all passed; 1: some failed; 2: the environment is incomplete.
import { join } from "node:path";
import { browser as launch, env, must } from "./tools.mjs";

const needed = ["CONSOLE", "USER", "PASSWORD", "CHANGE_CMD", "CHANGE_TAG", "REGISTER_CMD", "REGISTER_TAG", "REGISTER_EXPECT", "ALARM_CMD", "CLEAR_CMD", "CENTRAL_PID"].map((n) => `HYPOCAUST_${n}`);
const missing = needed.filter((name) => !process.env[name]);
if (missing.length > 0) {
  console.error(`Not set: ${missing.join(", ")}. The head of e2e/run.mjs says what each is.`);
  process.exit(2);
}
const { looks } = await import("./looks.mjs");
const { dispatched } = await import("./dispatched.mjs");
const { first, running } = await import("./running.mjs");
const only = env("ONLY");
const chosen = Object.entries({ ...looks, ...dispatched, ...running }).filter(([name]) => only === undefined || name.includes(only));

const browser = await launch();
let passed = 0;
let failed = 0;
try {
  const page = await (await browser.newContext({ viewport: { width: 1600, height: 1000 } })).newPage();
  const scratch = await (await browser.newContext()).newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  for (const [name, test] of [...Object.entries(first), ...chosen]) {
    const began = performance.now();
    try {
      await test({ page, scratch });
      must(wrong.length === 0, `the page's script failed: ${wrong.splice(0).join("; ")}`);
      passed++;
      console.log(`ok   ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
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
