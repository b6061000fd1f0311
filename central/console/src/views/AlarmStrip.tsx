// Everything that asks for a person, one click or the key "a" from its equipment (pressed again, from the next
// one's). Empty in normal running.

import { useEffect, useRef } from "preact/hooks";
import { alarms } from "../alarms";
import { live } from "../live";
import { allPlants, dispatch, fleet } from "../store";

function go(anchor: string) {
  const element = document.getElementById(anchor);
  element?.scrollIntoView({ block: "center" });
  element?.focus({ preventScroll: true });
}

export function AlarmStrip() {
  const list = alarms(fleet.value, dispatch.value, allPlants());
  const anchors = list.map((alarm) => alarm.anchor);
  const listed = anchors.join(" ");
  const next = useRef(0);
  useEffect(() => {
    next.current = 0;
    const key = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLInputElement;
      if (event.key === "a" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && anchors.length > 0) {
        go(anchors[next.current++ % anchors.length] ?? "");
      }
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, [listed]);

  if (list.length === 0) {
    return (
      <p id="alarms" class="alarm-none">
        {live.value ? "No alarms" : "No alarms when the page was last live"}
      </p>
    );
  }
  return (
    <nav id="alarms" class="alarm-strip" aria-label="Alarms" aria-live="polite">
      <span>
        {list.length} {list.length === 1 ? "alarm" : "alarms"} <kbd>a</kbd>
      </span>
      <ul>
        {list.map((alarm) => (
          <li key={alarm.anchor + alarm.text}>
            <button type="button" class="alarm" data-alarm="" onClick={() => go(alarm.anchor)}>
              ▲ {alarm.text}
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}
