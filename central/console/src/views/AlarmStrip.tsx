// Everything that asks for a person, one click or the key "a" from its equipment. Empty in normal running.

import { useEffect } from "preact/hooks";
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
  const first = list[0]?.anchor;
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLInputElement;
      if (event.key === "a" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && first) go(first);
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, [first]);

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
