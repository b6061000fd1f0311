// Everything that asks for a person, on every page, one click or the key "a" from its equipment (pressed again, from the
// next one's). Empty in normal running.

import { useEffect, useRef } from "preact/hooks";
import { type Alarm, alarms, unacknowledged } from "../alarms";
import { live } from "../live";
import { go, href, route } from "../route";
import { allPlants, dispatch, fleet, raised } from "../store";
import { focusFirst } from "./Alarms";

/** Long enough for a page to be drawn and its mimic to be fetched. */
const LOOK_FOR_MS = 3000;

/** Goes to the page and, once it stands there, to the equipment. */
function show(alarm: Alarm): void {
  if (href(route.peek()) !== href(alarm.route)) go(alarm.route);
  const began = performance.now();
  const [best] = alarm.anchors;
  const look = () => {
    const waited = performance.now() - began;
    // The first of the anchors may still be on its way; the others are taken only when it did not come.
    const found = waited < LOOK_FOR_MS / 2 && best ? document.getElementById(best) : alarm.anchors.map((id) => document.getElementById(id)).find((e) => e !== null);
    if (found) {
      found.scrollIntoView({ block: "center", inline: "center" });
      found.focus({ preventScroll: true });
    } else if (waited < LOOK_FOR_MS) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** To the list of what nobody has taken note of. */
function toList(): void {
  if (route.peek().page === "alarms") return focusFirst();
  go({ page: "alarms" });
  const began = performance.now();
  // A new page takes the focus to its name once it is drawn; from there it goes on.
  const look = () => {
    if (document.querySelector('[data-page="alarms"]') && document.activeElement?.matches("main h2")) focusFirst();
    else if (performance.now() - began < LOOK_FOR_MS) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** How much of it there is; an alarm only where something of it stands. */
function Open() {
  const open = raised.value.filter(unacknowledged);
  if (open.length === 0) return null;
  const stands = open.some((a) => a.state === "unacknowledged");
  return (
    <>
      <a id="open-alarms" href={href({ page: "alarms" })} {...(stands ? { class: "alarm", "data-alarm": "" } : {})}>
        {stands ? "▲" : "◇"} {open.length} {open.length === 1 ? "alarm" : "alarms"} not acknowledged
      </a>{" "}
      <kbd>k</kbd>
    </>
  );
}

export function AlarmStrip() {
  const list = alarms(fleet.value, dispatch.value, allPlants());
  const listed = list.map((alarm) => `${alarm.anchors[0]}`).join(" ");
  const current = useRef(list);
  current.current = list;
  const next = useRef(0);
  useEffect(() => {
    next.current = 0;
  }, [listed]);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      const all = current.current;
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "k") toList();
      if (event.key === "a" && all.length > 0) {
        const alarm = all[next.current++ % all.length];
        if (alarm) show(alarm);
      }
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, []);

  if (list.length === 0) {
    return (
      <p id="alarms" class="alarm-none">
        {live.value ? "Nothing is out of normal now" : "Nothing was out of normal when the page was last live"} <Open />
      </p>
    );
  }
  return (
    <nav id="alarms" class="alarm-strip" aria-label="Out of normal now" aria-live="polite">
      <span>
        <span title="What the plants report as out of normal at this moment">{list.length} out of normal now</span> <kbd>a</kbd> <Open />
      </span>
      <ul>
        {list.map((alarm) => (
          <li key={alarm.anchors[0] + alarm.text}>
            <button type="button" class="alarm" data-alarm="" onClick={() => show(alarm)}>
              ▲ {alarm.text}
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}
