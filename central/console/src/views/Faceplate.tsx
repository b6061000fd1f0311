// Level 3: one piece of equipment. What its tags read, what it is asked for, the form that moves it, how it went for the last
// quarter of an hour, and what was ordered of it last.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { CallError, mimicOf, ordersFor } from "../api";
import { consumerShort, headerAlarm, linkUp, sourceAlarm } from "../alarms";
import { anyValue, clock, digits, span, unitText, words } from "../format";
import { live, tick } from "../live";
import { DEFAULT_VIEW, href, type Route, type View } from "../route";
import { allPlants, plant, plantIds, tag } from "../store";
import type { Boxed, Order, Plant, Setpoint } from "../types";
import { type Choice, CommandForm, outcome } from "./CommandForm";
import { local, type Piece, pieceOf, placed } from "../names";
import { BandBar, FillBar, Framed, Mark } from "./parts";
import { SHAPE, SWINGS } from "./Sources";
import { Trend } from "./Trend";
import { PenSample } from "./Trends";

const ORDERS = 15;
const ORDERS_EVERY_MS = 3000;

const ROLES: Record<string, string> = {
  process_value: "process value",
  shed_setpoint: "cap on its draw",
  start_request: "asked of the burner management",
};

/** Setpoints that are a request and no number. */
const CHOICES: Record<string, Choice[]> = {
  start_request: [
    { value: 1, says: "start it", stands: "asked to start" },
    { value: 0, says: "take it back", stands: "not asked" },
  ],
};

/** How long a value that was set by hand stands: the order of precedence at the edge, and dispatch's own rule. */
const HOLDS =
  "What is set by hand stands until the next schedule wants another value, some seconds later; what no schedule moves stays. A start (purge, light-off, warm-up) is asked for by the change to it: where it is asked for already, take it back first.";

const role = (name: string): string => ROLES[name] ?? words(name);

/** A tag's line: its value by number or word, its quality, its age. */
function TagLine({ id, what }: { id: string; what: string }) {
  const t = tag(id)?.value;
  const quality = t === undefined ? "bad" : !live.value ? "stale" : t.quality;
  return (
    <tr>
      <th scope="row">{what}</th>
      <td class={`number q-${quality}`} data-tag={id} data-quality={quality} data-value={t?.value === null || t === undefined ? "" : String(t.value)}>
        {t?.word ?? anyValue(t?.value)}
      </td>
      <td>{unitText(t?.unit ?? null)}</td>
      <td>
        {quality}
        {t?.reason ? `: ${words(t.reason)}` : ""}
      </td>
      <td class="number figure">{t?.age_ms === null || t === undefined ? "–" : span(t.age_ms + Math.max(0, tick.value - t.at))}</td>
      <td>
        <a href={href({ page: "tag", tag: id })}>{id}</a>
      </td>
    </tr>
  );
}

function TagLines({ lines }: { lines: { role: string; tag: string }[] }) {
  return (
    <Framed name="What it reads">
      <table class="names">
        <caption>What it reads</caption>
        <thead>
          <tr>
            <th>What</th>
            <th class="number">Value</th>
            <th>Unit</th>
            <th>Quality</th>
            <th class="number">Age</th>
            <th>Tag</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <TagLine key={line.tag} id={line.tag} what={role(line.role)} />
          ))}
        </tbody>
      </table>
    </Framed>
  );
}

/** The first thing to be seen of it: state, and a bar. */
function State({ p, found, connected }: { p: Plant; found: Piece; connected: boolean }) {
  switch (found.kind) {
    case "source": {
      const s = found.piece;
      const alarm = connected ? sourceAlarm(s) : null;
      return (
        <>
          <p class="big">{alarm ? <Mark alarm>{alarm}</Mark> : `${SHAPE[s.state ?? ""] ?? "?"} ${s.state ?? "state not known"}`}</p>
          <FillBar value={s.heat_mw} max={s.heat_max_mw} mark={s.setpoint_mw} label={`${digits(s.heat_mw)} of ${digits(s.heat_max_mw)} MW`} />
          <p>
            {words(s.kind)} on {local(p.id, s.header)}, {digits(s.heat_mw)} of {digits(s.heat_max_mw)} MW, setpoint {digits(s.setpoint_mw)} MW
            {s.prediction && `; heat is expected at ${clock(s.prediction.heat_at)}`}
          </p>
          {(p.headers ?? []).some((h) => h.swing === s.id) && (
            <p data-swing="">
              It is the swing source of {local(p.id, s.header)}. {SWINGS}
            </p>
          )}
          {s.waits && <p data-waits="">What it waits for: {s.waits}.</p>}
        </>
      );
    }
    case "consumer": {
      const c = found.piece;
      return (
        <>
          <p class="big">{consumerShort(c) ? <Mark alarm>short of {digits(c.unserved_mw)} MW</Mark> : c.unserved_mw === null ? "? not seen" : "● served"}</p>
          <FillBar value={c.served_mw} max={Math.max(c.asked_mw ?? 0, c.served_mw ?? 0)} mark={c.cap_mw} label={`${digits(c.served_mw)} of ${digits(c.asked_mw)} MW`} />
          <p>
            class {c.class_rank} {words(c.class)} on {local(p.id, c.header)}, {digits(c.served_mw)} of {digits(c.asked_mw)} MW;{" "}
            {c.cap_setpoint === null ? "it cannot be shed" : `cap ${digits(c.cap_mw)} MW`}
            {c.predicted_restore && `; whole again at ${clock(c.predicted_restore)}`}
          </p>
        </>
      );
    }
    case "storage": {
      const s = found.piece;
      return (
        <>
          <p class="big">
            {digits(s.level_mwh)} of {digits(s.capacity_mwh)} MWh
          </p>
          <FillBar value={s.level_mwh} max={s.capacity_mwh} label={`${digits(s.level_mwh)} of ${digits(s.capacity_mwh)} MWh`} />
          <p>{s.heat_mw === null ? "? flow not known" : `${digits(Math.abs(s.heat_mw))} MW ${s.heat_mw < 0 ? "into the store" : "out of the store"}`}</p>
        </>
      );
    }
    case "main": {
      const m = found.piece;
      return (
        <>
          <p class="big">{m.open === null || m.open === undefined ? "? not known" : m.open ? "▷ open" : "▬ closed"}</p>
          <FillBar value={m.flow_mw === null ? null : Math.abs(m.flow_mw)} max={m.cap_mw} label={`${digits(m.flow_mw)} of ${digits(m.cap_mw)} MW`} />
          <p>
            from {placed(allPlants(), m.from)} to {placed(allPlants(), m.to)}, {digits(m.flow_mw)} MW (negative: back)
          </p>
        </>
      );
    }
    case "header": {
      const h = found.piece;
      const alarm = connected ? headerAlarm(h) : null;
      return (
        <>
          <p class="big">
            {alarm ? (
              <Mark alarm>{alarm}</Mark>
            ) : (
              `${digits(h.process_value)} ${unitText(h.unit)}`
            )}
          </p>
          <BandBar value={h.process_value} low={h.low} high={h.high} nominal={h.nominal} label={`${digits(h.process_value)}, normal ${digits(h.low)} to ${digits(h.high)}`} />
          <p>
            {words(h.medium)}, {digits(h.process_value)} {unitText(h.unit)}, nominal {digits(h.nominal)}, normal {digits(h.low)} to {digits(h.high)}; held by {local(p.id, h.swing)}
          </p>
        </>
      );
    }
  }
}

/** The orders of these setpoints, newest first, asked for again while the page is live. */
function Orders({ plant, setpoints }: { plant: string; setpoints: string[] }) {
  const list = useSignal<Order[] | null>(null);
  const problem = useSignal("");
  const listed = setpoints.join(" ");
  useEffect(() => {
    let gone = false;
    const ask = async () => {
      if (!live.peek() && list.peek() !== null) return;
      try {
        const each = await Promise.all(setpoints.map((id) => ordersFor(plant, id, ORDERS)));
        if (gone) return;
        list.value = each.flat().sort((a, b) => b.time.localeCompare(a.time)).slice(0, ORDERS);
        problem.value = "";
      } catch (error) {
        if (!gone) problem.value = error instanceof CallError ? error.message : String(error);
      }
    };
    void ask();
    const every = setInterval(ask, ORDERS_EVERY_MS);
    return () => {
      gone = true;
      clearInterval(every);
    };
  }, [plant, listed]);
  return (
    <Framed name="Last orders">
      <table id="orders">
        <caption>Last orders</caption>
        <thead>
          <tr>
            <th>Time (UTC)</th>
            <th>Setpoint</th>
            <th class="number">Value</th>
            <th>By</th>
            <th>Outcome</th>
            <th>Why</th>
          </tr>
        </thead>
        <tbody>
          {(list.value ?? []).map((o) => (
            <tr key={o.id} data-order={o.id}>
              <td>{clock(o.time)}</td>
              <td>{o.setpoint === null ? "reset of a trip" : local(plant, o.setpoint)}</td>
              <td class="number figure">{digits(o.value)}</td>
              <td>{o.user ?? words(o.writer)}</td>
              <td>{outcome(o, o.value)}</td>
              <td class="gist">
                {o.reason} {o.decision > 0 && <a href={href({ page: "journal", seq: o.decision, kind: "" })}>#{o.decision}</a>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {problem.value && <p role="alert">The orders could not be read: {problem.value}</p>}
      {list.value?.length === 0 && <p class="quiet">None of late; the journal has older ones.</p>}
    </Framed>
  );
}

function Legend({ readings, view }: { readings: { id: string; digit: number; shown: boolean; problem: string }[]; view: View }) {
  return (
    <p class="quiet">
      {readings.filter((r) => r.shown).map((r) => (
        <span key={r.id} class="pen-line">
          {r.digit} <PenSample digit={r.digit} /> {r.id} {r.problem && `(no history: ${r.problem})`}
        </span>
      ))}
      <a href={href({ page: "trends", tags: readings.map((r) => r.id), window: view })}>Open in trends</a>
    </p>
  );
}

function Plate({ p, found, box }: { p: Plant; found: Piece; box: Boxed }) {
  const connected = linkUp(p.link);
  const mine = new Set(box.tags.map((t) => t.tag));
  const setpoints: Setpoint[] = (p.setpoints ?? []).filter((s) => mine.has(s.id));
  // What is measured and what is asked of it; states and flags have no common axis with them.
  const drawn = box.tags.filter((t) => !["state", "start_request", "open"].includes(t.role)).map((t) => t.tag);
  return (
    <>
      <div class="plate">
        <div class="plate-state">
          <State p={p} found={found} connected={connected} />
          {setpoints.length > 0 && <h3>Set by hand</h3>}
          {setpoints.map((s) => {
            const played = box.tags.find((t) => t.tag === s.id)?.role ?? "setpoint";
            return <CommandForm key={s.id} plant={p.id} connected={connected} setpoint={s} what={role(played)} choices={CHOICES[played]} />;
          })}
          {setpoints.length > 0 && <p class="quiet">{HOLDS}</p>}
        </div>
        <TagLines lines={box.tags} />
      </div>
      <Trend ids={drawn} view={DEFAULT_VIEW} height={240} label={`Trend of ${box.name}`}>
        {(readings) => <Legend readings={readings} view={DEFAULT_VIEW} />}
      </Trend>
      {setpoints.length > 0 && <Orders plant={p.id} setpoints={setpoints.map((s) => s.id)} />}
    </>
  );
}

export function Faceplate({ route }: { route: Extract<Route, { page: "piece" }> }) {
  const box = useSignal<Boxed | null | undefined>(undefined);
  useEffect(() => {
    let gone = false;
    mimicOf(route.plant).then(
      (mimic) => {
        if (!gone) box.value = mimic.boxes.find((b) => b.kind === route.kind && b.id === route.id) ?? null;
      },
      () => {
        if (!gone) box.value = null;
      },
    );
    return () => {
      gone = true;
    };
  }, [route.plant, route.kind, route.id]);
  void plantIds.value;
  const p = plant(route.plant)?.value;
  const found = p ? pieceOf(p, route.kind, route.id) : null;
  const known = box.value?.id === route.id && box.value.kind === route.kind ? box.value : null;
  return (
    <section class={p && !linkUp(p.link) ? "panel link-down" : "panel"} aria-label="Faceplate" data-faceplate={route.id}>
      <div class="plant-head">
        <h2 tabIndex={-1}>{known?.name ?? route.id}</h2>
        <span>
          {route.kind} of <a href={href({ page: "plant", plant: route.plant })}>{p?.name ?? route.plant}</a>
        </span>
      </div>
      {p && found && known ? (
        <Plate key={route.id} p={p} found={found} box={known} />
      ) : box.value === undefined ? (
        <p class="waiting">Fetching what belongs to it…</p>
      ) : (
        <p>
          There is no {route.kind} “{route.id}” in {p ? p.name : `“${route.plant}”`}.
        </p>
      )}
    </section>
  );
}

/** A tag by itself. */
export function TagPlate({ route }: { route: Extract<Route, { page: "tag" }> }) {
  void plantIds.value;
  const t = tag(route.tag)?.value;
  const p = t ? plant(t.plant)?.value : undefined;
  const setpoint = p?.setpoints?.find((s) => s.id === route.tag);
  return (
    <section class="panel" aria-label="Tag" data-faceplate={route.tag}>
      <div class="plant-head">
        <h2 tabIndex={-1}>{route.tag}</h2>
        {t && (
          <span>
            tag of <a href={href({ page: "plant", plant: t.plant })}>{p?.name ?? t.plant}</a>, device {local(t.plant, t.device)}
          </span>
        )}
      </div>
      {t ? (
        <>
          <div class="plate">
            {setpoint && p && (
              <div class="plate-state">
                <h3>Set by hand</h3>
                <CommandForm plant={p.id} connected={linkUp(p.link)} setpoint={setpoint} what="setpoint" />
                <p class="quiet">{HOLDS}</p>
              </div>
            )}
            <TagLines lines={[{ role: "value", tag: t.id }]} />
          </div>
          <Trend ids={[t.id]} view={DEFAULT_VIEW} height={280} label={`Trend of ${t.id}`}>
            {(readings) => <Legend readings={readings} view={DEFAULT_VIEW} />}
          </Trend>
          {setpoint && p && <Orders plant={p.id} setpoints={[setpoint.id]} />}
        </>
      ) : (
        <p>This fleet has no such tag. What is left of its history is under <a href={href({ page: "trends", tags: [route.tag], window: DEFAULT_VIEW })}>trends</a>.</p>
      )}
    </section>
  );
}
