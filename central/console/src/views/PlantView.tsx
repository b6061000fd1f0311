// One plant: what holds its headers, what makes, keeps and draws heat, and the signals by which all of that is known.

import { anchorOf, headerAlarm, linkText, linkUp, modeNormal } from "../alarms";
import { digits, unitText, words } from "../format";
import { live } from "../live";
import { href } from "../route";
import { fleet, plant, plantIds } from "../store";
import type { Device, Header, Main, Plant, Storage } from "../types";
import { Consumers } from "./Consumers";
import { MimicView } from "./Mimic";
import { local } from "../names";
import { BandBar, Figure, FillBar, Framed, Mark, Num, QualityCell, Value } from "./parts";
import { Sources } from "./Sources";
import { Tags } from "./Tags";

function Headers({ plant, connected, headers }: { plant: string; connected: boolean; headers: Header[] }) {
  return (
    <Framed name="Headers">
      <table>
        <caption>Headers</caption>
        <thead>
          <tr>
            <th>Header</th>
            <th class="wide">Process value in its band</th>
            <th class="number">Value</th>
            <th class="number">Nominal</th>
            <th>Quality</th>
            <th>Swing source</th>
          </tr>
        </thead>
        <tbody>
          {headers.map((h) => {
            const alarm = connected ? headerAlarm(h) : null;
            return (
              <tr key={h.id} id={anchorOf(plant, "header", h.id)} tabIndex={-1} data-header={h.id}>
                <th scope="row">
                  <a href={href({ page: "piece", plant, kind: "header", id: h.id })}>{local(plant, h.id)}</a> <small>{words(h.medium)}</small>
                </th>
                <td>
                  <BandBar
                    value={h.process_value}
                    low={h.low}
                    high={h.high}
                    nominal={h.nominal}
                    label={`${digits(h.process_value)} ${unitText(h.unit)}, normal ${digits(h.low)} to ${digits(h.high)}`}
                  />
                </td>
                <Num value={h.process_value} unit={h.unit} />
                <Figure value={h.nominal} />
                {alarm ? (
                  <td>
                    <Mark alarm>{alarm}</Mark>
                  </td>
                ) : (
                  <QualityCell of={h} connected={connected} />
                )}
                <td>{local(plant, h.swing)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Framed>
  );
}

function Storages({ plant, connected, storages }: { plant: string; connected: boolean; storages: Storage[] }) {
  return (
    <Framed name="Storage">
      <table>
        <caption>Storage</caption>
        <thead>
          <tr>
            <th>Store</th>
            <th class="wide">Level</th>
            <th class="number">MWh</th>
            <th class="number">of</th>
            <th class="number">MW</th>
            <th>Direction</th>
            <th>Quality</th>
          </tr>
        </thead>
        <tbody>
          {storages.map((s) => (
            <tr key={s.id} id={anchorOf(plant, "storage", s.id)} tabIndex={-1} data-storage={s.id}>
              <th scope="row">
                <a href={href({ page: "piece", plant, kind: "storage", id: s.id })}>{local(plant, s.id)}</a>
              </th>
              <td>
                <FillBar value={s.level_mwh} max={s.capacity_mwh} label={`${digits(s.level_mwh)} of ${digits(s.capacity_mwh)} MWh`} />
              </td>
              <Num value={s.level_mwh} />
              <Figure value={s.capacity_mwh} />
              <Num value={s.heat_mw === null ? null : Math.abs(s.heat_mw)} />
              <td>{s.heat_mw === null ? "–" : s.heat_mw > 0.005 ? "▶ discharging" : s.heat_mw < -0.005 ? "◀ charging" : "■ idle"}</td>
              <QualityCell of={s} connected={connected} />
            </tr>
          ))}
        </tbody>
      </table>
    </Framed>
  );
}

function Mains({ plant, connected, mains }: { plant: string; connected: boolean; mains: Main[] }) {
  return (
    <Framed name="Mains">
      <table>
        <caption>Mains</caption>
        <thead>
          <tr>
            <th>Main</th>
            <th>Between</th>
            <th class="wide">Flow</th>
            <th class="number">MW</th>
            <th class="number">of</th>
            <th>Way</th>
            <th>Quality</th>
          </tr>
        </thead>
        <tbody>
          {mains.map((m) => {
            const back = (m.flow_mw ?? 0) < 0;
            return (
              <tr key={m.id} id={anchorOf(plant, "main", m.id)} tabIndex={-1} data-main={m.id}>
                <th scope="row">
                  <a href={href({ page: "piece", plant, kind: "main", id: m.id })}>{local(plant, m.id)}</a>
                </th>
                <td>
                  {local(plant, back ? m.to : m.from)} ▶ {local(plant, back ? m.from : m.to)}
                </td>
                <td>
                  <FillBar value={m.flow_mw === null ? null : Math.abs(m.flow_mw)} max={m.cap_mw} label={`${digits(m.flow_mw)} MW`} />
                </td>
                <Num value={m.flow_mw === null ? null : Math.abs(m.flow_mw)} />
                <Num value={m.cap_mw} />
                <td>{m.open === null || m.open === undefined ? "? not known" : m.open ? "▷ open" : "▬ closed"}</td>
                <QualityCell of={m} connected={connected} />
              </tr>
            );
          })}
        </tbody>
      </table>
    </Framed>
  );
}

function Devices({ plant, connected, devices }: { plant: string; connected: boolean; devices: Device[] }) {
  return (
    <ul class="devices" aria-label="Devices">
      {devices.map((d) => (
        <li key={d.id} id={anchorOf(plant, "device", d.id)} tabIndex={-1} data-device={d.id}>
          {local(plant, d.id)} {d.up ? "● up" : <Mark alarm={connected}>{connected ? `silent${d.reason ? `: ${d.reason}` : ""}` : "? not heard"}</Mark>}
        </li>
      ))}
    </ul>
  );
}

/** Heat made against heat asked, of the fleet's own line on this plant. */
function Totals({ p }: { p: Plant }) {
  const line = fleet.value?.plants.find((f) => f.id === p.id);
  if (!line) return null;
  return (
    <>
      <div>
        <dt>Heat</dt>
        <dd>
          <Value value={line.heat_mw} unit="MW" />
        </dd>
      </div>
      <div>
        <dt>Demand</dt>
        <dd>
          <Value value={line.demand_mw} unit="MW" />
        </dd>
      </div>
    </>
  );
}

const any = (list: unknown[] | undefined): boolean => (list?.length ?? 0) > 0;

export function PlantView({ id }: { id: string }) {
  // A plant that is not known may come with the next snapshot.
  void plantIds.value;
  const p = plant(id)?.value;
  if (!p) {
    return (
      <section class="panel" aria-label="No such plant">
        <h2 tabIndex={-1}>There is no plant “{id}”</h2>
        <p>
          The <a href={href({ page: "fleet" })}>fleet overview</a> lists those there are.
        </p>
      </section>
    );
  }
  const connected = linkUp(p.link);
  return (
    <section class={connected ? "plant" : "plant link-down"} id={p.id} tabIndex={-1} data-plant={p.id} aria-label={p.name}>
      <div class="plant-head">
        <h2 tabIndex={-1}>{p.name}</h2>
        <dl class="facts">
          <div>
            <dt>Mode</dt>
            <dd data-mode={p.mode}>
              <Mark alarm={connected && live.value && !modeNormal(p.mode)}>{p.mode}</Mark>
            </dd>
          </div>
          <div>
            <dt>Link</dt>
            <dd>
              <Mark alarm={!connected}>{linkText(p.link)}</Mark>
            </dd>
          </div>
          <Totals p={p} />
        </dl>
        <Devices plant={p.id} connected={connected} devices={p.devices ?? []} />
      </div>
      <MimicView id={p.id} />
      <div class="plant-body">
        <div class="tables">
          {any(p.sources) && <Sources plant={p.id} connected={connected} sources={p.sources ?? []} headers={p.headers ?? []} />}
          {any(p.consumers) && <Consumers plant={p.id} connected={connected} consumers={p.consumers ?? []} />}
          {any(p.headers) && <Headers plant={p.id} connected={connected} headers={p.headers ?? []} />}
          {any(p.storages) && <Storages plant={p.id} connected={connected} storages={p.storages ?? []} />}
          {any(p.mains) && <Mains plant={p.id} connected={connected} mains={p.mains ?? []} />}
        </div>
        <Tags plant={p.id} connected={connected} />
      </div>
    </section>
  );
}
