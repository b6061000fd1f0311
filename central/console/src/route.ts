// Which page the address names. Everything after '#' is the route, so that links can be kept, sent and gone back from, and
// the centre has to serve one page only. Parsing and writing are pure; one signal carries the present route.

import { signal } from "@preact/signals";
import { KINDS, type Kind } from "./types";

export type Route =
  | { page: "fleet" }
  | { page: "plant"; plant: string }
  | { page: "piece"; plant: string; kind: Kind; id: string }
  | { page: "tag"; tag: string }
  | { page: "trends"; tags: string[]; window: View }
  | { page: "journal"; seq: number | null; kind: string }
  | { page: "alarms" }
  | { page: "runbook"; id: string }
  | { page: "dispatch"; plant: string | null }
  | { page: "subagents" }
  | { page: "lost"; hash: string };

/** What a trend shows: the last so many seconds, moving, or a span that stands still (milliseconds). */
export type View = { lastS: number } | { from: number; to: number };

/** Pens of one trend. */
export const MOST_TAGS = 8;
export const DEFAULT_VIEW: View = { lastS: 900 };

const part = encodeURIComponent;

export function href(route: Route): string {
  switch (route.page) {
    case "fleet":
      return "#/";
    case "plant":
      return `#/plants/${part(route.plant)}`;
    case "piece":
      return `#/plants/${part(route.plant)}/${route.kind}/${part(route.id)}`;
    case "tag":
      return `#/tags/${part(route.tag)}`;
    case "trends": {
      const w = route.window;
      const query = [
        route.tags.length > 0 ? `tags=${route.tags.map(part).join(",")}` : "",
        "lastS" in w ? (w.lastS === 900 ? "" : `last=${w.lastS}`) : `from=${new Date(w.from).toISOString()}&to=${new Date(w.to).toISOString()}`,
      ].filter(Boolean);
      return `#/trends${query.length > 0 ? `?${query.join("&")}` : ""}`;
    }
    case "journal": {
      const query = [route.seq === null ? "" : `seq=${route.seq}`, route.kind ? `kind=${part(route.kind)}` : ""].filter(Boolean);
      return `#/journal${query.length > 0 ? `?${query.join("&")}` : ""}`;
    }
    case "alarms":
      return "#/alarms";
    case "runbook":
      return `#/runbooks/${part(route.id)}`;
    case "dispatch":
      return route.plant === null ? "#/dispatch" : `#/dispatch/${part(route.plant)}`;
    case "subagents":
      return "#/sub-agents";
    case "lost":
      return route.hash;
  }
}

function view(query: URLSearchParams): View | null {
  const [from, to, last] = [query.get("from"), query.get("to"), query.get("last")];
  if (from !== null && to !== null) {
    const span = { from: Date.parse(from), to: Date.parse(to) };
    return span.to > span.from ? span : null;
  }
  if (from !== null || to !== null) return null;
  if (last === null) return DEFAULT_VIEW;
  const lastS = Number(last);
  return lastS >= 10 && lastS <= 366 * 86_400 ? { lastS } : null;
}

/** The route of a hash; one that is none is `lost`, so that a wrong link is said and not taken for the front page. */
export function parse(hash: string): Route {
  const [path = "", rest = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const query = new URLSearchParams(rest);
  const lost: Route = { page: "lost", hash };
  let parts: string[];
  try {
    parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return lost;
  }
  const [first, second, third, fourth, ...more] = parts;
  if (more.length > 0) return lost;
  switch (first) {
    case undefined:
      return { page: "fleet" };
    case "plants":
      if (second === undefined) return lost;
      if (third === undefined) return { page: "plant", plant: second };
      if (fourth === undefined || !(KINDS as readonly string[]).includes(third)) return lost;
      return { page: "piece", plant: second, kind: third as Kind, id: fourth };
    case "tags":
      return second !== undefined && third === undefined ? { page: "tag", tag: second } : lost;
    case "trends": {
      const window = view(query);
      const tags = [...new Set((query.get("tags") ?? "").split(",").filter(Boolean))].slice(0, MOST_TAGS);
      return second === undefined && window !== null ? { page: "trends", tags, window } : lost;
    }
    case "journal": {
      const seq = query.get("seq");
      if (second !== undefined || (seq !== null && !/^[1-9]\d{0,14}$/.test(seq))) return lost;
      return { page: "journal", seq: seq === null ? null : Number(seq), kind: query.get("kind") ?? "" };
    }
    case "alarms":
      return second === undefined ? { page: "alarms" } : lost;
    case "runbooks":
      return second !== undefined && third === undefined ? { page: "runbook", id: second } : lost;
    case "dispatch":
      return third === undefined ? { page: "dispatch", plant: second ?? null } : lost;
    case "sub-agents":
      return second === undefined ? { page: "subagents" } : lost;
    default:
      return lost;
  }
}

export const route = signal<Route>({ page: "fleet" });

/** Begins to follow the address. */
export function follow(): void {
  const read = () => (route.value = parse(location.hash));
  read();
  addEventListener("hashchange", read);
}

export function go(to: Route): void {
  location.hash = href(to);
}

/** Another state of the same page: the address tells it, and "back" leaves the page rather than undoing each step. */
export function restate(to: Route): void {
  history.replaceState(null, "", href(to));
  route.value = to;
}
