// The centre's alarms with their states of ISA-18.2: what nobody has taken note of first, each with the page that says what
// to do, its equipment, and a button that takes note. Taking note is journaled with the name; it moves nothing at a plant.
// A click made while the page is not live does nothing, now or later.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { placeOf, unacknowledged } from "../alarms";
import { acknowledge } from "../api";
import { clock, span, words } from "../format";
import { leadsElsewhere } from "../leader";
import { live, serverNow } from "../live";
import { href } from "../route";
import { raised } from "../store";
import type { RaisedAlarm } from "../types";
import { Framed, Mark } from "./parts";

/** The first button of the list, or its name where there is none to press. */
export function focusFirst(): void {
  const first = document.querySelector<HTMLElement>("[data-acknowledge]") ?? document.querySelector<HTMLElement>("main h2");
  first?.focus();
}

function StateOf({ a }: { a: RaisedAlarm }) {
  switch (a.state) {
    case "unacknowledged":
      return <Mark alarm>not acknowledged</Mark>;
    case "returned-to-normal-unacknowledged":
      return <>◇ gone, not acknowledged</>;
    case "acknowledged":
      return <>✓ acknowledged</>;
  }
}

function Since({ time }: { time: string }) {
  const now = serverNow();
  return (
    <span title={time}>
      {clock(time)} <small>{now === null ? "" : `${span(now - Date.parse(time))} ago`}</small>
    </span>
  );
}

export function AlarmsPage() {
  const list = raised.value;
  const busy = useSignal("");
  const said = useSignal("");
  /** The alarm whose button was pressed last: when it goes, the next one is at hand. */
  const pressed = useRef("");
  const open = list.filter(unacknowledged);
  const elsewhere = leadsElsewhere();
  const dead = !live.value || elsewhere !== null;
  const waits = open.map((a) => a.id + a.raised).join(" ");
  useEffect(() => {
    const lost = document.activeElement === null || document.activeElement === document.body;
    if (pressed.current !== "" && !waits.includes(pressed.current) && lost) {
      pressed.current = "";
      focusFirst();
    }
  }, [waits]);

  async function note(a: RaisedAlarm) {
    if (!live.peek() || leadsElsewhere() !== null || busy.peek() !== "") return;
    busy.value = a.id;
    pressed.current = a.id + a.raised;
    said.value = "… sending";
    try {
      await acknowledge(a.id, a.raised);
      said.value = `✓ acknowledged: ${a.text}`;
    } catch (error) {
      said.value = `✕ ${error instanceof Error ? error.message : String(error)}`;
    }
    busy.value = "";
  }

  return (
    <section class="panel" aria-label="List of alarms">
      <div class="plant-head">
        <h2 tabIndex={-1}>Alarms</h2>
        <dl class="facts">
          <div>
            <dt>Not acknowledged</dt>
            <dd data-open-alarms={open.length}>{open.length}</dd>
          </div>
          <div>
            <dt>Acknowledged, stand still</dt>
            <dd>{list.length - open.length}</dd>
          </div>
        </dl>
        <output id="note-said" aria-live="polite">
          {said.value}
        </output>
      </div>
      {list.length === 0 ? (
        <p class="quiet">{live.value ? "Nothing stands, and everything that stood was taken note of." : "Nothing stood when the page was last live."}</p>
      ) : (
        <Framed name="Alarms">
          <table id="alarm-list">
            <thead>
              <tr>
                <th>Taken note</th>
                <th>Priority</th>
                <th>Alarm</th>
                <th>State</th>
                <th>Raised</th>
                <th>Normal again</th>
              </tr>
            </thead>
            <tbody>
              {list.map((a) => (
                <tr key={a.id} data-raised={a.id} data-alarm-state={a.state}>
                  <td>
                    {unacknowledged(a) ? (
                      <button
                        type="button"
                        data-command=""
                        data-acknowledge={a.id}
                        disabled={dead || busy.value === a.id}
                        aria-label={`Acknowledge: ${a.text}`}
                        onClick={() => void note(a)}
                      >
                        Acknowledge
                      </button>
                    ) : (
                      <>
                        {a.acknowledged_by} {a.acknowledged_at !== null && <small title={a.acknowledged_at}>{clock(a.acknowledged_at)}</small>}
                      </>
                    )}
                  </td>
                  <td class="figure">{a.priority}</td>
                  <th scope="row" class="gist">
                    <a href={href(placeOf(a))}>{a.text}</a>
                    <br />
                    <small>
                      {a.runbook === null ? (
                        "no runbook yet"
                      ) : (
                        <>
                          what to do: <a href={href({ page: "runbook", id: a.runbook })}>{words(a.runbook)}</a>
                        </>
                      )}
                    </small>
                  </th>
                  <td>
                    <StateOf a={a} />
                  </td>
                  <td class="figure">
                    <Since time={a.raised} />
                  </td>
                  <td class="figure">{a.cleared === null ? "stands" : <Since time={a.cleared} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Framed>
      )}
      <p class="quiet">
        An alarm leaves this list when it is normal again and somebody has acknowledged it. Priority 1: act at once; 2: soon. The key <kbd>k</kbd> leads here from every page. The line at the top of
        each page counts something else: what is out of normal at this moment by what the plants report (key <kbd>a</kbd>), acknowledged or not, also what no alarm is raised for.
      </p>
    </section>
  );
}
