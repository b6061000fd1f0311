// Level 3: any tags over time, from the history and on into the present. The address holds all of it, so that a trend can
// be sent to somebody.

import { useSignal } from "@preact/signals";
import { anyValue, clock, unitText } from "../format";
import { serverNow } from "../live";
import { href, MOST_TAGS, restate, type Route, type View } from "../route";
import { tag, tagIds } from "../store";
import { PENS } from "./Chart";
import { Trend } from "./Trend";

const SPANS: [string, number][] = [
  ["5 min", 300],
  ["15 min", 900],
  ["1 h", 3600],
  ["6 h", 21_600],
  ["24 h", 86_400],
  ["7 d", 604_800],
];
/** Tags that a search shows at once. */
const SHOWN = 12;

type Trends = Extract<Route, { page: "trends" }>;

export function PenSample({ digit }: { digit: number }) {
  const look = PENS[(digit - 1) % PENS.length] ?? { dash: [], width: 1.5 };
  return (
    <svg class="pen" width="46" height="14" role="img" aria-label={`pen ${digit}`}>
      <line x1="0" y1="7" x2="44" y2="7" stroke="currentColor" stroke-width={look.width} stroke-dasharray={look.dash.join(" ")} />
    </svg>
  );
}

function Search({ shown, add }: { shown: string[]; add: (id: string) => void }) {
  const text = useSignal("");
  const said = useSignal("");
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const all = Object.values(tagIds.value).flat();
  const found = words.length === 0 ? [] : all.filter((id) => !shown.includes(id) && words.every((w) => id.includes(w)));
  const full = shown.length >= MOST_TAGS;

  function take(id: string) {
    add(id);
    said.value = `${id} added`;
    text.value = "";
  }

  return (
    <form
      class="tag-search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const first = found[0];
        if (first !== undefined && !full) take(first);
      }}
    >
      <label>
        Add a tag{" "}
        <input
          type="search"
          name="tag"
          value={text.value}
          disabled={full}
          placeholder={full ? `${MOST_TAGS} tags are shown` : "b1 heat"}
          autocomplete="off"
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
      </label>
      {words.length > 0 && (
        <ul class="found" aria-label="Tags found">
          {found.slice(0, SHOWN).map((id) => (
            <li key={id}>
              <button type="button" onClick={() => take(id)}>
                + {id} <small>{unitText(tag(id)?.peek().unit ?? null)}</small>
              </button>
            </li>
          ))}
          {found.length > SHOWN && <li>and {found.length - SHOWN} more: type further</li>}
          {found.length === 0 && <li>No tag has all of these letters.</li>}
        </ul>
      )}
      <output class="quiet" aria-live="polite">
        {said.value}
      </output>
    </form>
  );
}

export function TrendsPage({ route }: { route: Trends }) {
  const { tags, window } = route;
  const set = (change: Partial<Trends>) => restate({ ...route, ...change });
  const moving = "lastS" in window;

  function shift(by: number, zoom = 1) {
    const now = serverNow();
    const span = moving ? (now === null ? null : { from: now - window.lastS * 1000, to: now }) : window;
    if (!span) return;
    const width = span.to - span.from;
    const centre = span.from + width / 2 + by * width;
    const half = Math.max(5000, (width * zoom) / 2);
    set({ window: { from: Math.round(centre - half), to: Math.round(centre + half) } });
  }

  return (
    <section class="panel trends" aria-label="Trends">
      <div class="plant-head">
        <h2 tabIndex={-1}>Trends</h2>
        <div class="tools" role="group" aria-label="Time shown">
          {SPANS.map(([label, lastS]) => (
            <button type="button" key={label} aria-pressed={moving && window.lastS === lastS} onClick={() => set({ window: { lastS } })}>
              {label}
            </button>
          ))}
          <button type="button" onClick={() => shift(-0.5)} aria-label="Earlier">
            ◀
          </button>
          <button type="button" onClick={() => shift(0.5)} aria-label="Later">
            ▶
          </button>
          <button type="button" onClick={() => shift(0, 0.5)} aria-label="Zoom in">
            +
          </button>
          <button type="button" onClick={() => shift(0, 2)} aria-label="Zoom out">
            −
          </button>
        </div>
        <span data-trend-live={String(moving)}>
          {moving ? "● live" : `○ standing: ${new Date(window.from).toISOString().slice(0, 19).replace("T", " ")}Z to ${new Date(window.to).toISOString().slice(0, 19).replace("T", " ")}Z`}
        </span>
      </div>
      <Search shown={tags} add={(id) => set({ tags: [...tags, id] })} />
      {tags.length === 0 ? (
        <p class="waiting">No tag is chosen. Add one above, or follow the link of any tag on a plant's page.</p>
      ) : (
        <Trend ids={tags} view={window} height={420} label="Trend" onView={(view: View) => set({ window: view })}>
          {(readings, at) => (
            <div class="framed" role="region" aria-label="Tags shown" tabIndex={0}>
              <table>
                <thead>
                  <tr>
                    <th>Pen</th>
                    <th>Tag</th>
                    <th class="number">Now</th>
                    <th>Unit</th>
                    <th>Quality</th>
                    <th class="number">At {at === null ? "the cursor" : clock(new Date(at).toISOString())}</th>
                    <th>Quality there</th>
                    <th>Take off</th>
                  </tr>
                </thead>
                <tbody>
                  {readings.map((r) => {
                    const t = tag(r.id)?.value;
                    return (
                      <tr key={r.id} data-pen={r.id}>
                        <td>
                          {r.digit} {r.shown ? <PenSample digit={r.digit} /> : "not drawn"}
                        </td>
                        <th scope="row">
                          <a href={href({ page: "tag", tag: r.id })}>{r.id}</a>
                        </th>
                        <td class={`number q-${t?.quality ?? "bad"}`}>{t?.word ?? anyValue(t?.value)}</td>
                        <td>{unitText(t?.unit ?? null)}</td>
                        <td>
                          {t === undefined ? "this fleet has no such tag" : t.quality}
                          {t?.reason ? `: ${t.reason}` : ""}
                        </td>
                        <td class="number" data-cursor-value={r.cursor?.value ?? ""}>
                          {at === null ? "" : anyValue(r.cursor?.value)}
                        </td>
                        <td>{at === null ? "" : (r.cursor?.quality ?? "nothing known")}</td>
                        <td>
                          <button type="button" onClick={() => set({ tags: tags.filter((id) => id !== r.id) })} aria-label={`Remove ${r.id}`}>
                            ✕
                          </button>{" "}
                          {!r.shown && "a third unit has no axis: remove another unit"} {r.problem && `no history: ${r.problem}`}
                        </td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
          )}
        </Trend>
      )}
      <p class="quiet">
        A hole in a line is a bad value (✕ at the foot) or a silence. Drag over the chart to look closer; ◀ ▶ + − and the arrow keys do the same without a mouse. Times are UTC.
      </p>
    </section>
  );
}
