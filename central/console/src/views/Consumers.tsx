// Who draws heat, highest class first: what is asked, what arrives, what is missing and until when.

import { anchorOf, consumerShort } from "../alarms";
import { clock, digits, words } from "../format";
import type { Consumer } from "../types";
import { FillBar, Mark } from "./parts";

export function Consumers({ plant, consumers }: { plant: string; consumers: Consumer[] }) {
  const ordered = [...consumers].sort((a, b) => a.class_rank - b.class_rank || a.id.localeCompare(b.id));
  return (
    <table>
      <caption>Consumers</caption>
      <thead>
        <tr>
          <th>Consumer</th>
          <th>Class</th>
          <th>Header</th>
          <th class="wide">Served of asked</th>
          <th class="number">Asked MW</th>
          <th class="number">Served MW</th>
          <th class="number">Shed cap MW</th>
          <th class="number">Unserved MW</th>
          <th>Back at</th>
        </tr>
      </thead>
      <tbody>
        {ordered.map((c) => (
          <tr key={c.id} id={anchorOf(plant, "consumer", c.id)} tabIndex={-1} data-consumer={c.id}>
            <th scope="row">{c.name}</th>
            <td>
              {c.class_rank} {words(c.class)}
            </td>
            <td>{c.header}</td>
            <td>
              <FillBar
                value={c.served_mw}
                max={Math.max(c.asked_mw ?? 0, c.served_mw ?? 0)}
                mark={c.cap_mw !== null && c.cap_mw < (c.asked_mw ?? 0) ? c.cap_mw : null}
                label={`${digits(c.served_mw)} of ${digits(c.asked_mw)} MW`}
              />
            </td>
            <td class="number">{digits(c.asked_mw)}</td>
            <td class="number">{digits(c.served_mw)}</td>
            <td class="number">{c.cap_mw === null || c.cap_mw === undefined ? "none" : digits(c.cap_mw)}</td>
            <td class="number">
              <Mark alarm={consumerShort(c)}>{digits(c.unserved_mw)}</Mark>
            </td>
            <td>{c.predicted_restore ? clock(c.predicted_restore) : ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
