// A chart of tags over a moving or a standing span, with its recorders: what the trends page and the faceplates share.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { serverNow, tick } from "../live";
import { Recorder } from "../recorder";
import type { View } from "../route";
import { axes, type Sample } from "../series";
import { tag, tagIds } from "../store";
import { Chart, type Pen, type Span } from "./Chart";

/** The span that is shown now; `null` until the server's time is known. */
function spanOf(view: View): Span | null {
  if (!("lastS" in view)) return view;
  const now = serverNow();
  return now === null ? null : { from: now - view.lastS * 1000, to: now };
}

/** Does this tag hold its value until it changes? States, flags and setpoints do. */
const stepped = (id: string): boolean => {
  const t = tag(id)?.peek();
  return t !== undefined && (t.unit === "1" || /[.-](sp|setpoint)$/.test(id));
};

export interface Reading {
  id: string;
  digit: number;
  unit: string;
  shown: boolean;
  problem: string;
  /** What held at the cursor; `null`: nothing known there. */
  cursor: Sample | null;
}

interface Props {
  ids: string[];
  view: View;
  height: number;
  label: string;
  onView?: (view: View) => void;
  /** Draws what is read at the cursor. */
  children?: (readings: Reading[], at: number | null) => preact.ComponentChildren;
}

export function Trend({ ids, view, height, label, onView, children }: Props) {
  const version = useSignal(0);
  const cursor = useSignal<number | null>(null);
  const recorders = useRef(new Map<string, Recorder>());
  const listed = ids.join(",");
  // Redrawn once a second, and whenever a history arrived.
  void tick.value;
  void tagIds.value;
  const span = spanOf(view);
  const known = span !== null;

  const list = useMemo(() => {
    const kept = recorders.current;
    for (const [id, recorder] of kept) {
      if (!ids.includes(id)) {
        recorder.stop();
        kept.delete(id);
      }
    }
    return ids.map((id) => {
      const recorder = kept.get(id) ?? new Recorder(id, () => version.value++);
      kept.set(id, recorder);
      return recorder;
    });
  }, [listed]);
  useEffect(
    () => () => {
      for (const recorder of recorders.current.values()) recorder.stop();
      recorders.current.clear();
    },
    [],
  );

  const asked = "lastS" in view ? `last ${view.lastS}` : `${view.from} ${view.to}`;
  useEffect(() => {
    const now = spanOf(view);
    if (now) for (const recorder of list) void recorder.load(now.from, now.to);
  }, [asked, listed, known]);

  const units = ids.map((id) => tag(id)?.peek().unit ?? "?");
  const sides = axes(units.map((u) => (u === "1" ? "" : u)));
  const pens: Pen[] = list.flatMap((recorder, i) => {
    const axis = sides[i];
    if (axis === null || axis === undefined) return [];
    const unit = units[i] ?? "?";
    return [{ recorder, digit: i + 1, unit: unit === "1" ? "" : unit === "degC" ? "°C" : unit, axis, stepped: stepped(recorder.id) }];
  });
  const at = cursor.value;
  const readings = list.map((recorder, i): Reading => ({
    id: recorder.id,
    digit: i + 1,
    unit: units[i] ?? "?",
    shown: sides[i] !== null,
    problem: recorder.problem,
    cursor: at === null ? null : recorder.series.heldAt(at),
  }));

  return (
    <>
      {span === null ? (
        <p class="waiting">Waiting for the centre's time…</p>
      ) : (
        <Chart
          pens={pens}
          span={span}
          height={height}
          label={label}
          version={version.value}
          onCursor={(time) => (cursor.value = time)}
          {...(onView ? { onSpan: (s: Span) => onView(s) } : {})}
        />
      )}
      {children?.(readings, at)}
    </>
  );
}
