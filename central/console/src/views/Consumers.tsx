// Who draws heat, highest class first: what is asked, what arrives, what is missing and until when.

import { anchorOf, consumerShort } from "../alarms";
import { clock, digits, span, words } from "../format";
import { serverNow } from "../live";
import { href } from "../route";
import type { Consumer } from "../types";
import { local } from "../names";
import { FillBar, Framed, Num, QualityCell } from "./parts";

/** When its heat is back, by the schedule: a time of day, and how long that is from now. */
function BackAt({ consumer }: { consumer: Consumer }) {
  const at = consumer.predicted_restore;
  if (!at) return <>{consumerShort(consumer) ? "? not known yet" : ""}</>;
  const now = serverNow();
  const left = now === null ? null : Date.parse(at) - now;
  return (
    <>
      {clock(at)}
      {left !== null && left > 0 && <small> in {span(left)}</small>}
    </>
  );
}

export function Consumers({ plant, connected, consumers }: { plant: string; connected: boolean; consumers: Consumer[] }) {
  const ordered = [...consumers].sort((a, b) => a.class_rank - b.class_rank || a.id.localeCompare(b.id));
  return (
    <Framed name="Consumers">
      <table class="names">
        <caption>Consumers</caption>
        <thead>
          <tr>
            <th>Consumer</th>
            <th>Class</th>
            <th class="number">Unserved MW</th>
            <th>Back at</th>
            <th class="wide">Served of asked</th>
            <th class="number">Asked MW</th>
            <th class="number">Served MW</th>
            <th class="number">Shed cap MW</th>
            <th>Header</th>
            <th>Quality</th>
          </tr>
        </thead>
        <tbody>
          {ordered.map((c) => (
            <tr key={c.id} id={anchorOf(plant, "consumer", c.id)} tabIndex={-1} data-consumer={c.id}>
              <th scope="row">
                <a href={href({ page: "piece", plant, kind: "consumer", id: c.id })}>{c.name}</a>
              </th>
              <td>
                {c.class_rank} {words(c.class)}
              </td>
              <Num value={c.unserved_mw} alarm={consumerShort(c)} />
              <td data-back-at={c.predicted_restore ?? ""}>
                <BackAt consumer={c} />
              </td>
              <td>
                <FillBar
                  value={c.served_mw}
                  max={Math.max(c.asked_mw ?? 0, c.served_mw ?? 0)}
                  mark={c.cap_mw !== null && c.cap_mw < (c.asked_mw ?? 0) ? c.cap_mw : null}
                  label={`${digits(c.served_mw)} of ${digits(c.asked_mw)} MW`}
                />
              </td>
              <Num value={c.asked_mw} />
              <Num value={c.served_mw} />
              {c.cap_setpoint === null ? <td class="number figure">none</td> : <Num value={c.cap_mw} />}
              <td>{local(plant, c.header)}</td>
              <QualityCell of={c} connected={connected} />
            </tr>
          ))}
        </tbody>
      </table>
    </Framed>
  );
}
