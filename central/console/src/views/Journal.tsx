// What was decided, entry by entry, newest first, and whether the chain of it holds. Pages are read backwards from the head;
// at the head the page is live.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { CallError, journalFrom, journalHead, readiness } from "../api";
import { digits, clock, words } from "../format";
import { live, tick } from "../live";
import { href, restate, type Route } from "../route";
import type { Entry } from "../types";
import { Mark } from "./parts";

const KINDS = [
  "started", "forked", "edge-linked", "edge-lost", "edge-mode", "source-changed", "scheduled", "schedule-refused", "loss-refused", "ordered", "answered",
  "unanswered", "stranger", "table-issued", "restoration-opened", "restoration-moved", "restoration-closed", "escalated", "alarm-raised",
  "alarm-cleared", "alarm-acknowledged",
];
/** Entries that are shown of one reading. */
const PAGE = 50;
/** Entries fetched at once: a schedule is long, and a filter throws most of them away. */
const CHUNK = 100;
/** Entries that one reading looks through for those of a kind, before it asks whether to go on. */
const REACH = 1000;
const HEAD_EVERY_MS = 2000;

type JournalRoute = Extract<Route, { page: "journal" }>;

/** One line of what an entry says, for reading down the list. */
export function gist(entry: Entry): string {
  const b = (typeof entry.body === "object" && entry.body !== null ? entry.body : {}) as Record<string, any>;
  switch (entry.kind) {
    case "scheduled": {
      const s = b["schedule"] ?? {};
      const why = Array.isArray(s.why) && s.why.length > 0 ? `: ${s.why[0]}` : "";
      return `${s.origin ?? "schedule"}, ${(s.setpoints ?? []).length} setpoints${why}`;
    }
    case "ordered":
      return (b["orders"] ?? []).map((o: any) => (o.action?.set ? `${o.action.set.setpoint} = ${o.action.set.value}` : `reset ${o.action?.["reset-trip"]?.trip ?? ""}`) + ` (${o.by?.user ?? words(String(o.writer ?? ""))})`).join("; ");
    case "answered": {
      const v = b["verdict"] ?? {};
      if (v === "done" || v.done) return `${b["id"]} done, read back ${digits(v.done?.readback)}`;
      return `${b["id"]} refused by ${v.refused?.gate ?? "?"}: ${v.refused?.reason ?? ""}`;
    }
    case "source-changed":
      return `${b["source"]}: ${b["from"] ?? "unknown"} → ${b["to"]}`;
    case "alarm-raised":
      return `${b["alarm"]}: ${b["text"]}`;
    default: {
      const told = Object.entries(b).filter(([, v]) => typeof v === "string" || typeof v === "number");
      return told.map(([name, value]) => `${name} ${value}`).join(", ");
    }
  }
}

/** Do these entries, newest first, hang on each other where they are neighbours? The one that does not, if any. */
export function broken(entries: Entry[]): Entry | null {
  for (let i = 0; i + 1 < entries.length; i++) {
    const [newer, older] = [entries[i], entries[i + 1]];
    if (newer && older && newer.seq === older.seq + 1 && newer.prev_hash !== older.hash) return newer;
  }
  return null;
}

function Chain({ entries }: { entries: Entry[] }) {
  const said = useSignal<{ ok: boolean; detail: string } | null>(null);
  useEffect(() => {
    let gone = false;
    const ask = async () => {
      try {
        const checks = await readiness();
        if (!gone) said.value = checks["journal"] ?? null;
      } catch {
        if (!gone) said.value = null;
      }
    };
    void ask();
    const every = setInterval(ask, 10_000);
    return () => {
      gone = true;
      clearInterval(every);
    };
  }, []);
  const cut = broken(entries);
  return (
    <dl class="facts">
      <div>
        <dt>Centre's audit</dt>
        <dd id="chain" data-chain={said.value === null ? "unknown" : String(said.value.ok)}>
          {said.value === null ? "? not known" : <Mark alarm={!said.value.ok}>{said.value.ok ? `✓ the chain holds (${said.value.detail.replace(/:([0-9a-f]{12})[0-9a-f]+$/, ":$1…")})` : said.value.detail}</Mark>}
        </dd>
      </div>
      <div>
        <dt>Entries shown</dt>
        <dd>{cut === null ? "✓ each names the hash of the one before" : <Mark alarm>#{cut.seq} does not name the hash of #{cut.seq - 1}</Mark>}</dd>
      </div>
    </dl>
  );
}

function EntryRow({ entry, open, toggle }: { entry: Entry; open: boolean; toggle: () => void }) {
  return (
    <>
      <tr data-entry={entry.seq} data-kind={entry.kind}>
        <th scope="row">
          <button type="button" class="plain" aria-expanded={open} onClick={toggle}>
            {open ? "▼" : "▶"} #{entry.seq}
          </button>
        </th>
        <td>
          {entry.time.slice(0, 10)} {clock(entry.time)}
        </td>
        <td>{words(entry.kind)}</td>
        <td class="gist">{gist(entry)}</td>
        <td class="number figure">{entry.epoch}</td>
      </tr>
      {open && (
        <tr>
          <td colSpan={5}>
            <p class="quiet">
              hash {entry.hash}
              <br />
              before it {entry.prev_hash}
            </p>
            <pre class="body" tabIndex={0} role="region" aria-label={`Body of entry ${entry.seq}`}>
              {typeof entry.body === "string" ? entry.body : JSON.stringify(entry.body, null, 2)}
            </pre>
          </td>
        </tr>
      )}
    </>
  );
}

/** Reads backwards from `upTo` until a page of the kind is full; says where it stopped. */
async function readBack(upTo: number, kind: string): Promise<{ entries: Entry[]; next: number }> {
  const entries: Entry[] = [];
  let at = upTo;
  while (at >= 1 && entries.length < PAGE && upTo - at < REACH) {
    const size = kind === "" ? Math.min(CHUNK, PAGE - entries.length) : CHUNK;
    const from = Math.max(1, at - size + 1);
    const got = (await journalFrom(from, at - from + 1)).filter((e) => e.seq <= at);
    entries.push(...got.reverse().filter((e) => kind === "" || e.kind === kind));
    at = from - 1;
  }
  return { entries, next: at };
}

export function JournalPage({ route }: { route: JournalRoute }) {
  const entries = useSignal<Entry[]>([]);
  const next = useSignal(0);
  const head = useSignal<number | null>(null);
  const open = useSignal<number | null>(route.seq);
  const problem = useSignal("");
  const busy = useSignal(false);
  const atHead = route.seq === null;

  async function guarded(work: () => Promise<void>) {
    busy.value = true;
    try {
      await work();
      problem.value = "";
    } catch (error) {
      problem.value = error instanceof CallError ? error.message : String(error);
    }
    busy.value = false;
  }

  useEffect(() => {
    let gone = false;
    open.value = route.seq;
    void guarded(async () => {
      const { seq } = await journalHead();
      const read = await readBack(Math.min(seq, route.seq ?? seq), route.kind);
      if (gone) return;
      head.value = seq;
      entries.value = read.entries;
      next.value = read.next;
    });
    return () => {
      gone = true;
    };
  }, [route.seq, route.kind]);

  // At the head new entries come in by themselves, while the page is live.
  const beat = Math.floor(tick.value / HEAD_EVERY_MS);
  useEffect(() => {
    if (!atHead || !live.peek() || busy.peek() || head.peek() === null) return;
    let gone = false;
    void guarded(async () => {
      const { seq } = await journalHead();
      const known = head.peek() ?? seq;
      if (seq > known) {
        const fresh = (await journalFrom(Math.max(known + 1, seq - CHUNK + 1), CHUNK)).reverse();
        if (gone) return;
        const newest = fresh[0]?.seq ?? known;
        entries.value = [...fresh.filter((e) => route.kind === "" || e.kind === route.kind), ...entries.value].slice(0, 10 * PAGE);
        if (fresh.length > 0) head.value = newest;
        if (entries.value.length === 10 * PAGE) next.value = (entries.value.at(-1)?.seq ?? 1) - 1;
      }
    });
    return () => {
      gone = true;
    };
  }, [beat, atHead, route.kind]);

  return (
    <section class="panel" aria-label="Journal">
      <div class="plant-head">
        <h2 tabIndex={-1}>Journal</h2>
        <Chain entries={route.kind === "" ? entries.value : []} />
      </div>
      <div class="tools">
        <label>
          Kind{" "}
          <select name="kind" value={route.kind} onChange={(event) => restate({ ...route, kind: event.currentTarget.value })}>
            <option value="">all</option>
            {(KINDS.includes(route.kind) || route.kind === "" ? KINDS : [...KINDS, route.kind]).map((kind) => (
              <option value={kind} key={kind}>
                {words(kind)}
              </option>
            ))}
          </select>
        </label>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const seq = Number(new FormData(event.currentTarget).get("seq"));
            if (Number.isInteger(seq) && seq >= 1) restate({ ...route, seq });
          }}
        >
          <label>
            Entry <input name="seq" type="number" min={1} step={1} required class="short" />
          </label>{" "}
          <button type="submit">Go to</button>
        </form>
        {!atHead && (
          <button type="button" onClick={() => restate({ ...route, seq: null })}>
            To the newest
          </button>
        )}
        <span id="journal-state" data-head={head.value ?? ""}>
          {atHead ? (live.value ? "● live at the head" : "○ not live") : `○ standing at #${route.seq}`}
          {head.value !== null && `, ${head.value} entries`}
        </span>
      </div>
      {problem.value && <p role="alert">The journal could not be read: {problem.value}</p>}
      <div class="framed" role="region" aria-label="Entries" tabIndex={0}>
        <table class="journal">
          <thead>
            <tr>
              <th>Entry</th>
              <th>Time (UTC)</th>
              <th>Kind</th>
              <th>What it says</th>
              <th class="number">Epoch</th>
            </tr>
          </thead>
          <tbody>
            {entries.value.map((entry) => (
              <EntryRow key={entry.seq} entry={entry} open={open.value === entry.seq} toggle={() => (open.value = open.value === entry.seq ? null : entry.seq)} />
            ))}
          </tbody>
        </table>
      </div>
      {entries.value.length === 0 && !busy.value && !problem.value && head.value !== null && (
        <p>
          No {route.kind ? `entry of the kind “${words(route.kind)}”` : "entry"} down to #{next.value + 1}.
        </p>
      )}
      {next.value >= 1 && (
        <button
          type="button"
          disabled={busy.value}
          onClick={() =>
            void guarded(async () => {
              const read = await readBack(next.value, route.kind);
              entries.value = [...entries.value, ...read.entries];
              next.value = read.next;
            })
          }
        >
          Read further back, from #{next.value}
        </button>
      )}
      {next.value === 0 && entries.value.length > 0 && <p class="quiet">This is the beginning of the journal.</p>}
      <p class="quiet">
        A schedule's entry is also <a href={href({ page: "fleet" })}>what was decided last</a>. The hashes of entries are checked by the centre itself; <code>hypocaust-central journal verify</code> checks them without it.
      </p>
    </section>
  );
}
