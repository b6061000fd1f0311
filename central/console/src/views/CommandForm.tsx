// Sets one setpoint by hand. The command goes out now or not at all: while the page is not live or the plant cannot be
// reached the button is dead, and nothing is kept for later. When a POST has no answer, it is not known whether the centre
// took it; sending the very same order again then carries the same key, so that it cannot act twice.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Elsewhere } from "./Elsewhere";
import { CallError, commandResult, newKey, sendCommand } from "../api";
import { digits, unitText } from "../format";
import { leadsElsewhere } from "../leader";
import { live } from "../live";
import type { CommandResult, Setpoint } from "../types";

const POLL_MS = 500;
const POLL_FOR_MS = 30_000;

/** What became of an order. `asked`: the value that was asked for; its way there is paced by the setpoint's velocity. */
export function outcome(result: CommandResult, asked: number | null): string {
  switch (result.state) {
    case "issued":
      return "… issued, waiting for the plant";
    case "done":
      return `✓ done, read back ${digits(result.readback)}${underWay(result.readback, asked) ? `, on its way to ${digits(asked)}` : ""}`;
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

/** An order is done with its first step; a register may also hold a little less of a number than was asked for. */
const underWay = (readback: number | null | undefined, asked: number | null): boolean =>
  readback != null && asked !== null && Math.abs(readback - asked) > 0.005 * Math.max(1, Math.abs(asked));

export interface Choice {
  value: number;
  /** What setting it does. */
  says: string;
  /** How it stands once it is set. */
  stands: string;
}

interface Props {
  plant: string;
  connected: boolean;
  setpoint: Setpoint;
  /** What it moves, in words. */
  what: string;
  /** Where it is one of few things and no number. */
  choices?: Choice[];
}

export function CommandForm({ plant, connected, setpoint: spec, what, choices }: Props) {
  const setpoint = spec.id;
  const said = useSignal<string | null>(null);
  const state = useSignal("");
  const busy = useSignal(false);
  const unanswered = useRef<{ order: string; key: string } | null>(null);

  async function follow(id: string, asked: number) {
    const began = performance.now();
    while (performance.now() - began < POLL_FOR_MS) {
      if (live.peek()) {
        try {
          const result = await commandResult(id);
          said.value = outcome(result, asked);
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
    if (!live.peek() || !connected || busy.peek() || leadsElsewhere() !== null) return;
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
      await follow(id, value);
    } catch (error) {
      const answered = error instanceof CallError && error.answered;
      unanswered.current = answered ? null : { order, key };
      state.value = answered ? "rejected" : "unanswered";
      const text = error instanceof Error ? error.message : String(error);
      said.value = answered ? `✕ not accepted: ${text}` : `? ${text} It may have taken the command. The same order sent again cannot act twice.`;
    }
    busy.value = false;
  }

  const unit = unitText(spec.unit);
  const range = `${digits(spec.min)} to ${digits(spec.max)}${unit && ` ${unit}`}, now ${digits(spec.value)}`;
  const label = choices ? setpoint : `${setpoint}${unit ? ` in ${unit}` : ""}, from ${digits(spec.min)} to ${digits(spec.max)}`;
  const stands = choices?.find((choice) => choice.value === spec.value)?.stands ?? "not known";
  const elsewhere = leadsElsewhere();
  const dead = !live.value || !connected || elsewhere !== null;
  return (
    <form class={choices ? "command choice" : "command"} onSubmit={submit} data-setpoint={setpoint}>
      <span class="command-what">
        {what} <small>{choices ? `now: ${stands}` : range}</small>
      </span>
      {choices ? (
        <select name="value" aria-label={label} title={label} required>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.says}
            </option>
          ))}
        </select>
      ) : (
        <input name="value" type="number" step="any" inputMode="decimal" placeholder={unit || "value"} aria-label={label} title={label} required />
      )}
      <input name="reason" placeholder="reason" aria-label={`Reason for ${setpoint}`} maxLength={200} required />
      <button type="submit" data-command="" disabled={dead || busy.value}>
        Set
      </button>
      {dead && (
        <small class="command-why">
          {!live.value ? "The page is not live." : elsewhere !== null ? <Elsewhere leader={elsewhere} /> : "The plant cannot be reached."}
        </small>
      )}
      {said.value && (
        <output data-command-state={state.value} aria-live="polite">
          {said.value}
        </output>
      )}
    </form>
  );
}
