// Why the schedule is as it is: the centre's sentences, and behind them the figures. Of the whole fleet, whichever plant the
// charts show, because what one plant lacks another may hold.

import type { Follower } from "../follower";
import { digits, fixed, words } from "../format";
import { edges, type Explanation, type Horizon, type ShortReason } from "../horizon";
import { CLASSES, type Kind } from "../types";
import { timeOf } from "./HorizonPanels";
import { Lacking } from "./Lacking";
import { Called, Framed } from "./parts";

/** Parts of the schedule that nobody knows as such, by what their ids begin with, and of what kind the rest of the id is. */
const BESIDE: [string, string, Kind][] = [
  ["inventory:", "the content of", "header"],
  ["main:", "the main out of reach", "main"],
];
/** Who has a limit or a figure, by name. */
function Owner({ id }: { id: string }) {
  const beside = BESIDE.find(([mark]) => id.startsWith(mark));
  if ((CLASSES as readonly string[]).includes(id)) return <>{words(id)}</>;
  if (beside === undefined) return <Called id={id} />;
  const [mark, called, kind] = beside;
  return (
    <>
      {called} <Called id={id.slice(mark.length)} kinds={[kind]} />
    </>
  );
}
/** Limits in the words of the sentences; what has none reads as it is called. */
const LIMITS: Record<string, string> = {
  heat_max: "capacity",
  max_import: "supply contract",
  max_export: "feed-in limit",
  cap: "capacity",
  cap_reverse: "reverse capacity",
  charge_max: "charging power",
  discharge_max: "discharging power",
  capacity_mwh: "volume",
  start_max: "load after a start",
  stop_max: "load before a stop",
  final: "level at the end",
  co2_price: "price",
};
const limit = (id: string): string => LIMITS[id] ?? id.replaceAll("_", " ");
/** Of a content it is a MWh, and of what a store is to keep one less. */
const ONE: Record<string, string> = { capacity_mwh: "one MWh more", final: "one MWh less" };
/** What rounds to nothing is not said, in the sentences neither. */
const SAID_FROM = 0.005;
/** A price that there may not be. */
const figure = (value: number | null, absent: string) => (value === null ? <td class="number">{absent}</td> : <td class="number">{digits(value)}</td>);

/** A figure that is held against the one before: a change of a thousandth is one, so each has three decimals. */
const told = (value: number): string => fixed(value, 3);

function Sentences({ said }: { said: string[] }) {
  return (
    <div class="decided">
      <h3 id="said-head">Why{said.length > 10 && `: ${said.length} sentences, the list scrolls`}</h3>
      <ul id="said" class="why said" tabIndex={0} aria-labelledby="said-head">
        {said.map((sentence, i) => (
          <li key={i}>{sentence}</li>
        ))}
      </ul>
    </div>
  );
}

function ShortBy({ e, h }: { e: Explanation; h: Horizon }) {
  if (e.short.length === 0) return null;
  const at = e.seq === h.seq ? edges(h.time, h.step_minutes) : null;
  const when = (step: number) => (at === null ? `step ${step + 1}` : timeOf(at[step] ?? 0));
  const holds = (s: ShortReason) =>
    s.limits.map((l, i) => (
      <span key={`${l.limit} ${l.owner}`}>
        {i > 0 && "; "}
        {limit(l.limit)} of <Owner id={l.owner} />: {ONE[l.limit] ?? "one MW more"} gives {digits(l.gives_mwh)} MWh
      </span>
    ));
  return (
    <Framed name="Why they go short">
      <table>
        <caption>Why they go short</caption>
        <thead>
          <tr>
            <th>Consumer</th>
            <th>Class</th>
            <th class="number">MWh</th>
            <th>From, until</th>
            <th>Held back by</th>
            <th class="number">Avoidable MWh</th>
          </tr>
        </thead>
        <tbody>
          {e.short.map((s) => (
            <tr key={s.demand}>
              <th scope="row">
                <Called id={s.demand} kinds={["consumer"]} />
              </th>
              <td>{words(s.class)}</td>
              <td class="number">{digits(s.mwh)}</td>
              <td>
                {when(s.from)}, {when(s.to)}
              </td>
              <td class="gist">{s.limits.length > 0 ? holds(s) : "no single limit"}</td>
              <td class="number">{digits(s.avoidable_mwh)}</td>
            </tr>
          ))}
          {e.further_short > 0 && (
            <tr>
              <td colSpan={6}>and {e.further_short} more</td>
            </tr>
          )}
        </tbody>
      </table>
    </Framed>
  );
}

function Changed({ e }: { e: Explanation }) {
  return (
    <Framed name="What changed">
      <table>
        <caption>What changed since the schedule before</caption>
        <thead>
          <tr>
            <th>Is</th>
            <th>Of</th>
            <th>What</th>
            <th class="number">Before</th>
            <th class="number">Now</th>
          </tr>
        </thead>
        <tbody>
          {e.changes.length === 0 && (
            <tr>
              <td colSpan={5}>Nothing that anybody would notice.</td>
            </tr>
          )}
          {e.changes.map((c) => (
            <tr key={`${c.cause} ${c.owner} ${c.what}`}>
              <td>{c.cause ? "cause" : "effect"}</td>
              <th scope="row">
                <Owner id={c.owner} />
              </th>
              <td>{limit(c.what)}</td>
              <td class="number">{c.before === null ? "new" : told(c.before)}</td>
              <td class="number">{c.now === null ? "gone" : told(c.now)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Framed>
  );
}

function Worth({ e }: { e: Explanation }) {
  const worth = e.worth.filter((w) => w.saves >= SAID_FROM);
  return (
    <Framed name="What one more would save">
      <table>
        <caption>Limits, and what one MW more is worth</caption>
        <thead>
          <tr>
            <th>Limit</th>
            <th>Of</th>
            <th class="number">Saves</th>
            <th>Of what</th>
          </tr>
        </thead>
        <tbody>
          {worth.length === 0 && (
            <tr>
              <td colSpan={4}>One MW more of no single limit would save anything.</td>
            </tr>
          )}
          {worth.map((w, i) => (
            <tr key={i}>
              <td>
                {limit(w.limit)}
                {ONE[w.limit] !== undefined && ` (${ONE[w.limit]})`}
              </td>
              <th scope="row">
                <Owner id={w.owner} />
              </th>
              <td class="number">{digits(w.saves)}</td>
              <td>{w.stage === "cost" ? "EUR in the first step" : `MWh of ${words(w.stage)}`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Framed>
  );
}

function Sides({ e }: { e: Explanation }) {
  return (
    <Framed name="Price of heat from both sides">
      <table>
        <caption>Price of heat from both sides, EUR per MWh</caption>
        <thead>
          <tr>
            <th>Header</th>
            <th class="number">One MW more costs</th>
            <th class="number">One MW less saves</th>
            <th>Not to be had, unless</th>
          </tr>
        </thead>
        <tbody>
          {e.prices.map((p) => (
            <tr key={`${p.header} ${p.step}`} data-price={p.header}>
              <th scope="row">
                <Called id={p.header} kinds={["header"]} />
              </th>
              {figure(p.up, "not to be had")}
              {figure(p.down, "nothing")}
              <td>{p.taken === null ? "" : `${words(p.taken[0])} loses ${digits(1000 * p.taken[1])} kWh`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Framed>
  );
}

export function Explained({ h, of }: { h: Horizon; of: Follower["explanation"] }) {
  const e = of.value.value;
  const lack = of.lack.value;
  const asking = of.asking.value.busy;
  return (
    <div class="explained" data-explained={e?.seq ?? ""}>
      {lack !== null && <Lacking lack={lack} what="No explanation:" />}
      {e === null && lack === null && <p class="waiting">{asking ? "The centre works out why; on a large fleet that takes some seconds…" : "Waiting for the explanation…"}</p>}
      {e !== null && e.seq !== h.seq && (
        <p class="notice" role="status">
          What follows explains schedule #{e.seq}, not #{h.seq} above{asking && "; the newer explanation is being worked out"}.
        </p>
      )}
      {e !== null && (
        <>
          <Sentences said={e.sentences} />
          <ShortBy e={e} h={h} />
          <Changed e={e} />
          <Worth e={e} />
          <Sides e={e} />
        </>
      )}
    </div>
  );
}
