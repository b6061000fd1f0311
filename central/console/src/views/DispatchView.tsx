// The horizon of the schedule in force: whose heat meets the demand, what heat costs at each header, what the stores hold,
// and why it is so. Asked of the centre with each new schedule while the page is open, and never shown without its age.

import { useEffect, useMemo } from "preact/hooks";
import { Follower, type Lack } from "../follower";
import { clock, digits, span as ageOf, words } from "../format";
import { edges, type Horizon, plantsIn, shortages } from "../horizon";
import { serverNow } from "../live";
import { plantName } from "../names";
import { href, restate, type Route } from "../route";
import { allPlants, dispatch } from "../store";
import { CLASSES } from "../types";
import { Explained } from "./Explained";
import { Panels, timeOf } from "./HorizonPanels";
import { Lacking } from "./Lacking";
import { Called, Framed, Mark } from "./parts";

type Dispatched = Extract<Route, { page: "dispatch" }>;

function Facts({ h, lack }: { h: Horizon; lack: Lack | null }) {
  const now = serverNow();
  const d = dispatch.value;
  const behind = d !== null && d.seq !== h.seq;
  return (
    <>
      <dl class="facts">
        <div>
          <dt>Schedule</dt>
          <dd data-plan-seq={h.seq}>
            <a href={href({ page: "journal", seq: h.seq, kind: "" })}>#{h.seq}</a>
          </dd>
        </div>
        <div>
          <dt>Made for</dt>
          <dd>{clock(h.time)}</dd>
        </div>
        <div>
          <dt>Age</dt>
          <dd>{now === null ? "–" : ageOf(now - Date.parse(h.time))}</dd>
        </div>
        <div>
          <dt>Reaches to</dt>
          <dd>{timeOf(edges(h.time, h.step_minutes).at(-1) ?? 0)}</dd>
        </div>
        <div>
          <dt>Steps</dt>
          <dd>{h.step_minutes.length}</dd>
        </div>
        {d !== null && (
          <div>
            <dt>In force</dt>
            <dd>{behind ? `#${d.seq}, newer` : "this one"}</dd>
          </div>
        )}
      </dl>
      {lack !== null && <Lacking lack={lack} what={`Not renewed; below is the schedule of ${clock(h.time)} still.`} />}
    </>
  );
}

/** Who goes short, in the alarm style; nobody is a plain sentence. */
function Short({ h, plant }: { h: Horizon; plant: string | null }) {
  const known = new Map(allPlants().flatMap((p) => (p.consumers ?? []).map((c) => [c.id, c] as const)));
  const rank = (id: string) => known.get(id)?.class_rank ?? CLASSES.length + 1;
  const all = shortages(h, plant).sort((a, b) => rank(a.consumer) - rank(b.consumer));
  if (all.length === 0) return <p class="quiet">● Everybody is served over the whole horizon.</p>;
  return (
    <Framed name="Who goes short">
      <table>
        <caption>Who goes short</caption>
        <thead>
          <tr>
            <th>Consumer</th>
            <th>Class</th>
            <th class="number">At most MW</th>
            <th class="number">In all MWh</th>
            <th>From</th>
            <th>Until</th>
          </tr>
        </thead>
        <tbody>
          {all.map((s) => (
            <tr key={s.consumer} data-short={s.consumer}>
              <th scope="row">
                <Called id={s.consumer} kinds={["consumer"]} />
              </th>
              <td>{known.has(s.consumer) ? `${rank(s.consumer)} ${words(known.get(s.consumer)?.class ?? "")}` : "–"}</td>
              <td class="number">
                <Mark alarm>{digits(s.peakMw)}</Mark>
              </td>
              <td class="number">{digits(s.mwh)}</td>
              <td>{timeOf(s.from)}</td>
              <td>{s.open ? "beyond the horizon" : timeOf(s.to)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Framed>
  );
}

export function DispatchPage({ route }: { route: Dispatched }) {
  const follower = useMemo(() => new Follower(), []);
  useEffect(() => () => follower.stop(), []);
  const h = follower.horizon.value.value;
  const lack = follower.horizon.lack.value;
  const { plant } = route;
  const known = h === null ? [] : plantsIn(h);
  return (
    <section class={lack === null ? "panel" : "panel old"} aria-label="Dispatch" data-dispatch-page>
      <div class="plant-head">
        <h2 tabIndex={-1}>Dispatch</h2>
        <label>
          Heat of{" "}
          <select name="plant" value={plant ?? ""} onChange={(event) => restate({ page: "dispatch", plant: event.currentTarget.value || null })}>
            <option value="">the whole fleet</option>
            {(plant === null || known.includes(plant) ? known : [...known, plant]).map((id) => (
              <option key={id} value={id}>
                {plantName(allPlants(), id)}
              </option>
            ))}
          </select>
        </label>
        {h !== null && <Facts h={h} lack={lack} />}
      </div>
      {h === null && lack === null && <p class="waiting">Asking the centre for the horizon…</p>}
      {h === null && lack !== null && <Lacking lack={lack} what="The horizon cannot be shown." />}
      {h !== null && plant !== null && !known.includes(plant) && (
        <p class="notice">The schedule knows no plant “{plant}”: it is not heard, or there is none of this name.</p>
      )}
      {h !== null && (plant === null || known.includes(plant)) && (
        <>
          <Short h={h} plant={plant} />
          <Panels h={h} plant={plant} />
        </>
      )}
      {h !== null && <Explained h={h} of={follower.explanation} />}
    </section>
  );
}
