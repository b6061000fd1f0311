// The charts of the horizon under each other on one axis of time, each beside a table with the values of the step under the
// cursor. One cursor for all of them, moved by mouse or by arrow keys.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { UNSERVED_MIN_MW } from "../alarms";
import { clock, digits, words } from "../format";
import { type Band, bands, demand, edges, type Ends, gaps, gathered, type Horizon, opening, stack, stepAt, within } from "../horizon";
import { gatheredName, plantOf } from "../names";
import { allPlants } from "../store";
import { drawn } from "../theme";
import { PENS, type Span } from "./Chart";
import { HorizonChart, type Layer, type Line } from "./HorizonChart";
import { Called, Mark } from "./parts";
import { fillOf } from "./patterns";
import { PenSample } from "./Trends";

const SPANS: [string, number | null][] = [
  ["15 min", 900_000],
  ["1 h", 3_600_000],
  ["6 h", 21_600_000],
  ["all", null],
];
const HEIGHTS = { stack: 300, price: 170, content: 150 };
/** Rows of a table that all stand there; of more it scrolls, within so many pixels. */
const TOLD = 12;
const TALL = 340;

export const timeOf = (ms: number): string => clock(new Date(ms).toISOString());

/** What every panel shows: the span, the steps, and the one under the cursor. */
interface View {
  edges: number[];
  span: Span;
  step: number;
  onStep: (step: number) => void;
}

/** The mains of the fleet, as the live page knows them. */
function mains(): Ends[] {
  const seen = new Map<string, Ends>();
  for (const p of allPlants()) for (const m of p.mains ?? []) seen.set(m.id, m);
  return [...seen.values()].sort((a, b) => a.id.localeCompare(b.id));
}

function Swatch({ index }: { index: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = drawn.value;
  useEffect(() => {
    const c = canvas.current?.getContext("2d");
    if (!c) return;
    c.fillStyle = fillOf(c, index);
    c.fillRect(0, 0, c.canvas.width, c.canvas.height);
  }, [index, theme]);
  const pixel = Math.max(1, Math.round(devicePixelRatio));
  return <canvas ref={canvas} class="swatch" width={24 * pixel} height={11 * pixel} aria-hidden="true" />;
}

/** The name of a layer, leading to its equipment where it is one piece. */
function BandName({ band }: { band: Band }) {
  const [first] = band.of;
  if (band.of.length !== 1 || first === undefined) return <span title={band.of.join(", ")}>{`${gatheredName(allPlants(), band.id)} (${band.of.length})`}</span>;
  return <Called id={first} kinds={[band.kind === "store" ? "storage" : band.kind]} />;
}

function Stack({ h, plant, view }: { h: Horizon; plant: string | null; view: View }) {
  const steps = h.step_minutes.length;
  const ends = mains();
  const named = ends.map((m) => m.id).join();
  const drawing = useMemo(() => {
    const all = gathered(bands(h, plant, ends), steps);
    const piled = stack(all, steps);
    const { asked, served } = demand(h, plant);
    const layers: Layer[] = all.map((band, i) => ({ id: band.id, ...(piled[i] ?? { low: [], high: [] }) }));
    const lines: Line[] = [
      { id: "asked", values: asked, width: 2, dash: [], stepped: true },
      { id: "served", values: served, width: 4.5, dash: [2, 7], stepped: true },
    ];
    return { all, layers, lines, asked, served, gaps: gaps(asked, served, view.edges) };
  }, [h, plant, named]);
  const { all, layers, lines, asked, served } = drawing;
  const t = view.step;
  const brought = all.reduce((sum, b) => sum + Math.max(0, b.mw[t] ?? 0), 0);
  const net = all.reduce((sum, b) => sum + (b.mw[t] ?? 0), 0);
  const lacks = (asked[t] ?? 0) - (served[t] ?? 0);
  const short = lacks > UNSERVED_MIN_MW;
  return (
    <>
      <h3>Heat, MW</h3>
      <HorizonChart name="Heat of sources, stores and mains, stacked, against what is asked and served" unit="MW" {...view} {...drawing} layers={layers} lines={lines} fromZero height={HEIGHTS.stack} />
      <div class="framed" role="region" aria-label="Heat in this step" tabIndex={0}>
        <table id="stack" class="names">
          <thead>
            <tr>
              <th>Layer</th>
              <th>Heat of</th>
              <th class="number">MW at {timeOf(view.edges[t] ?? 0)}</th>
            </tr>
          </thead>
          <tbody>
            {all.map((band, i) => (
              <tr key={band.id} data-band={band.id} data-kind={band.kind} data-mw={band.mw[t]}>
                <td>
                  {i + 1} <Swatch index={i} />
                </td>
                <th scope="row">
                  <BandName band={band} />
                </th>
                <td class="number">{digits(band.mw[t])}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr data-brought={brought}>
              <td />
              <th scope="row">all above zero</th>
              <td class="number">{digits(brought)}</td>
            </tr>
            <tr title="What the headers themselves give by falling, or take by rising, and what is lost on the way">
              <td />
              <th scope="row">headers' content, losses</th>
              <td class="number">{digits((served[t] ?? 0) - net)}</td>
            </tr>
            <tr>
              <td>
                <PenSample digit={1} />
              </td>
              <th scope="row">asked</th>
              <td class="number">{digits(asked[t])}</td>
            </tr>
            <tr>
              <td>
                <svg class="pen" width="46" height="14" aria-hidden="true">
                  <line x1="0" y1="7" x2="44" y2="7" stroke="currentColor" stroke-width="4.5" stroke-dasharray="2 7" />
                </svg>
              </td>
              <th scope="row">served</th>
              <td class="number">{digits(served[t])}</td>
            </tr>
            <tr data-unserved={lacks}>
              <td />
              <th scope="row">unserved</th>
              <td class="number">{short ? <Mark alarm>{digits(lacks)}</Mark> : digits(Math.max(0, lacks))}</td>
            </tr>
          </tfoot>
        </table>
      </div>
    </>
  );
}

/** Lines of a kind, as many as can be told apart; the table has all. */
function Lines(props: { title: string; name: string; unit: string; of: Record<string, number[]>; plant: string | null; view: View; stepped: boolean; fromZero: boolean; height: number; none: string; kind: "header" | "storage" }) {
  const { of, plant, view } = props;
  const ids = useMemo(() => Object.keys(of).filter((id) => plant === null || plantOf(id) === plant), [of, plant]);
  const lines = useMemo(
    () =>
      ids.slice(0, PENS.length).map((id, i): Line => {
        const look = PENS[i] ?? { dash: [], width: 1.5 };
        return { id, values: of[id] ?? [], ...look, stepped: props.stepped };
      }),
    [of, ids],
  );
  if (ids.length === 0) {
    return (
      <>
        <h3>{props.title}</h3>
        <p class="quiet">{props.none}</p>
      </>
    );
  }
  return (
    <>
      <h3>
        {props.title}
        {ids.length > lines.length && ` (the first ${lines.length} of ${ids.length} are drawn; choose a plant for the others)`}
      </h3>
      <HorizonChart name={props.name} unit={props.unit} {...view} layers={NO_LAYERS} lines={lines} gaps={NO_GAPS} fromZero={props.fromZero} height={props.height} />
      <div class="framed" role="region" aria-label={`${props.name} in this step`} tabIndex={0} style={ids.length > TOLD ? { maxHeight: `${TALL}px` } : {}}>
        <table class="names">
          <thead>
            <tr>
              <th>Line</th>
              <th>{words(props.kind)}</th>
              <th class="number">
                {props.unit} at {timeOf(view.edges[props.stepped ? view.step : view.step + 1] ?? 0)}
              </th>
            </tr>
          </thead>
          <tbody>
            {ids.map((id, i) => (
              <tr key={id} data-line={id} data-value={of[id]?.[view.step]}>
                <td>{i < lines.length ? <PenSample digit={i + 1} /> : "not drawn"}</td>
                <th scope="row">
                  <Called id={id} kinds={[props.kind]} />
                </th>
                <td class="number">{digits(of[id]?.[view.step])}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const NO_LAYERS: Layer[] = [];
const NO_GAPS: never[] = [];

export function Panels({ h, plant }: { h: Horizon; plant: string | null }) {
  // All of it counted from the beginning of the horizon, so that it stays where it is with each new schedule, also with one
  // whose steps are others.
  const first = useSignal<number | null>(null);
  const chosen = useSignal<Span | null>(null);
  const cursor = useSignal(0);
  const all = useMemo(() => edges(h.time, h.step_minutes), [h]);
  const contents = useMemo(() => Object.fromEntries(Object.entries(h.stores).map(([id, s]) => [id, s.content])), [h]);
  const steps = h.step_minutes.length;
  const begin = all[0] ?? 0;
  const span = chosen.value === null ? opening(all, first.value) : within(all, begin + chosen.value.from, begin + chosen.value.to);
  const step = stepAt(begin + cursor.value, all);
  const onStep = (to: number) => (cursor.value = (all[Math.min(steps - 1, Math.max(0, to))] ?? begin) - begin);
  const look = (from: number, to: number) => {
    const seen = within(all, from, to);
    chosen.value = { from: seen.from - begin, to: seen.to - begin };
  };
  const view: View = { edges: all, span, step, onStep };

  /** The step under the cursor stays in sight. */
  function moveTo(to: number) {
    onStep(to);
    const at = Math.min(steps - 1, Math.max(0, to));
    const [from, end] = [all[at] ?? 0, all[at + 1] ?? 0];
    const width = span.to - span.from;
    if (from < span.from) look(from, from + width);
    else if (from >= span.to) look(end - width, end);
  }

  function keys(event: KeyboardEvent) {
    const width = span.to - span.from;
    const shift = (by: number) => look(span.from + by, span.to + by);
    const zoom = (by: number) => {
      const at = all[step] ?? span.from;
      const from = at - (at - span.from) * by;
      look(from, from + width * by);
    };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const sign = event.key === "ArrowLeft" ? -1 : 1;
      if (event.shiftKey) shift((sign * width) / 4);
      else moveTo(step + sign);
    } else if (event.key === "Home") moveTo(0);
    else if (event.key === "End") moveTo(steps - 1);
    else if (event.key === "+") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else return;
    event.preventDefault();
  }

  const unsolved = Object.keys(h.prices).length === 0;
  return (
    <>
      <div class="tools" role="group" aria-label="Time shown">
        {SPANS.filter(([, ms]) => ms === null || ms < (all[steps] ?? 0) - begin).map(([label, ms]) => (
          <button
            type="button"
            key={label}
            aria-pressed={chosen.value === null && first.value === ms}
            onClick={() => {
              chosen.value = null;
              first.value = ms;
            }}
          >
            {label}
          </button>
        ))}
        <span class="quiet">
          Cursor: step <b data-step={step}>{step + 1}</b> of {steps}, {timeOf(all[step] ?? 0)} to {timeOf(all[step + 1] ?? 0)}. Arrow keys move it, with Shift the time; + and − zoom.
        </span>
      </div>
      <div class="horizon" tabIndex={0} role="group" aria-label="Charts of the horizon. Arrow keys move the cursor from step to step, with Shift the time; plus and minus zoom." onKeyDown={keys}>
        <Stack h={h} plant={plant} view={view} />
        <Lines
          title="Price of heat, EUR per MWh" name="Price of heat" unit="EUR/MWh" of={h.prices} plant={plant} view={view} stepped fromZero={false} height={HEIGHTS.price} kind="header"
          none={unsolved ? "No prices: this schedule was made without the solver." : "No prices: this plant has no header in the schedule."}
        />
        <Lines
          title="Content of stores, MWh" name="Content of stores" unit="MWh" of={contents} plant={plant} view={view} stepped={false} fromZero height={HEIGHTS.content} kind="storage"
          none="No store is in this schedule."
        />
      </div>
      <p class="quiet">
        {plant === null ? "Over the whole fleet mains bring nothing and are not drawn." : "A main is above zero where it brings heat to this plant, below where it takes some away."} A store is below zero while it is
        filled. Where what is brought and what is served differ, the headers' own content makes it up, or it is lost on the way. While somebody is short a price may read 0, because there
        heat is not to be had for money; the prices from both sides below tell more. Times are UTC.
      </p>
    </>
  );
}
