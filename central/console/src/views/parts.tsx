// The small drawings that every view shares: an analog bar, and a mark that turns into an alarm.

import type { ComponentChildren } from "preact";
import { percent } from "../format";

/** Text that is plain in normal running and an alarm (shape, text and only then colour) when it is not. */
export function Mark(props: { alarm: boolean; children: ComponentChildren }) {
  if (!props.alarm) return <span>{props.children}</span>;
  return (
    <span class="alarm" data-alarm="">
      ▲ {props.children}
    </span>
  );
}

/** A moving pointer against the band of normal running. */
export function BandBar(props: { value: number | null; low: number; high: number; nominal: number; label: string }) {
  const margin = (props.high - props.low) * 0.3;
  const from = props.low - margin;
  const to = props.high + margin;
  const at = (v: number) => `${percent(v, from, to)}%`;
  return (
    <div class="band-bar" role="img" aria-label={props.label}>
      <div class="band" style={{ left: at(props.low), width: `${percent(props.high, from, to) - percent(props.low, from, to)}%` }} />
      <div class="nominal" style={{ left: at(props.nominal) }} />
      {props.value !== null && <div class="pointer" style={{ left: at(props.value) }} />}
    </div>
  );
}

/** A filled bar from zero to a capacity, with an optional mark where it should be or may reach. */
export function FillBar(props: { value: number | null; max: number | null; mark?: number | null | undefined; label: string }) {
  const max = props.max ?? 0;
  return (
    <div class="fill-bar" role="img" aria-label={props.label}>
      <div class="fill" style={{ width: `${percent(props.value, 0, max)}%` }} />
      {typeof props.mark === "number" && <div class="mark" style={{ left: `${percent(props.mark, 0, max)}%` }} />}
    </div>
  );
}
