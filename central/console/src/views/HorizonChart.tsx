// One chart of the horizon: layers that stand on each other, and lines. Time is real, so the graded steps are as wide as they
// are long. Missing heat lies over the drawing as elements of the page, because only those can be marked as an alarm.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Gap } from "../horizon";
import { reachOf, stepAt } from "../horizon";
import { drawn } from "../theme";
import { css, keep, type Span, timeLabels } from "./Chart";
import { fillOf } from "./patterns";

/** Width of the sign at the head of missing heat. */
const FLAG_PX = 16;
const FONT = "12px system-ui, 'DejaVu Sans', sans-serif";

export interface Line {
  id: string;
  /** One value a step. */
  values: number[];
  width: number;
  dash: number[];
  /** Holds during each step; what does not is the value at the end of a step. */
  stepped: boolean;
}

export interface Layer {
  id: string;
  low: number[];
  high: number[];
}

interface Props {
  name: string;
  unit: string;
  /** Where the steps begin, and the end of the last, ms. */
  edges: number[];
  span: Span;
  layers: Layer[];
  lines: Line[];
  gaps: Gap[];
  /** The axis begins at zero. */
  fromZero: boolean;
  height: number;
  /** The step under the cursor. */
  step: number;
  onStep: (step: number) => void;
}

/** Values at the edges: a step's from its beginning on, or at its end. */
const atEdges = (line: Line): (number | null)[] => (line.stepped ? [...line.values, line.values.at(-1) ?? null] : [null, ...line.values]);

export function HorizonChart(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const now = useRef(props);
  now.current = props;
  const { edges, span, layers, lines, height, step } = props;
  const shape = `${lines.map((l) => `${l.id} ${l.width} ${l.dash} ${l.stepped}`).join("|")} ${props.unit} ${height}`;
  const theme = drawn.value;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const [text, line] = [css("--text"), css("--line")];
    const reach = (): uPlot.Range.MinMax => {
      const { layers, lines, edges, span, fromZero } = now.current;
      const found = reachOf([...layers.flatMap((l) => [l.low, l.high]), ...lines.map((l) => l.values)], edges, span.from, span.to);
      const [low, high] = found ?? [0, 1];
      const [least, most] = fromZero ? [Math.min(0, low), Math.max(0, high)] : [low, high];
      const room = Math.max((most - least) * 0.08, Math.abs(most) * 0.02, 0.05);
      return [fromZero && least === 0 ? 0 : least - room, most + room];
    };
    const mark = document.createElement("div");
    mark.className = "step-mark";
    const made = new uPlot(
      {
        width: element.clientWidth,
        height,
        padding: [10, 14, 0, 0],
        tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, points: { show: false }, x: false, y: false },
        scales: { x: { time: true }, y: { range: reach } },
        axes: [
          { stroke: text, font: FONT, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, values: timeLabels, space: 70 },
          { scale: "y", label: props.unit, labelSize: 20, labelFont: FONT, font: FONT, size: 56, stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } },
        ],
        series: [
          {},
          ...lines.map((l): uPlot.Series => {
            const series: uPlot.Series = { scale: "y", stroke: text, width: l.width, dash: l.dash, points: { show: false } };
            const stepped = uPlot.paths.stepped?.({ align: 1 });
            if (l.stepped && stepped) series.paths = stepped;
            return series;
          }),
        ],
        hooks: {
          // Below the lines and the axes' grid stays seen where nothing stands.
          drawAxes: [(u) => drawLayers(u, now.current.layers, now.current.edges)],
          draw: [
            (u) => {
              drawNumbers(u, now.current.layers, now.current.edges);
              placeGaps(u, now.current.gaps);
              placeMark(u, mark, now.current.edges, now.current.step);
            },
          ],
          setCursor: [
            (u) => {
              const left = u.cursor.left ?? -1;
              if (left >= 0) now.current.onStep(stepAt(u.posToVal(left, "x") * 1000, now.current.edges));
            },
          ],
        },
      },
      [[], ...lines.map(() => [])] as uPlot.AlignedData,
      element,
    );
    made.over.append(mark);
    return keep(plot, made, element, height);
  }, [shape, theme]);

  useEffect(() => {
    const u = plot.current;
    if (!u) return;
    u.batch(() => {
      u.setData([edges.map((at) => at / 1000), ...lines.map(atEdges)] as uPlot.AlignedData, false);
      u.setScale("x", { min: span.from / 1000, max: span.to / 1000 });
    });
  }, [shape, theme, edges, layers, lines, span.from, span.to]);

  useEffect(() => {
    const u = plot.current;
    const mark = u?.over.querySelector<HTMLElement>(".step-mark");
    if (u && mark) placeMark(u, mark, edges, step);
  }, [step]);

  return (
    <div class="chart" role="img" aria-label={props.name}>
      <div ref={box} style={{ height: `${height}px` }} />
    </div>
  );
}

/** Each layer step by step, since it may change from above zero to below. */
function drawLayers(u: uPlot, layers: Layer[], edges: number[]): void {
  const c = u.ctx;
  const pixel = devicePixelRatio;
  const { left, top, width, height } = u.bbox;
  c.save();
  c.beginPath();
  c.rect(left, top, width, height);
  c.clip();
  // On whole pixels, so that no seam shows between two steps.
  const xs = edges.map((at) => Math.round(u.valToPos(at / 1000, "x", true)));
  const edge = css("--panel");
  layers.forEach((layer, index) => {
    const steps = layer.low.length;
    const y = (v: number | undefined) => u.valToPos(v ?? 0, "y", true);
    c.fillStyle = fillOf(c, index);
    c.strokeStyle = edge;
    c.lineWidth = pixel;
    c.beginPath();
    for (let t = 0; t < steps; t++) {
      const [from, to, above, below] = [xs[t] ?? 0, xs[t + 1] ?? 0, y(layer.high[t]), y(layer.low[t])];
      if (below - above < 0.5) continue;
      c.fillRect(from, above, to - from, below - above);
      c.moveTo(from, above);
      c.lineTo(to, above);
      c.moveTo(from, below);
      c.lineTo(to, below);
    }
    c.stroke();
  });
  c.restore();
}

/** The number of each layer over everything else, so that a line does not cross it. */
function drawNumbers(u: uPlot, layers: Layer[], edges: number[]): void {
  const c = u.ctx;
  c.save();
  c.font = `600 ${12 * devicePixelRatio}px system-ui, 'DejaVu Sans', sans-serif`;
  c.textAlign = "center";
  c.textBaseline = "middle";
  const xs = edges.map((at) => u.valToPos(at / 1000, "x", true));
  layers.forEach((layer, index) => writeNumber(c, index, layer, xs, u));
  c.restore();
}

/** The number of a layer, where most of it is seen; a layer that is too thin bears none. */
function writeNumber(c: CanvasRenderingContext2D, index: number, layer: Layer, xs: number[], u: uPlot): void {
  const pixel = devicePixelRatio;
  const y = (v: number | undefined) => u.valToPos(v ?? 0, "y", true);
  const [begin, end] = [u.bbox.left, u.bbox.left + u.bbox.width];
  let best = { room: 0, x: 0, y: 0 };
  layer.low.forEach((low, t) => {
    const [from, to] = [Math.max(begin, xs[t] ?? 0), Math.min(end, xs[t + 1] ?? 0)];
    const [above, below] = [y(layer.high[t]), y(low)];
    if (to - from < 18 * pixel || below - above < 15 * pixel) return;
    const room = Math.min(to - from, 60 * pixel) * Math.min(below - above, 40 * pixel);
    if (room > best.room) best = { room, x: (from + to) / 2, y: (above + below) / 2 };
  });
  if (best.room === 0) return;
  c.fillStyle = css("--panel");
  c.fillRect(best.x - 9 * pixel, best.y - 7 * pixel, 18 * pixel, 14 * pixel);
  c.fillStyle = css("--text");
  c.fillText(String(index + 1), best.x, best.y);
}

/** Marks of missing heat between what is served and what is asked for, at least so thick that they are seen. */
function placeGaps(u: uPlot, gaps: Gap[]): void {
  for (const old of u.over.querySelectorAll(".gap, .gap-flag")) old.remove();
  let [flagged, until] = [-Infinity, -Infinity];
  const [width, height] = [u.over.clientWidth, u.over.clientHeight];
  for (const gap of gaps) {
    const from = Math.max(0, u.valToPos(gap.from / 1000, "x"));
    const to = Math.min(width, u.valToPos(gap.to / 1000, "x"));
    const above = Math.max(0, u.valToPos(gap.asked, "y"));
    const below = Math.min(height, Math.max(u.valToPos(gap.served, "y"), above + 4));
    if (to <= from || below <= above) continue;
    const mark = document.createElement("div");
    mark.className = "gap";
    mark.dataset["alarm"] = "unserved";
    Object.assign(mark.style, { left: `${from}px`, width: `${Math.max(2, to - from)}px`, top: `${above}px`, height: `${below - above}px` });
    u.over.append(mark);
    // Minutes are thin on an axis of hours: a sign at the head says that there is something to zoom to.
    const goesOn = gap.from === until;
    until = gap.to;
    if (goesOn || from - flagged < FLAG_PX) continue;
    flagged = from;
    const flag = document.createElement("div");
    flag.className = "gap-flag";
    flag.dataset["alarm"] = "unserved";
    flag.textContent = "▲";
    flag.style.left = `${Math.min(width - FLAG_PX, from)}px`;
    u.over.append(flag);
  }
}

function placeMark(u: uPlot, mark: HTMLElement, edges: number[], step: number): void {
  const width = u.over.clientWidth;
  const from = Math.max(0, u.valToPos((edges[step] ?? 0) / 1000, "x"));
  const to = Math.min(width, u.valToPos((edges[step + 1] ?? 0) / 1000, "x"));
  mark.hidden = to < 0 || from > width;
  Object.assign(mark.style, { left: `${from}px`, width: `${Math.max(3, to - from)}px` });
}
