// Level 2's drawing: the plant's equipment and heat lines where the centre laid them, with what the tags read now. Nothing is
// moved here: a number, a width, a bar and a word change, the places never do.
//
// Each piece is a link to its faceplate. Tab goes through them in the order of the supply, the arrow keys go to the next
// piece in that direction, Enter opens it.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { CallError, mimicOf } from "../api";
import { consumerShort, headerAlarm, linkUp, sourceAlarm } from "../alarms";
import { digits, percent, unitText, words } from "../format";
import { live } from "../live";
import { BOLD, fitted, PLAIN, widthOf } from "../measure";
import { href } from "../route";
import { plant, tag } from "../store";
import type { Boxed, Consumer, Edge, Header, Main, Mimic, Plant, Quality, Source, Storage } from "../types";
import { local, pieceOf } from "../names";

import { SHAPE } from "./Sources";

/** Drawings by plant. The centre never moves a piece while it runs, and a new page asks again. */
const drawings = new Map<string, Mimic>();

const STILL_MW = 0.005;

/** Between a box and what stands in it. */
const MARGIN = 8;
/** The sign and the word of a doubtful value, at the right end of a box's first line. */
const DOUBT_ROOM = 74;

/** The first line of a box: its name, and after it in lesser letters what it is, as far as there is room. */
function Name({ box, x, more, doubt }: { box: Boxed; x: number; more?: string; doubt: boolean }) {
  const room = box.x + box.width - MARGIN - x - (doubt ? DOUBT_ROOM : 0);
  const gap = widthOf(" ", PLAIN);
  const name = fitted(box.name, room, (text) => widthOf(text, BOLD));
  const left = room - widthOf(name, BOLD) - gap;
  const rest = more === undefined ? "" : fitted(more, left, (text) => widthOf(text, PLAIN));
  return (
    <text class="m-name" x={x} y={box.y + 16}>
      {name}
      {rest.length > 1 && <tspan class="m-dim"> {rest}</tspan>}
    </text>
  );
}

/** A word in a box: plain, or an alarm by shape, ground and text. */
function Said({ x, y, text, alarm, room }: { x: number; y: number; text: string; alarm: boolean; room: number }) {
  if (!alarm) {
    return (
      <text x={x} y={y}>
        {text}
      </text>
    );
  }
  const shown = fitted(`▲ ${text}`, room, (all) => widthOf(all, BOLD));
  return (
    <g data-alarm="" class="m-alarm">
      <rect x={x - 3} y={y - 12.5} width={widthOf(shown, BOLD) + 6} height={16.5} rx={2} />
      <text x={x} y={y}>
        {shown}
      </text>
    </g>
  );
}

/** Hatch and sign over what is not good: a number that is missing or old is never taken for a live one. */
function Doubt({ box, quality }: { box: Boxed; quality: Quality | "stale" | undefined }) {
  if (quality === undefined || quality === "good") return null;
  const sign = { bad: "✕", stale: "◷", uncertain: "?" }[quality];
  return (
    <g class="m-doubt">
      <rect x={box.x} y={box.y} width={box.width} height={box.height} fill="url(#hatch)" />
      <text x={box.x + box.width - 8} y={box.y + 16} text-anchor="end">
        {sign} {quality}
      </text>
    </g>
  );
}

/** A bar along the foot of a box: how much of what there could be, with a mark for what is asked. */
function Foot({ box, value, max, mark, beyond }: { box: Boxed; value: number | null; max: number; mark?: number | null; beyond: string }) {
  const room = box.width - 16 - 58;
  const y = box.y + box.height - 13;
  const x = box.x + 8;
  return (
    <>
      <rect class="m-trough" x={x} y={y} width={room} height={7} />
      <rect class="m-fill" x={x} y={y} width={(room * percent(value, 0, max)) / 100} height={7} />
      {typeof mark === "number" && <rect class="m-mark" x={x + (room * percent(mark, 0, max)) / 100 - 1} y={y - 3} width={2} height={13} />}
      <text class="m-small" x={box.x + box.width - 8} y={y + 8} text-anchor="end">
        {beyond}
      </text>
    </>
  );
}

function SourceBox({ box, s, connected, doubt }: { box: Boxed; s: Source; connected: boolean; doubt: boolean }) {
  const alarm = connected ? sourceAlarm(s) : null;
  const state = s.state ?? "state not known";
  return (
    <>
      <Name box={box} x={box.x + MARGIN} more={words(s.kind)} doubt={doubt} />
      <Said x={box.x + MARGIN} y={box.y + 33} text={alarm ?? `${SHAPE[s.state ?? ""] ?? "?"} ${state}`} alarm={alarm !== null} room={box.width - 2 * MARGIN} />
      <Foot box={box} value={s.heat_mw} max={s.heat_max_mw} mark={s.setpoint_mw} beyond={`of ${digits(s.heat_max_mw)}`} />
    </>
  );
}

function ConsumerBox({ box, c, doubt }: { box: Boxed; c: Consumer; doubt: boolean }) {
  const short = consumerShort(c);
  return (
    <>
      <Name box={box} x={box.x + MARGIN} doubt={doubt} />
      <Said
        x={box.x + MARGIN}
        y={box.y + 33}
        text={short ? `${c.class_rank} short ${digits(c.unserved_mw)} MW` : `${c.class_rank} ${words(c.class)}`}
        alarm={short}
        room={box.width - 2 * MARGIN}
      />
      <Foot
        box={box}
        value={c.served_mw}
        max={Math.max(c.asked_mw ?? 0, c.served_mw ?? 0)}
        mark={c.cap_mw !== null && c.cap_mw < (c.asked_mw ?? 0) ? c.cap_mw : null}
        beyond={`of ${digits(c.asked_mw)}`}
      />
    </>
  );
}

function StorageBox({ box, s, doubt }: { box: Boxed; s: Storage; doubt: boolean }) {
  const full = box.height - 12;
  const filled = (full * percent(s.level_mwh, 0, s.capacity_mwh)) / 100;
  const way = s.heat_mw === null ? "? flow not known" : s.heat_mw > STILL_MW ? "▶ discharging" : s.heat_mw < -STILL_MW ? "◀ charging" : "■ idle";
  return (
    <>
      <rect class="m-trough" x={box.x + 8} y={box.y + 6} width={16} height={full} />
      <rect class="m-fill" x={box.x + 8} y={box.y + 6 + full - filled} width={16} height={filled} />
      <Name box={box} x={box.x + 32} more="store" doubt={doubt} />
      <text x={box.x + 32} y={box.y + 31}>
        {way}
      </text>
      <text class="m-small" x={box.x + 32} y={box.y + 46}>
        {digits(s.level_mwh)} of {digits(s.capacity_mwh)} MWh
      </text>
    </>
  );
}

function MainBox({ box, m, here, doubt }: { box: Boxed; m: Main; here: string; doubt: boolean }) {
  const back = (m.flow_mw ?? 0) < -STILL_MW;
  const leaving = m.from.startsWith(`${here}.`) && box.beyond !== null;
  const name = box.beyond === null ? `${local(here, m.from)} ▶ ${local(here, m.to)}` : leaving ? `to ${box.beyond}` : `from ${box.beyond}`;
  const open = m.open ?? (m.cap_mw === null ? null : m.cap_mw > 0);
  return (
    <>
      <Name box={box} x={box.x + MARGIN} more={name} doubt={doubt} />
      <text x={box.x + 8} y={box.y + 33}>
        {open === null ? "? not known" : open ? "▷ open" : "▬ closed"}
        {back ? ", flows back" : ""}
      </text>
      <Foot box={box} value={m.flow_mw === null ? null : Math.abs(m.flow_mw)} max={m.cap_mw ?? 0} beyond={`of ${digits(m.cap_mw)}`} />
    </>
  );
}

/** The process value as a pointer against its band of normal running, upright: up is more. */
function HeaderBox({ box, h, connected }: { box: Boxed; h: Header; connected: boolean }) {
  const alarm = connected ? headerAlarm(h) : null;
  const margin = (h.high - h.low) * 0.3;
  const top = box.y + 27;
  const high = box.height - 27 - 42;
  const at = (v: number) => top + high - (high * percent(v, h.low - margin, h.high + margin)) / 100;
  const middle = box.x + box.width / 2;
  return (
    <>
      <text class="m-name" x={middle} y={box.y + 17} text-anchor="middle">
        {fitted(box.name, box.width - 2 * MARGIN, (text) => widthOf(text, BOLD))}
      </text>
      <rect class="m-trough" x={middle - 9} y={top} width={18} height={high} />
      <rect class="m-band" x={middle - 9} y={at(h.high)} width={18} height={at(h.low) - at(h.high)} />
      <line class="m-nominal" x1={middle - 9} x2={middle + 9} y1={at(h.nominal)} y2={at(h.nominal)} />
      {h.process_value !== null && <path class="m-pointer" d={`M ${middle - 20} ${at(h.process_value) - 5} l 11 5 l -11 5 z`} />}
      <text class="m-value" x={middle} y={box.y + box.height - 24} text-anchor="middle">
        {digits(h.process_value)} {unitText(h.unit)}
      </text>
      {alarm ? (
        <Said x={box.x + 5} y={box.y + box.height - 7} text={h.process_value === null ? "bad" : h.process_value < h.low ? "too low" : "too high"} alarm room={box.width - 10} />
      ) : (
        <text class="m-small" x={middle} y={box.y + box.height - 8} text-anchor="middle">
          {digits(h.low)} – {digits(h.high)}
        </text>
      )}
    </>
  );
}

function Piece({ box, p }: { box: Boxed; p: Plant }) {
  const connected = linkUp(p.link);
  const found = pieceOf(p, box.kind, box.id);
  if (!found) return null;
  // What stands for how far the values can be trusted takes a part of the first line.
  const shown = (quality: Quality | undefined) => (!live.value || !connected ? "stale" : quality);
  const doubtful = (quality: Quality | undefined) => !["good", undefined].includes(shown(quality));
  let inside;
  let quality: Quality | undefined;
  let told = "";
  switch (found.kind) {
    case "source": {
      const s = found.piece;
      quality = s.quality;
      inside = <SourceBox box={box} s={s} connected={connected} doubt={doubtful(quality)} />;
      told = `${words(s.kind)}, ${sourceAlarm(s) ?? s.state ?? "state not known"}, ${digits(s.heat_mw)} of ${digits(s.heat_max_mw)} MW`;
      break;
    }
    case "consumer": {
      const c = found.piece;
      quality = c.quality;
      inside = <ConsumerBox box={box} c={c} doubt={doubtful(quality)} />;
      told = `class ${c.class_rank} ${words(c.class)}, ${digits(c.served_mw)} of ${digits(c.asked_mw)} MW${consumerShort(c) ? `, short of ${digits(c.unserved_mw)} MW` : ""}`;
      break;
    }
    case "storage": {
      const s = found.piece;
      quality = s.quality;
      inside = <StorageBox box={box} s={s} doubt={doubtful(quality)} />;
      told = `store, ${digits(s.level_mwh)} of ${digits(s.capacity_mwh)} MWh`;
      break;
    }
    case "main": {
      const m = found.piece;
      quality = m.quality;
      inside = <MainBox box={box} m={m} here={p.id} doubt={doubtful(quality)} />;
      told = `main from ${m.from} to ${m.to}, ${digits(m.flow_mw)} MW`;
      break;
    }
    case "header": {
      const h = found.piece;
      inside = <HeaderBox box={box} h={h} connected={connected} />;
      quality = h.quality;
      told = `${words(h.medium)} header, ${digits(h.process_value)} ${unitText(h.unit)}, normal ${digits(h.low)} to ${digits(h.high)}${headerAlarm(h) ? `, ${headerAlarm(h)}` : ""}`;
      break;
    }
  }
  const doubt = shown(quality);
  return (
    <a
      href={href({ page: "piece", plant: p.id, kind: box.kind, id: box.id })}
      id={`mimic/${p.id}/${box.kind}/${box.id}`}
      class="m-piece"
      data-piece={box.id}
      data-kind={box.kind}
      data-quality={doubt}
      aria-label={`${box.name}: ${told}${doubt && doubt !== "good" ? `, ${doubt}` : ""}`}
    >
      <title>
        {box.name}: {told}
      </title>
      <rect class={box.kind === "header" ? "m-box m-header" : "m-box"} x={box.x} y={box.y} width={box.width} height={box.height} rx={box.kind === "consumer" ? 10 : 2} />
      <Doubt box={box} quality={doubt} />
      {inside}
    </a>
  );
}

/** A line of supply: as wide as what flows is of the biggest flow that the plant could have; an arrow says which way. */
function Line({ edge, most, connected }: { edge: Edge; most: number; connected: boolean }) {
  const t = tag(edge.flow)?.value;
  const good = t !== undefined && t.quality === "good" && live.value && connected;
  const flow = typeof t?.value === "number" ? t.value : null;
  const moving = good && flow !== null && Math.abs(flow) > STILL_MW;
  const width = moving ? 1.5 + 5.5 * Math.sqrt(Math.min(1, Math.abs(flow) / most)) : 1.5;
  const d = edge.path.map(([x, y], i) => `${i === 0 ? "M" : "L"} ${x} ${y}`).join(" ");
  const [endX, endY] = edge.path.at(-1) ?? [0, 0];
  const [startX, startY] = edge.path[0] ?? [0, 0];
  const back = (flow ?? 0) < 0;
  const turned = edge.path.length > 2;
  const arrow = back ? `M ${startX} ${startY} l 10 -5 l 0 10 z` : `M ${endX} ${endY} l -10 -5 l 0 10 z`;
  return (
    <g class={moving ? "m-line" : good ? "m-line m-still" : "m-line m-still m-unknown"} data-flow={edge.flow} data-mw={good ? (flow ?? "") : ""}>
      <path d={d} stroke-width={width} />
      {moving && <path class="m-arrow" d={arrow} />}
      <text class="m-small" x={turned ? startX + 6 : endX - 14} y={(turned ? startY : endY) - 6} text-anchor={turned ? "start" : "end"}>
        {good ? digits(flow === null ? null : Math.abs(flow)) : "✕"}
      </text>
    </g>
  );
}

/** The next piece in a direction: the nearest one whose middle lies that way, with a step aside counted double. */
export function neighbour(boxes: Boxed[], from: Boxed, key: string): Boxed | null {
  const middle = (b: Boxed): [number, number] => [b.x + b.width / 2, b.y + b.height / 2];
  const [x, y] = middle(from);
  let best: Boxed | null = null;
  let least = Infinity;
  for (const box of boxes) {
    if (box === from) continue;
    const [bx, by] = middle(box);
    const [dx, dy] = [bx - x, by - y];
    const [along, aside] = key === "ArrowRight" ? [dx, dy] : key === "ArrowLeft" ? [-dx, dy] : key === "ArrowDown" ? [dy, dx] : [-dy, dx];
    if (along <= 1 || Math.abs(aside) > 3 * along + 200) continue;
    const far = along + 2 * Math.abs(aside);
    if (far < least) [best, least] = [box, far];
  }
  return best;
}

const ARROWS = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"];

export function MimicView({ id }: { id: string }) {
  const drawing = useSignal<Mimic | null>(drawings.get(id) ?? null);
  const problem = useSignal("");
  useEffect(() => {
    let gone = false;
    drawing.value = drawings.get(id) ?? null;
    mimicOf(id).then(
      (mimic) => {
        drawings.set(id, mimic);
        if (!gone) drawing.value = mimic;
      },
      (error) => {
        if (!gone) problem.value = error instanceof CallError ? error.message : String(error);
      },
    );
    return () => {
      gone = true;
    };
  }, [id]);

  const p = plant(id)?.value;
  const m = drawing.value;
  if (!p) return null;
  if (!m) return problem.value ? <p role="alert">The drawing could not be fetched: {problem.value}</p> : <p class="waiting">Fetching the drawing…</p>;
  const most = Math.max(1, ...(p.sources ?? []).map((s) => s.heat_max_mw));
  const connected = linkUp(p.link);

  function keys(event: KeyboardEvent) {
    if (!ARROWS.includes(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
    const piece = (event.target as Element).closest("[data-piece]");
    const from = m?.boxes.find((b) => piece?.id === `mimic/${id}/${b.kind}/${b.id}`);
    if (!m || !from) return;
    event.preventDefault();
    const next = neighbour(m.boxes, from, event.key);
    if (next) document.getElementById(`mimic/${id}/${next.kind}/${next.id}`)?.focus();
  }

  // Tab goes with the heat: by column, and down each of them.
  const ordered = [...m.boxes].sort((a, b) => a.x - b.x || a.y - b.y);
  return (
    <div class="framed mimic-frame" role="region" aria-label="Mimic" tabIndex={0}>
      <svg
        class="mimic"
        role="group"
        aria-label={`Mimic of ${p.name}: heat flows from left to right. Arrow keys move between equipment, Enter opens it.`}
        viewBox={`0 0 ${m.width} ${m.height}`}
        style={{ width: `${m.width}px`, minWidth: `${m.width * 0.82}px`, aspectRatio: `${m.width} / ${m.height}` }}
        onKeyDown={keys}
        data-mimic={id}
      >
        <defs>
          <pattern id="hatch" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect class="m-hatch" width="4" height="9" />
          </pattern>
        </defs>
        <g class="m-returns">
          {m.returns.flatMap((r) => r.paths.map((path, i) => <path key={`${r.header}${i}`} d={path.map(([x, y], n) => `${n === 0 ? "M" : "L"} ${x} ${y}`).join(" ")} />))}
        </g>
        {m.edges.map((edge) => (
          <Line key={`${edge.from} ${edge.to}`} edge={edge} most={most} connected={connected} />
        ))}
        {ordered.map((box) => (
          <Piece key={`${box.kind} ${box.id}`} box={box} p={p} />
        ))}
      </svg>
      <p class="quiet legend">Numbers on the lines are MW; a wide line carries much, a dotted one nothing, the dashed one around is the way back.</p>
    </div>
  );
}
