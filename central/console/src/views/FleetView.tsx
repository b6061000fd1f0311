// Level 1: what heat each class is short of, who leads, what was decided last and why, and every plant in a line.

import { alarms, consumerShort, dispatchNormal, hasLeader, linkText, linkUp, modeNormal, UNSERVED_MIN_MW } from "../alarms";
import { digits, span, words } from "../format";
import { serverNow } from "../live";
import { placed, plantOf } from "../names";
import { href } from "../route";
import { allPlants, dispatch, fleet } from "../store";
import { CLASSES, type Dispatch, type Fleet, type Main } from "../types";
import { Called, FillBar, Framed, Mark, Num } from "./parts";

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

function Age({ time }: { time: string }) {
  const now = serverNow();
  return <>{now === null ? "–" : span(now - Date.parse(time))}</>;
}

function LastDispatch({ d }: { d: Dispatch }) {
  const why = d.why ?? [];
  return (
    <>
      <dl class="facts" id="dispatch">
        <div>
          <dt>Dispatch</dt>
          <dd data-dispatch-seq={d.seq}>
            <a href={href({ page: "journal", seq: d.seq, kind: "" })}>#{d.seq}</a>
          </dd>
        </div>
        <div>
          <dt>Horizon</dt>
          <dd>
            <a href={href({ page: "dispatch", plant: null })}>view</a>
          </dd>
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
          <dd>
            <Age time={d.time} />
          </dd>
        </div>
      </dl>
      <h3 id="why-head">Why{why.length > 4 && `: ${why.length} reasons, the list scrolls`}</h3>
      <ul id="why" class="why" tabIndex={0} aria-labelledby="why-head">
        {why.length === 0 && <li>No reason was given with this dispatch.</li>}
        {why.map((sentence, i) => (
          <li key={i}>{sentence}</li>
        ))}
      </ul>
    </>
  );
}

const sum = (each: (number | null)[]): number | null => {
  const seen = each.filter((mw) => mw !== null);
  return seen.length === 0 ? null : seen.reduce((all, mw) => all + mw, 0);
};

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
            <th class="number">Short now MW</th>
            <th class="number">Short ahead MWh</th>
          </tr>
        </thead>
        <tbody>
          {CLASSES.map((name, index) => {
            const all = sum(f.plants.map((p) => p.unserved_mw?.[name] ?? null));
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
                  {!alarm && unseen === 0 && ((d?.unserved_mwh?.[name] ?? 0) > UNSERVED_MIN_MW ? "● served now" : "● served")}
                </td>
                <Num value={alarm || unseen === 0 ? all : null} alarm={alarm} />
                <Num value={d?.unserved_mwh?.[name]} />
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="quiet">Ahead: over the hours of the schedule in force.</p>
    </Framed>
  );
}

/** Every plant in a line: is it heard, who decides there, does heat meet demand, who is short. */
function Plants({ f, d }: { f: Fleet; d: Dispatch | null }) {
  const plants = allPlants();
  const wrong = alarms(null, null, plants);
  return (
    <Framed name="Plants">
      <table id="plants" class="names">
        <caption>Plants</caption>
        <thead>
          <tr>
            <th>Plant</th>
            <th title="What the plant reports as out of normal at this moment">Out of normal</th>
            <th>Link</th>
            <th>Mode</th>
            <th class="wide">Served of asked</th>
            <th class="number">Asked MW</th>
            <th class="number">Served MW</th>
            <th class="number">Made MW</th>
            {CLASSES.map((name, i) => (
              <th class="number" key={name} title={`Unserved heat of class ${i + 1}, ${words(name)}, MW`}>
                {i + 1} {words(name)} MW
              </th>
            ))}
            <th class="number" title="Setpoints of this plant in the last dispatch">Setpoints</th>
          </tr>
        </thead>
        <tbody>
          {f.plants.map((line) => {
            const p = plants.find((one) => one.id === line.id);
            const served = p ? sum((p.consumers ?? []).map((c) => c.served_mw)) : null;
            const blind = p?.consumers?.some((c) => c.served_mw === null) ?? true;
            const mine = wrong.filter((a) => a.plant === line.id).length;
            const connected = linkUp(line.link);
            const orders = (d?.setpoints ?? []).filter((s) => s.plant === line.id).length;
            return (
              <tr key={line.id} data-fleet-plant={line.id} class={connected ? "" : "link-down"}>
                <th scope="row">
                  <a href={href({ page: "plant", plant: line.id })}>{line.name}</a>
                </th>
                <td>{mine > 0 ? <Mark alarm>{mine}</Mark> : "none"}</td>
                <td>
                  <Mark alarm={!connected}>{linkText(line.link)}</Mark>
                </td>
                <td>
                  <Mark alarm={connected && !modeNormal(line.mode)}>{line.mode}</Mark>
                </td>
                <td>
                  <FillBar value={served} max={Math.max(line.demand_mw ?? 0, served ?? 0)} label={`${digits(served)} of ${digits(line.demand_mw)} MW`} />
                </td>
                <Num value={line.demand_mw} />
                <Num value={blind ? null : served} />
                <Num value={line.heat_mw} />
                {CLASSES.map((name) => {
                  const mw = line.unserved_mw?.[name] ?? null;
                  return <Num key={name} value={mw} alarm={(mw ?? 0) > UNSERVED_MIN_MW} />;
                })}
                <td class="number figure">{d === null ? "none yet" : orders}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Framed>
  );
}

/** What joins the plants. */
function Between() {
  const seen = new Map<string, Main>();
  for (const m of allPlants().flatMap((p) => p.mains ?? [])) {
    if (plantOf(m.from) !== plantOf(m.to)) seen.set(m.id, m);
  }
  if (seen.size === 0) return null;
  return (
    <Framed name="Mains between plants">
      <table>
        <caption>Mains between plants</caption>
        <thead>
          <tr>
            <th>Main</th>
            <th>Flows</th>
            <th class="wide">Flow of capacity</th>
            <th class="number">MW</th>
            <th class="number">of</th>
            <th>Way</th>
          </tr>
        </thead>
        <tbody>
          {[...seen.values()].map((m) => {
            const back = (m.flow_mw ?? 0) < 0;
            return (
              <tr key={m.id}>
                <th scope="row">
                  <Called id={m.id} kinds={["main"]} />
                </th>
                <td>
                  {placed(allPlants(), back ? m.to : m.from)} ▶ {placed(allPlants(), back ? m.from : m.to)}
                </td>
                <td>
                  <FillBar value={m.flow_mw === null ? null : Math.abs(m.flow_mw)} max={m.cap_mw} label={`${digits(m.flow_mw)} of ${digits(m.cap_mw)} MW`} />
                </td>
                <Num value={m.flow_mw === null ? null : Math.abs(m.flow_mw)} />
                <Num value={m.cap_mw} />
                <td>{m.open === null || m.open === undefined ? "? not known" : m.open ? "▷ open" : "▬ closed"}</td>
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
        <h2 tabIndex={-1}>Fleet</h2>
        <Leader f={f} />
        {d ? <LastDispatch d={d} /> : <p>Nothing has been dispatched yet.</p>}
      </div>
      <div class="whole">
        <Plants f={f} d={d} />
        <Between />
      </div>
    </section>
  );
}
