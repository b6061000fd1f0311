// What tells the layers of a stack apart without colour: six patterns in two tones of grey, so that neighbours differ in
// both, and a number where the layer is thick enough to bear one. One function draws chart and legend alike.

import { css } from "./Chart";

const TILE = 8;

type Ink = CanvasRenderingContext2D;

const DRAW: ((c: Ink) => void)[] = [
  () => {},
  (c) => lines(c, [[0, TILE, TILE, 0], [-1, 1, 1, -1], [TILE - 1, TILE + 1, TILE + 1, TILE - 1]]),
  (c) => {
    for (const [x, y] of [[2, 2], [6, 6]] as const) c.fillRect(x - 1, y - 1, 2, 2);
  },
  (c) => lines(c, [[0, 4, TILE, 4]]),
  (c) => lines(c, [[0, 0, TILE, TILE], [-1, TILE - 1, 1, TILE + 1], [TILE - 1, -1, TILE + 1, 1]]),
  (c) => lines(c, [[4, 0, 4, TILE]]),
];

function lines(c: Ink, all: [number, number, number, number][]): void {
  c.beginPath();
  for (const [x0, y0, x1, y1] of all) {
    c.moveTo(x0, y0);
    c.lineTo(x1, y1);
  }
  c.stroke();
}

/** Pattern and tone of a layer. */
export const lookOf = (index: number): { pattern: number; tone: 0 | 1 } => ({
  pattern: index % DRAW.length,
  tone: ((index + Math.floor(index / DRAW.length)) % 2) as 0 | 1,
});

/** How a layer is filled, in the theme that is drawn. */
export function fillOf(c: Ink, index: number): CanvasPattern | string {
  const { pattern, tone } = lookOf(index);
  const pixel = Math.max(1, Math.round(devicePixelRatio));
  const tile = document.createElement("canvas");
  tile.width = tile.height = TILE * pixel;
  const t = tile.getContext("2d");
  const ground = css(`--layer-${tone}`);
  if (!t) return ground;
  t.scale(pixel, pixel);
  t.fillStyle = ground;
  t.fillRect(0, 0, TILE, TILE);
  t.strokeStyle = t.fillStyle = css(`--layer-ink-${tone}`);
  t.lineWidth = 1.2;
  DRAW[pattern]?.(t);
  return c.createPattern(tile, "repeat") ?? ground;
}
