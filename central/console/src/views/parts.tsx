// The small drawings that every view shares: an analog bar, and a mark that turns into an alarm.

import type { ComponentChildren } from "preact";
import { digits, percent, unitText, words } from "../format";
import { live } from "../live";
import { named } from "../names";
import { href } from "../route";
import { allPlants } from "../store";
import type { Kind, Quality } from "../types";

/** Text that is plain in normal running and an alarm (shape, text and only then colour) when it is not. */
export function Mark(props: { alarm: boolean; children: ComponentChildren }) {
  if (!props.alarm) return <span>{props.children}</span>;
  return (
    <span class="alarm" data-alarm="">
      ▲ {props.children}
    </span>
  );
}

/** A cell with a measured number. One that is not known carries a shape and a hatch, so that a dash cannot be taken for "none". */
export function Num(props: { value: number | null | undefined; unit?: string; alarm?: boolean }) {
  const known = typeof props.value === "number" && Number.isFinite(props.value);
  const text = props.unit ? `${digits(props.value)} ${unitText(props.unit)}` : digits(props.value);
  return <td class={known ? "number" : "number q-bad"}>{props.alarm ? <Mark alarm>{text}</Mark> : text}</td>;
}

/** A cell with a figure of the fleet's file, which is true whether or not anything is heard. */
export const Figure = (props: { value: number }) => <td class="number figure">{digits(props.value)}</td>;

/** How far what a line shows can be trusted: the worst of the tags behind it, by sign, hatch and word. */
export function QualityCell(props: { of: { quality?: Quality; reason?: string | null }; connected: boolean }) {
  const { quality, reason } = props.of;
  if (quality === undefined) return <td>–</td>;
  const shown = props.connected && live.value ? quality : "stale";
  return (
    <td class={shown === "good" ? "quality" : `quality q-${shown}`}>
      {shown}
      {reason && reason !== shown ? `: ${words(reason)}` : ""}
    </td>
  );
}

/** A measured number in running text. */
export function Value(props: { value: number | null | undefined; unit: string }) {
  const known = typeof props.value === "number" && Number.isFinite(props.value);
  return <span class={known ? "value" : "value q-bad"}>{`${digits(props.value)} ${props.unit}`}</span>;
}

/** A table in a frame of its own: what does not fit is scrolled there and never lies over its neighbour. */
export function Framed(props: { name: string; children: ComponentChildren }) {
  return (
    <div class="framed" role="region" aria-label={props.name} tabIndex={0}>
      {props.children}
    </div>
  );
}

/** A piece of equipment by the name that people know, leading to it; its id stands behind, for whoever looks for it in files. */
export function Called(props: { id: string; kinds?: readonly Kind[] }) {
  const found = named(allPlants(), props.id, props.kinds);
  if (found === null) return <>{props.id}</>;
  return (
    <>
      <a href={href({ page: "piece", plant: found.plant, kind: found.kind, id: found.id })}>{found.name}</a> <small>{found.id}</small>
    </>
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
