// The head of the page: who leads, what was decided last and why, and what heat each class is short of.

import { consumerShort, dispatchNormal, hasLeader, UNSERVED_MIN_MW } from "../alarms";
import { digits, span, words } from "../format";
import { serverNow } from "../live";
import { allPlants, dispatch, fleet } from "../store";
import { CLASSES, type Dispatch, type Fleet } from "../types";
import { Mark } from "./parts";

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
          <dd>{digits(d.solve_ms)} ms</dd>
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

function Unserved({ f, d }: { f: Fleet; d: Dispatch | null }) {
  const short = allPlants().flatMap((p) => p.consumers ?? []).filter(consumerShort);
  return (
    <table id="unserved">
      <caption>Unserved heat</caption>
      <thead>
        <tr>
          <th>Class</th>
          {f.plants.map((p) => (
            <th class="number" key={p.id}>
              {p.name} MW
            </th>
          ))}
          <th class="number">All MW</th>
          <th class="number" title="Over the horizon of the last dispatch">
            Ahead MWh
          </th>
          <th class="number">Consumers</th>
        </tr>
      </thead>
      <tbody>
        {CLASSES.map((name, index) => {
          const each = f.plants.map((p) => p.unserved_mw?.[name] ?? 0);
          const all = each.reduce((sum, x) => sum + x, 0);
          return (
            <tr key={name} data-class={name}>
              <th scope="row">
                {index + 1} {words(name)}
              </th>
              {each.map((mw, i) => (
                <td class="number" key={f.plants[i]?.id}>
                  {digits(mw)}
                </td>
              ))}
              <td class="number">
                <Mark alarm={all > UNSERVED_MIN_MW}>{digits(all)}</Mark>
              </td>
              <td class="number">{digits(d?.unserved_mwh?.[name])}</td>
              <td class="number">{short.filter((c) => c.class === name).length}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

export function FleetView() {
  const f = fleet.value;
  const d = dispatch.value;
  if (!f) return null;
  return (
    <section id="fleet" class="fleet" tabIndex={-1} aria-label="Fleet">
      <div>
        <Leader f={f} />
        {d ? <LastDispatch d={d} /> : <p>Nothing has been dispatched yet.</p>}
      </div>
      <Unserved f={f} d={d} />
    </section>
  );
}
