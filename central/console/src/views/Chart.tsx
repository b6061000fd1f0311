// A trend: uPlot, drawn in greys. Pens are told apart by dash, weight and the digit at the end of the line, never by colour;
// a hole is a bad value or a silence, with a cross at the foot where the value was bad.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { live, serverNow } from "../live";
import type { Recorder } from "../recorder";
import { POINTS } from "../recorder";
import { drawn } from "../theme";
import { silenceOf } from "../series";

export interface Pen {
  recorder: Recorder;
  digit: number;
  unit: string;
  /** 0: the axis on the left, 1: on the right. */
  axis: 0 | 1;
  /** A state or a setpoint holds until it changes; a measurement is on its way between two samples. */
  stepped: boolean;
}

export interface Span {
  from: number;
  to: number;
}

/** Dash patterns and weights of the pens, by digit. */
export const PENS: { dash: number[]; width: number }[] = [
  { dash: [], width: 1.5 },
  { dash: [9, 4], width: 1.5 },
  { dash: [2, 3], width: 2 },
  { dash: [12, 3, 2, 3], width: 1.5 },
  { dash: [], width: 3 },
  { dash: [9, 4], width: 3 },
  { dash: [2, 5], width: 3.5 },
  { dash: [12, 3, 2, 3], width: 3 },
];

export const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const two = (n: number) => String(n).padStart(2, "0");

/** Tick labels in UTC: as much of the time as the step tells, and the day where it changes. */
export function timeLabels(_: uPlot, splits: number[], _axis: number, _space: number, step: number): string[] {
  let day = -1;
  return splits.map((s) => {
    const at = new Date(s * 1000);
    const date = `${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
    const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}${step < 60 ? `:${two(at.getUTCSeconds())}` : ""}`;
    const changed = day !== -1 && at.getUTCDate() !== day;
    day = at.getUTCDate();
    return step >= 86_400 ? date : changed ? `${time}\n${date}` : time;
  });
}

function data(pens: Pen[], span: Span, liveAt: number | null): uPlot.AlignedData {
  const silence = silenceOf(span.from, span.to, POINTS);
  const tables = pens.map((pen) => pen.recorder.series.line(span.from, span.to, silence, liveAt) as unknown as uPlot.AlignedData);
  // One table for each pen: uPlot lays them on one axis of time and knows a hole (null) from a time that is another pen's.
  return uPlot.join(tables, tables.map((t) => t.map(() => 1)));
}

/** Keeps a plot as wide as its element until it is drawn anew; the way to end it. */
export function keep(plot: { current: uPlot | null }, made: uPlot, element: HTMLElement, height: number): () => void {
  plot.current = made;
  const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
  resized.observe(element);
  return () => {
    resized.disconnect();
    made.destroy();
    plot.current = null;
  };
}

interface Props {
  pens: Pen[];
  span: Span;
  height: number;
  label: string;
  /** A number that changes when series were filled from outside. */
  version: number;
  onCursor?: (at: number | null) => void;
  onSpan?: (span: Span) => void;
}

export function Chart({ pens, span, height, label, version, onCursor, onSpan }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const now = useRef({ pens, span, onCursor, onSpan });
  now.current = { pens, span, onCursor, onSpan };
  const shape = pens.map((p) => `${p.digit}${p.unit}${p.axis}${p.stepped}${p.recorder.id}`).join("|");
  const theme = drawn.value;

  useEffect(() => {
    const element = box.current;
    if (!element || pens.length === 0) return;
    const [text, dim, line, ground] = [css("--text"), css("--dim"), css("--line"), css("--panel")];
    const axis = (scale: string, unit: string, side: 1 | 3, grid: boolean): uPlot.Axis => ({
      scale,
      side,
      label: unit === "" ? "state" : unit,
      labelSize: 20,
      labelFont: "12px system-ui, 'DejaVu Sans', sans-serif",
      font: "12px system-ui, 'DejaVu Sans', sans-serif",
      size: 52,
      stroke: text,
      grid: { show: grid, stroke: line, width: 1 },
      ticks: { stroke: line, width: 1 },
    });
    const units = [0, 1].map((a) => pens.find((p) => p.axis === a)?.unit);
    const made = new uPlot(
      {
        width: element.clientWidth,
        height,
        tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
        scales: { x: { time: true }, y0: { range: reach }, y1: { range: reach } },
        axes: [
          { stroke: text, font: "12px system-ui, 'DejaVu Sans', sans-serif", grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, values: timeLabels, space: 70 },
          ...(units[0] === undefined ? [] : [axis("y0", units[0], 3, true)]),
          ...(units[1] === undefined ? [] : [axis("y1", units[1], 1, false)]),
        ],
        series: [
          {},
          ...pens.map((pen): uPlot.Series => {
            const look = PENS[(pen.digit - 1) % PENS.length] ?? { dash: [], width: 1.5 };
            const series: uPlot.Series = { scale: `y${pen.axis}`, stroke: text, width: look.width, dash: look.dash, points: { show: false }, spanGaps: false };
            const stepped = uPlot.paths.stepped?.({ align: 1 });
            if (pen.stepped && stepped) series.paths = stepped;
            return series;
          }),
        ],
        hooks: {
          setCursor: [
            (u) => {
              const left = u.cursor.left ?? -1;
              now.current.onCursor?.(left < 0 ? null : u.posToVal(left, "x") * 1000);
            },
          ],
          setSelect: [
            (u) => {
              if (u.select.width < 4) return;
              const from = u.posToVal(u.select.left, "x") * 1000;
              const to = u.posToVal(u.select.left + u.select.width, "x") * 1000;
              u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
              if (to - from >= 1000) now.current.onSpan?.({ from: Math.round(from), to: Math.round(to) });
            },
          ],
          draw: [(u) => drawMarks(u, now.current.pens, now.current.span, { text, dim, ground })],
        },
      },
      data(pens, span, null),
      element,
    );
    return keep(plot, made, element, height);
  }, [shape, theme, height]);

  useEffect(() => {
    const u = plot.current;
    if (!u) return;
    const draw = () => {
      u.batch(() => {
        u.setData(data(pens, span, live.peek() ? serverNow() : null), false);
        u.setScale("x", { min: span.from / 1000, max: span.to / 1000 });
      });
    };
    draw();
  }, [shape, theme, height, version, span.from, span.to]);

  function keys(event: KeyboardEvent) {
    const u = plot.current;
    if (!u) return;
    const width = span.to - span.from;
    const move = (by: number) => onSpan?.({ from: span.from + by, to: span.to + by });
    const zoom = (by: number) => onSpan?.({ from: span.from + (width * (1 - by)) / 2, to: span.to - (width * (1 - by)) / 2 });
    const across = u.over.clientWidth;
    const at = u.cursor.left !== undefined && u.cursor.left >= 0 ? u.cursor.left : across / 2;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const sign = event.key === "ArrowLeft" ? -1 : 1;
      if (event.shiftKey) move((sign * width) / 4);
      else u.setCursor({ left: Math.min(across - 1, Math.max(0, at + sign * 8)), top: 10 });
    } else if (event.key === "+") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else return;
    event.preventDefault();
  }

  return (
    <div class="chart" tabIndex={0} role="group" aria-label={`${label}. Arrow keys move the cursor, with Shift the time; plus and minus zoom.`} onKeyDown={keys}>
      <div ref={box} style={{ height: `${height}px` }} />
    </div>
  );
}

/** The reach of an axis: all that is shown and a little more; a line that does not move is shown in the middle. */
function reach(_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null) return [0, 1];
  const room = Math.max((max - min) * 0.08, Math.abs(max) * 0.02, 0.05);
  return [min - room, max + room];
}

/** The digit of each pen at the end of its line, and crosses where a value was bad. */
function drawMarks(u: uPlot, pens: Pen[], span: Span, ink: { text: string; dim: string; ground: string }): void {
  const c = u.ctx;
  const pixel = devicePixelRatio;
  c.save();
  c.font = `600 ${12 * pixel}px system-ui, 'DejaVu Sans', sans-serif`;
  c.textBaseline = "middle";
  c.textAlign = "center";
  const taken: number[] = [];
  pens.forEach((pen, i) => {
    const xs = u.data[0];
    const ys = u.data[i + 1];
    if (!xs || !ys) return;
    for (let n = xs.length - 1; n >= 0; n--) {
      const y = ys[n];
      const x = xs[n] ?? 0;
      if (y === null || y === undefined || x * 1000 > span.to || x * 1000 < span.from) continue;
      const right = u.bbox.left + u.bbox.width - 9 * pixel;
      const px = Math.min(u.valToPos(x, "x", true), right);
      let py = u.valToPos(y, `y${pen.axis}`, true);
      while (taken.some((other) => Math.abs(other - py) < 14 * pixel)) py += 14 * pixel;
      taken.push(py);
      c.fillStyle = ink.ground;
      c.fillRect(px - 7 * pixel, py - 8 * pixel, 14 * pixel, 16 * pixel);
      c.setLineDash([]);
      c.strokeStyle = ink.dim;
      c.lineWidth = pixel;
      c.strokeRect(px - 7 * pixel, py - 8 * pixel, 14 * pixel, 16 * pixel);
      c.fillStyle = ink.text;
      c.fillText(String(pen.digit), px, py);
      break;
    }
    for (const [from] of pen.recorder.series.bad(span.from, span.to)) {
      const px = u.valToPos(Math.max(from, span.from) / 1000, "x", true);
      c.fillStyle = ink.text;
      c.fillText(`✕${pen.digit}`, px + 8 * pixel, u.bbox.top + u.bbox.height - (8 + 13 * (i % 3)) * pixel);
    }
  });
  c.restore();
}
