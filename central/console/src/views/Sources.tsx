// What makes heat: state by shape and word, heat against capacity with the setpoint marked. The faceplate moves it.

import { anchorOf, sourceAlarm } from "../alarms";
import { clock, digits, words } from "../format";
import { href } from "../route";
import type { Header, Source } from "../types";
import { local } from "../names";
import { Figure, FillBar, Framed, Mark, Num, QualityCell } from "./parts";

export const SHAPE: Record<string, string> = { on: "●", off: "○", purge: "◔", "light-off": "◑", "warm-up": "◕" };

/** A swing source follows the pressure or temperature of its header, up to its setpoint. */
export const SWINGS = "Its header's process value moves it, up to this setpoint; it is the upper end of its band, not where it should be.";

export function Sources({ plant, connected, sources, headers }: { plant: string; connected: boolean; sources: Source[]; headers: Header[] }) {
  return (
    <Framed name="Sources">
      <table>
        <caption>Sources</caption>
        <thead>
          <tr>
            <th>Source</th>
            <th>Header</th>
            <th>State</th>
            <th class="wide">Heat of capacity</th>
            <th class="number">MW</th>
            <th class="number">of</th>
            <th class="number">Setpoint</th>
            <th>Heat at</th>
            <th>Quality</th>
          </tr>
        </thead>
        <tbody>
          {sources.map((s) => {
            const alarm = sourceAlarm(s);
            return (
              <tr key={s.id} id={anchorOf(plant, "source", s.id)} tabIndex={-1} data-source={s.id} data-state={s.state ?? "unknown"}>
                <th scope="row">
                  <a href={href({ page: "piece", plant, kind: "source", id: s.id })}>{local(plant, s.id)}</a> <small>{words(s.kind)}</small>
                </th>
                <td>{local(plant, s.header)}</td>
                <td>{alarm ? <Mark alarm>{alarm}</Mark> : `${SHAPE[s.state ?? ""] ?? "?"} ${s.state ?? "unknown"}`}</td>
                <td>
                  <FillBar
                    value={s.heat_mw}
                    max={s.heat_max_mw}
                    mark={s.setpoint_mw}
                    label={`${digits(s.heat_mw)} of ${digits(s.heat_max_mw)} MW, setpoint ${digits(s.setpoint_mw)}`}
                  />
                </td>
                <Num value={s.heat_mw} />
                <Figure value={s.heat_max_mw} />
                {headers.some((h) => h.swing === s.id) ? (
                  <td class={s.setpoint_mw === null ? "number q-bad" : "number"} title={SWINGS} data-swing="">
                    <small>{local(plant, s.header)} moves it, up to</small> {digits(s.setpoint_mw)}
                  </td>
                ) : (
                  <Num value={s.setpoint_mw} />
                )}
                <td>
                  {s.prediction ? clock(s.prediction.heat_at) : alarm ? "? not known yet" : ""}
                  {s.waits && <small class="waits">{s.waits}</small>}
                </td>
                <QualityCell of={s} connected={connected} />
              </tr>
            );
          })}
        </tbody>
      </table>
    </Framed>
  );
}
