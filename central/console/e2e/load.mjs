// Measures the page under load, by itself: a stand-in serves the bundle and as many live tags as wanted, so that no
// figure depends on what a real centre costs on the same machine. Reports, and asserts nothing: a time is the machine's.
//   node e2e/load.mjs [TAGS=600,2000] [VALUES_PER_S=2000] [SECONDS=10]
// Printed for each page: share of the main thread, heap after a collection, age of values on the screen.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";

const [tagsArg = "600,2000", rateArg = "2000", secondsArg = "10"] = process.argv.slice(2);
const [rate, seconds] = [Number(rateArg), Number(secondsArg)];
const dist = new URL("../dist/", import.meta.url);
const FRAMES_PER_S = 4;
const PLANTS = 4;

/** A fleet of `count` tags in four plants, each with sources and consumers in the numbers of a real works. */
function fleetOf(count) {
  const plants = {};
  const tags = [];
  for (let p = 0; p < PLANTS; p++) {
    const id = `p${p}`;
    const sources = Array.from({ length: 5 }, (_, i) => ({
      id: `${id}.s${i}`, kind: "boiler", header: `${id}.h0`, state: "on", heat_mw: 5, heat_max_mw: 10, setpoint_mw: 5, setpoint: `${id}.s${i}.load-sp`,
      tripped: false, prediction: null, quality: "good", reason: null,
    }));
    const consumers = Array.from({ length: 6 }, (_, i) => ({
      id: `${id}.c${i}`, name: `Consumer ${i}`, class: ["life-safety", "product-safety", "equipment-protection", "production", "comfort"][i % 5], class_rank: (i % 5) + 1,
      header: `${id}.h0`, asked_mw: 4, served_mw: 4, cap_setpoint: null, cap_mw: null, unserved_mw: 0, predicted_restore: null, quality: "good", reason: null,
    }));
    const headers = [{ id: `${id}.h0`, medium: "steam", process_value: 10, unit: "bar", nominal: 10, low: 8, high: 13, quality: "good", swing: `${id}.s0` }];
    plants[id] = { id, name: `Plant ${p}`, mode: "remote", link: true, headers, sources, storages: [], consumers, mains: [], devices: [{ id: `${id}.plc`, up: true, reason: null }], trips: [], setpoints: [] };
    for (let i = 0; i < count / PLANTS; i++) {
      const name = i < 5 ? `s${i}.heat` : i < 11 ? `c${i - 5}.served` : `t${i}`;
      tags.push({ id: `${id}.${name}`, plant: id, device: `${id}.plc`, value: 1, word: null, unit: "MW", quality: "good", reason: null, source_time: null, received_time: null, age_ms: 0 });
    }
  }
  const fleet = { leader: "one", leads: true, epoch: 1, plants: Object.values(plants).map((p) => ({ id: p.id, name: p.name, mode: p.mode, link: true, heat_mw: 25, demand_mw: 24, unserved_mw: {} })) };
  return { fleet, plants, tags };
}

function mimic(plant) {
  const y = (i) => 34 + i * 68;
  const box = (kind, id, name, x, row, height = 52, width = 176) => ({ kind, id, name, x, y: y(row), width, height, tags: [], beyond: null });
  const boxes = [
    box("header", plant.headers[0].id, "h0", 300, 0, 5 * 68 + 52, 104),
    ...plant.sources.map((s, i) => box("source", s.id, s.id, 34, i)),
    ...plant.consumers.map((c, i) => box("consumer", c.id, c.name, 500, i)),
  ];
  const edges = [
    ...plant.sources.map((s, i) => ({ from: s.id, to: plant.headers[0].id, flow: `${s.id}.heat`, path: [[210, y(i) + 26], [300, y(i) + 26]] })),
    ...plant.consumers.map((c, i) => ({ from: plant.headers[0].id, to: c.id, flow: `${c.id}.served`, path: [[404, y(i) + 26], [500, y(i) + 26]] })),
  ];
  return { plant: plant.id, width: 720, height: 480, boxes, edges, returns: [] };
}

/** A WebSocket frame of text, as RFC 6455 has it from a server. */
function textFrame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? Buffer.from([0x81, body.length]) : body.length < 65_536 ? Buffer.from([0x81, 126, body.length >> 8, body.length & 255]) : Buffer.alloc(10);
  if (head.length === 10) {
    head[0] = 0x81;
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, body]);
}

async function serve(world) {
  const types = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://x").pathname;
    const json = (value) => response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(value));
    if (path === "/api/v1/fleet") return json(world.fleet);
    const drawn = /^\/api\/v1\/plants\/(\w+)\/mimic$/.exec(path);
    if (drawn) return json(mimic(world.plants[drawn[1]]));
    if (path === "/api/v1/history") return json({ tag: "", unit: "MW", samples: [] });
    if (path.startsWith("/api/")) return response.writeHead(404, { "Content-Type": "application/json" }).end("{}");
    const file = path === "/" ? "index.html" : path.slice(1);
    try {
      const data = await readFile(new URL(file, dist));
      response.writeHead(200, { "Content-Type": types[file.split(".").pop()] ?? "application/octet-stream" }).end(data);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    const send = (value) => socket.write(textFrame(JSON.stringify(value)));
    const dispatch = { seq: 1, time: new Date().toISOString(), status: "served", source: "optimal", cost: 1, unserved_mwh: {}, setpoints: [], solve_ms: 10, why: [] };
    send({ type: "snapshot", fleet: world.fleet, plants: world.plants, tags: world.tags, dispatch });
    send({ type: "beat", time: new Date().toISOString(), seq: 0 });
    let [frame, next] = [0, 0];
    const timer = setInterval(() => {
      frame++;
      const now = new Date();
      const tags = [];
      for (let i = 0; i < rate / FRAMES_PER_S; i++) {
        const t = world.tags[next++ % world.tags.length];
        tags.push({ ...t, value: Math.round(Math.random() * 1e4) / 1e3, source_time: now.toISOString(), received_time: now.toISOString() });
      }
      const plants = Object.fromEntries(Object.entries(world.plants).map(([id, p]) => [id, { sources: p.sources.map((s) => ({ ...s, heat_mw: 4 + Math.random() })), consumers: p.consumers.map((c) => ({ ...c, served_mw: 4 - Math.random() * 0.004 })) }]));
      send({ type: "update", fleet: world.fleet, plants, tags });
      if (frame % FRAMES_PER_S === 0) send({ type: "beat", time: now.toISOString(), seq: frame });
    }, 1000 / FRAMES_PER_S);
    socket.on("close", () => clearInterval(timer));
    socket.on("error", () => clearInterval(timer));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

const script = gzipSync(await readFile(new URL("console.js", dist))).length;
console.log(`first script ${(script / 1024).toFixed(1)} KB gzip`);
const browser = await chromium.launch({ executablePath: process.env["HYPOCAUST_CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  for (const count of tagsArg.split(",").map(Number)) {
    const server = await serve(fleetOf(count));
    const url = `http://127.0.0.1:${server.address().port}`;
    for (const hash of ["#/", "#/plants/p0", `#/trends?tags=${Array.from({ length: 8 }, (_, i) => `p0.t${i + 20}`).join(",")}`]) {
      const page = await browser.newPage({ viewport: { width: 1500, height: 900 } });
      const client = await page.context().newCDPSession(page);
      await client.send("Performance.enable");
      const began = performance.now();
      await page.goto(`${url}/${hash}`);
      await page.locator('.page[data-live="true"]').waitFor();
      const liveAfter = performance.now() - began;
      await new Promise((done) => setTimeout(done, 3000));
      const metrics = async () => Object.fromEntries((await client.send("Performance.getMetrics")).metrics.map((m) => [m.name, m.value]));
      const before = await metrics();
      await new Promise((done) => setTimeout(done, seconds * 1000));
      const after = await metrics();
      await client.send("HeapProfiler.collectGarbage");
      const heap = (await metrics()).JSHeapUsedSize / 2 ** 20;
      const share = (after.TaskDuration - before.TaskDuration) / (after.Timestamp - before.Timestamp);
      console.log(`${count} tags, ${rate} values/s, ${hash.split("?")[0]}: main thread ${(100 * share).toFixed(0)} %, heap ${heap.toFixed(1)} MB, live after ${liveAfter.toFixed(0)} ms`);
      await page.close();
    }
    server.closeAllConnections();
    server.close();
  }
} finally {
  await browser.close();
}
