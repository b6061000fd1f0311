// Numbers and times as the operator reads them. A value that is not there is a dash, so that it can never be taken for zero.

const DASH = "–";

/** A number with the digits that its size deserves; `null` and what is no number become a dash. */
export function digits(value: number | null | undefined): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return DASH;
  const size = Math.abs(value);
  const decimals = size >= 1000 ? 0 : size >= 100 ? 1 : 2;
  return fixed(value, decimals);
}

/** A number with so many decimals. */
export function fixed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text; // never "-0.00"
}

/** A tag's value of any type. */
export function anyValue(value: number | boolean | string | null | undefined): string {
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "string") return value;
  return digits(value);
}

/** A span of time in the coarsest unit that still tells something. */
export function span(ms: number | null | undefined): string {
  if (typeof ms !== "number" || !Number.isFinite(ms)) return DASH;
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return `${Math.floor(s / 3600)} h`;
}

/** The UTC time of day of an RFC 3339 time. */
export function clock(time: string | null | undefined): string {
  if (!time) return DASH;
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? DASH : `${at.toISOString().slice(11, 19)}Z`;
}

/** A share of a range as a percentage kept within the drawing. */
export function percent(value: number | null | undefined, from: number, to: number): number {
  if (typeof value !== "number" || !Number.isFinite(value) || !(to > from)) return 0;
  return Math.min(100, Math.max(0, ((value - from) / (to - from)) * 100));
}

export function words(id: string): string {
  return id.replaceAll("-", " ");
}

/** A unit as it is written by hand; a plain number has none. */
export function unitText(unit: string | null): string {
  return unit === "1" || unit === null ? "" : unit === "degC" ? "°C" : unit;
}
