// The head of the page: what heat each class is short of, who leads, what was decided last and why.

import { consumerShort, dispatchNormal, hasLeader, UNSERVED_MIN_MW } from "../alarms";
import { digits, span, words } from "../format";
import { serverNow } from "../live";
import { allPlants, dispatch, fleet } from "../store";
import { CLASSES, type Dispatch, type Fleet } from "../types";
import { Framed, Mark, Num } from "./parts";

function Leader({ f }: { f: Fleet }) {
  const name = f.leader === true ? "this centre" : hasLeader(f) ? String(f.leader) : "none";
  return (
    <dl class="facts">
      <div>
        <dt>Leader</dt>
        <dd id="leader">
          <Mark alarm={!hasLeader(f)}>{name}</Mark>
        </dd>
      </div>
      <div>
        <dt>Epoch</dt>
        <dd id="epoch">{f.epoch ?? "–"}</dd>
      </div>
    </dl>
  );
}

function LastDispatch({ d }: { d: Dispatch }) {
  const now = serverNow();
  return (
    <>
      <dl class="facts" id="dispatch">
        <div>
          <dt>Dispatch</dt>
          <dd data-dispatch-seq={d.seq}>#{d.seq}</dd>
        </div>
        <div>
          <dt>Source</dt>
          <dd>
            <Mark alarm={!dispatchNormal(d)}>{words(d.source)}</Mark>
          </dd>
        </div>
        <div>
          <dt>Status</dt>
          <dd>{d.status}</dd>
        </div>
        <div>
          <dt>Cost</dt>
          <dd>{digits(d.cost)} EUR</dd>
        </div>
        <div>
          <dt>Solved in</dt>
          <dd data-solve-ms={d.solve_ms ?? ""}>{d.solve_ms === null ? "no solve" : `${digits(d.solve_ms)} ms`}</dd>
        </div>
        <div>
          <dt>Age</dt>
          <dd>{now === null ? "–" : span(now - Date.parse(d.time))}</dd>
        </div>
      </dl>
      <h3>Why</h3>
      <ul id="why" class="why">
        {(d.why ?? []).length === 0 && <li>No reason was given with this dispatch.</li>}
        {(d.why ?? []).map((sentence, i) => (
          <li key={i}>{sentence}</li>
        ))}
      </ul>
    </>
  );
}

/** What every class is short of. A sum over what can be seen; how many consumers cannot be is said beside it. */
function Unserved({ f, d }: { f: Fleet; d: Dispatch | null }) {
  const consumers = allPlants().flatMap((p) => p.consumers ?? []);
  return (
    <Framed name="Unserved heat">
      <table id="unserved">
        <caption>Unserved heat</caption>
        <thead>
          <tr>
            <th>Class</th>
            <th>State</th>
            <th class="number">All MW</th>
            {f.plants.map((p) => (
              <th class="number" key={p.id}>
                {p.name} MW
              </th>
            ))}
            <th class="number" title="Over the horizon of the last dispatch">
              Ahead MWh
            </th>
          </tr>
        </thead>
        <tbody>
          {CLASSES.map((name, index) => {
            const each = f.plants.map((p) => p.unserved_mw?.[name] ?? null);
            const seen = each.filter((mw) => mw !== null);
            const all = seen.length === 0 ? null : seen.reduce((sum, mw) => sum + mw, 0);
            const mine = consumers.filter((c) => c.class === name);
            const short = mine.filter(consumerShort).length;
            const unseen = mine.filter((c) => c.unserved_mw === null).length;
            const alarm = short > 0 || (all ?? 0) > UNSERVED_MIN_MW;
            return (
              <tr key={name} data-class={name} data-short={short} data-unseen={unseen}>
                <th scope="row">
                  {index + 1} {words(name)}
                </th>
                <td>
                  {alarm && <Mark alarm>short: {short}</Mark>} {unseen > 0 && `✕ not seen: ${unseen}`}
                  {!alarm && unseen === 0 && "● served"}
                </td>
                <Num value={alarm || unseen === 0 ? all : null} alarm={alarm} />
                {each.map((mw, i) => (
                  <Num value={mw} key={f.plants[i]?.id} />
                ))}
                <Num value={d?.unserved_mwh?.[name]} />
              </tr>
            );
          })}
        </tbody>
      </table>
    </Framed>
  );
}

export function FleetView() {
  const f = fleet.value;
  const d = dispatch.value;
  if (!f) return null;
  return (
    <section id="fleet" class="fleet" tabIndex={-1} aria-label="Fleet">
      <Unserved f={f} d={d} />
      <div class="decided">
        <Leader f={f} />
        {d ? <LastDispatch d={d} /> : <p>Nothing has been dispatched yet.</p>}
      </div>
    </section>
  );
}
