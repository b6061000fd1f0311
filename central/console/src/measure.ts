// How wide a text of the mimic is drawn: a field is made as wide as what stands in it, and a name ends before its box does.
// The letters' own widths count; a guess by their number is wrong by a third, for bold ones most of all.

const FACE = '13px system-ui, "DejaVu Sans", sans-serif';
export const PLAIN = `400 ${FACE}`;
export const BOLD = `600 ${FACE}`;

let context: CanvasRenderingContext2D | null | undefined;

/** In units of the drawing, whose letters are of 13. */
export function widthOf(text: string, font: string): number {
  context ??= document.createElement("canvas").getContext("2d");
  if (!context) return text.length * 9;
  context.font = font;
  return context.measureText(text).width;
}

/** The text, or as much of its beginning as has room, with a sign that there is more. */
export function fitted(text: string, room: number, width: (text: string) => number): string {
  if (width(text) <= room) return text;
  let most = text.length - 1;
  while (most > 0 && width(`${text.slice(0, most).trimEnd()}…`) > room) most--;
  return `${text.slice(0, most).trimEnd()}…`;
}
