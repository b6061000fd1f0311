// How the pages look: colour for alarms alone, nothing over anything else, every page fit for a reader of any kind.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { layoutFaults, overflowing } from "./layout.mjs";
import { saturatedOutsideAlarms } from "./pixels.mjs";
import { env, must, PAGES, PLANT, sleep, until, visit } from "./tools.mjs";

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [1000, 1280, 1500, 1920, 2560];
const THEMES = ["light", "dark"];

/** Every page, with a source's faceplate among them, so that a wait for it is part of none. */
async function eachPage(page, look) {
  for (const [name, hash] of Object.entries(PAGES)) {
    await visit(page, hash);
    if (name === "plant") await page.locator("[data-mimic]").waitFor();
    if (name === "trends" || name === "tag") await page.locator(".chart canvas").waitFor();
    if (name === "dispatch") await page.locator("#said").waitFor();
    if (name === "journal") await page.locator("[data-entry]").first().waitFor();
    await look(name);
  }
  await visit(page, PAGES.plant);
  await page.locator('[data-piece][data-kind="source"]').first().press("Enter");
  await page.locator("[data-faceplate] .chart canvas").waitFor();
  await look("faceplate");
}

export const looks = {
  async "no saturated pixel outside alarms on any page, light and dark"({ page, scratch }) {
    await page.locator("[data-dispatch-seq]").waitFor();
    await eachPage(page, async (name) => {
      for (const colorScheme of THEMES) {
        await page.emulateMedia({ colorScheme });
        await sleep(300);
        const found = await saturatedOutsideAlarms(page, scratch);
        if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), `${name}-${colorScheme}.png`), fullPage: true });
        must(found.outside === 0, `${name}, ${colorScheme}: ${found.outside} saturated pixels outside alarms, first at ${found.first.join("; ")}`);
      }
    });
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

  async "the colours can be chosen, and the choice outlives the page"({ page }) {
    const drawn = () => page.evaluate(() => document.documentElement.dataset.theme);
    await page.emulateMedia({ colorScheme: "light" });
    await until("light as the system is", 2000, async () => (await drawn()) === "light");
    const button = page.locator("#theme");
    // From the system's to light to dark.
    await button.press("Enter");
    await button.press("Enter");
    must((await drawn()) === "dark", `dark was chosen, ${await drawn()} is drawn`);
    await page.reload();
    await button.waitFor();
    must((await drawn()) === "dark", "the choice was forgotten with the page");
    await button.press("Enter");
    must((await drawn()) === "light", "back to the system's, light is drawn");
  },

  async "axe finds nothing on any page, light and dark"({ page }) {
    const judge = () =>
      page.evaluate(async () => {
        const result = await globalThis.axe.run(document, { resultTypes: ["violations"] });
        // A piece of the mimic is named in words for what its drawing shows in signs and bars; its visible name comes first.
        const drawn = (v, node) => v.id === "label-content-name-mismatch" && document.querySelector(node.target[0])?.matches("[data-piece]");
        const left = result.violations.map((v) => ({ id: v.id, nodes: v.nodes.filter((node) => !drawn(v, node)) }));
        return left.filter((v) => v.nodes.length > 0).map((v) => `${v.id} (${v.nodes.length}): ${v.nodes[0]?.target.join(" ")}`);
      });
    await eachPage(page, async (name) => {
      for (const colorScheme of THEMES) {
        await page.emulateMedia({ colorScheme });
        await sleep(200);
        await page.evaluate(axeSource);
        const wrong = await judge();
        must(wrong.length === 0, `${name}, ${colorScheme}: ${wrong.join("; ")}`);
      }
    });
    // The instrument itself: a field without a name must be found.
    await page.evaluate(() => document.querySelector("main").append(Object.assign(document.createElement("input"), { id: "nameless" })));
    const control = await judge();
    await page.evaluate(() => document.getElementById("nameless").remove());
    must(control.some((v) => v.startsWith("label")), "a field without a name was not seen: the judge is blind");
  },

  async "the text in charts can be read: its contrast is measured, since axe cannot see a canvas"({ page }) {
    await visit(page, PAGES.trends);
    await page.locator(".chart canvas").waitFor();
    await sleep(1200);
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      await sleep(400);
      const ratio = await page.evaluate(() => {
        const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const canvas = document.querySelector(".chart canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const ground = luminance(getComputedStyle(document.querySelector(".chart")).backgroundColor.match(/\d+/g).map(Number));
        let best = 1;
        // The strongest ink of the left eighth, where only the axis and its numbers stand.
        for (let i = 0; i < data.length; i += 4) {
          if ((i / 4) % canvas.width > canvas.width / 24 || data[i + 3] < 250) continue;
          const ink = luminance([data[i], data[i + 1], data[i + 2]]);
          best = Math.max(best, (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05));
        }
        return best;
      });
      must(ratio >= 4.5, `${colorScheme}: the axis has a contrast of ${ratio.toFixed(1)}, and 4.5 is the least`);
    }
  },

  async "nothing lies over anything else and nothing leaves the page, from 1000 to 2560 pixels"({ page }) {
    const before = page.viewportSize();
    for (const [name, hash] of [["fleet", PAGES.fleet], ["plant", PAGES.plant], ["dispatch", PAGES.dispatch], ["trends", PAGES.trends], ["journal", PAGES.journal]]) {
      await visit(page, hash);
      if (name === "plant") await page.locator("[data-mimic]").waitFor();
      if (name === "dispatch") await page.locator("#said").waitFor();
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 1000 });
        await sleep(200);
        const faults = await layoutFaults(page);
        if (env("SHOTS")) await page.screenshot({ path: join(env("SHOTS"), `${name}-wide-${width}.png`), fullPage: true });
        must(faults.length === 0, `${name} at ${width} px: ${faults.slice(0, 3).join("; ")}`);
      }
    }
    await page.setViewportSize(before);
    // The instrument itself: a panel drawn over its neighbour must be found.
    await visit(page, PAGES.plant);
    await page.locator("[data-mimic]").waitFor();
    await page.evaluate(() => (document.querySelector(".tags").style.transform = "translateX(-10rem)"));
    const control = await layoutFaults(page);
    await page.evaluate(() => (document.querySelector(".tags").style.transform = ""));
    must(control.length > 0, "tags drawn over the tables were not seen: the measurement is blind");
  },

  async "the mimic shows every piece of the plant, where the centre laid it"({ page }) {
    await visit(page, PAGES.plant);
    await page.locator("[data-mimic]").waitFor();
    const drawn = await page.evaluate(async (plant) => {
      const mimic = await (await fetch(`/api/v1/plants/${plant}/mimic`)).json();
      const svg = document.querySelector("[data-mimic]");
      const scale = svg.getBoundingClientRect().width / mimic.width;
      const home = svg.getBoundingClientRect();
      const off = mimic.boxes.map((box) => {
        const rect = document.getElementById(`mimic/${plant}/${box.kind}/${box.id}`)?.querySelector("rect.m-box")?.getBoundingClientRect();
        if (!rect) return `${box.id} is not drawn`;
        const far = Math.hypot(rect.x - home.x - box.x * scale, rect.y - home.y - box.y * scale);
        return far > 3 ? `${box.id} stands ${far.toFixed(0)} px off` : "";
      });
      return { boxes: mimic.boxes.length, off: off.filter(Boolean), lines: document.querySelectorAll("[data-flow]").length, edges: mimic.edges.length };
    }, PLANT);
    const beyond = await overflowing(page);
    must(beyond.length === 0, beyond.join("; "));
    // The instrument itself: a name that is longer than its box must be found.
    await page.evaluate(() => document.querySelector("[data-piece] .m-name").append(" that is far too long for any box"));
    must((await overflowing(page)).length > 0, "a name beyond its box was not seen: the measurement is blind");
    await page.reload();
    await page.locator("[data-mimic]").waitFor();
    must(drawn.boxes > 5, `only ${drawn.boxes} pieces`);
    must(drawn.off.length === 0, drawn.off.join("; "));
    must(drawn.lines === drawn.edges, `${drawn.lines} lines of ${drawn.edges}`);
    // What flows is what the tag reads.
    const flows = await page.locator("[data-flow]").evaluateAll((all) => all.map((e) => [e.dataset.flow, e.dataset.mw]));
    must(flows.some(([, mw]) => Math.abs(Number(mw)) > 0.1), "nothing flows anywhere");
  },
};
