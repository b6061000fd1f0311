// Sets one setpoint by hand. The command goes out now or not at all: while the page is not live or the plant
// cannot be reached the button is dead, and nothing is kept for later. When a POST has no answer, it is not known whether the centre took it; sending the very same
// order again then carries the same key, so that it cannot act twice.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { CallError, commandResult, newKey, sendCommand } from "../api";
import { digits } from "../format";
import { live } from "../live";
import { dispatch, tagIds } from "../store";
import type { CommandResult, Source } from "../types";

const POLL_MS = 500;
const POLL_FOR_MS = 30_000;

/** The source's setpoint as the server names it; else the one setpoint of the last dispatch, or tag, that bears its name. */
function setpointOf(plant: string, source: Source): string | null {
  if (source.setpoint) return source.setpoint;
  const own = source.id.startsWith(`${plant}.`) ? source.id : `${plant}.${source.id}`;
  const bears = (id: string) => id.startsWith(`${own}.`);
  const dispatched = (dispatch.value?.setpoints ?? []).map((s) => s.setpoint).filter(bears);
  if (dispatched.length === 1) return dispatched[0] ?? null;
  const tags = (tagIds.value[plant] ?? []).filter((id) => bears(id) && /[.-](sp|setpoint)$/.test(id));
  return tags.length === 1 ? (tags[0] ?? null) : null;
}

function outcome(result: CommandResult): string {
  switch (result.state) {
    case "issued":
      return "… issued, waiting for the plant";
    case "done":
      return `✓ done, read back ${digits(result.readback)}`;
    case "refused": {
      const r = result.refusal ?? {};
      return `✕ refused by ${r.gate ?? "a check that is not named"}: ${r.reason ?? "no reason given"}${r.code ? ` (${r.code})` : ""}`;
    }
    case "expired":
      return "✕ expired before the plant took it; nothing was written";
    case "unknown":
      return "? the plant has not said whether it acted; look at the value read back";
  }
}

export function CommandForm({ plant, connected, source }: { plant: string; connected: boolean; source: Source }) {
  const said = useSignal<string | null>(null);
  const state = useSignal("");
  const busy = useSignal(false);
  const unanswered = useRef<{ order: string; key: string } | null>(null);
  const setpoint = setpointOf(plant, source);
  if (setpoint === null) return <small>no setpoint known</small>;

  async function follow(id: string) {
    const began = performance.now();
    while (performance.now() - began < POLL_FOR_MS) {
      if (live.peek()) {
        try {
          const result = await commandResult(id);
          said.value = outcome(result);
          state.value = result.state;
          if (result.state !== "issued") return;
        } catch (error) {
          if (error instanceof CallError && error.answered) {
            said.value = `? ${error.message}`;
            return;
          }
        }
      } else {
        said.value = "? issued; its outcome is not known while the page is not live";
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
    said.value = `? no outcome within ${POLL_FOR_MS / 1000} s; the journal has it under ${id}`;
  }

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    if (!live.peek() || !connected || busy.peek() || setpoint === null) return;
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const value = Number(form.get("value"));
    const reason = String(form.get("reason")).trim();
    if (form.get("value") === "" || !Number.isFinite(value) || reason === "") return;
    const order = JSON.stringify([setpoint, value, reason]);
    const key = unanswered.current?.order === order ? unanswered.current.key : newKey();
    busy.value = true;
    said.value = "… sending";
    state.value = "sending";
    try {
      const id = await sendCommand(plant, setpoint, value, reason, key);
      unanswered.current = null;
      await follow(id);
    } catch (error) {
      const answered = error instanceof CallError && error.answered;
      unanswered.current = answered ? null : { order, key };
      state.value = answered ? "rejected" : "unanswered";
      const text = error instanceof Error ? error.message : String(error);
      said.value = answered ? `✕ not accepted: ${text}` : `? ${text} It may have taken the command. The same order sent again cannot act twice.`;
    }
    busy.value = false;
  }

  const label = `${setpoint} in MW`;
  return (
    <form class="command" onSubmit={submit} data-setpoint={setpoint}>
      <input name="value" type="number" step="any" inputMode="decimal" placeholder="MW" aria-label={label} title={label} required />
      <input name="reason" placeholder="reason" aria-label="Reason" maxLength={200} required />
      <button type="submit" data-command="" disabled={!live.value || !connected || busy.value}>
        Set
      </button>
      {said.value && (
        <output data-command-state={state.value} aria-live="polite">
          {said.value}
        </output>
      )}
    </form>
  );
}
