// The raw signals of a plant. Each row reads the signal of its own tag, so a new value redraws one row. A value that is
// bad, uncertain or too old carries a shape, a hatch and a word; it is never shown as if it were good. What is too old is the
// centre's to say, by the limit that its decisions keep; the page knows besides whether it hears of the plant at all.

import { anyValue, span, unitText } from "../format";
import { live, tick } from "../live";
import { href } from "../route";
import { tag, tagIds } from "../store";
import { local } from "../names";


/** Age in its own component: it moves every second, its row does not. */
function Age({ id }: { id: string }) {
  const t = tag(id)?.value;
  if (!t) return null;
  return <>{span(t.age_ms === null ? null : t.age_ms + Math.max(0, tick.value - t.at))}</>;
}

function TagRow({ id, connected }: { id: string; connected: boolean }) {
  const t = tag(id)?.value;
  if (!t) return null;
  const unheard = !connected || !live.value;
  const stale = t.reason === "stale";
  const quality = stale || (unheard && t.quality === "good") ? "stale" : t.quality;
  const word = !live.value && t.quality !== "good" ? `${t.quality}, stale` : t.quality === "good" ? quality : t.quality;
  return (
    <tr>
      <th scope="row">
        <a href={href({ page: "tag", tag: t.id })}>{local(t.plant, t.id)}</a>
      </th>
      <td class={`number q-${quality}`} data-tag={t.id} data-quality={quality} data-value={t.value === null ? "" : String(t.value)}>
        {t.word ?? anyValue(t.value)}
      </td>
      <td>{unitText(t.unit)}</td>
      <td class="number figure">
        <Age id={id} />
      </td>
      <td class="quality">
        {word}
        {t.reason ? `: ${t.reason}` : ""}
      </td>
      <td>{local(t.plant, t.device)}</td>
    </tr>
  );
}

export function Tags({ plant, connected }: { plant: string; connected: boolean }) {
  const ids = tagIds.value[plant] ?? [];
  return (
    <details open class="tags">
      <summary>Tags ({ids.length})</summary>
      <div class="tag-scroll" role="region" aria-label="Tags" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th>Tag</th>
              <th class="number">Value</th>
              <th>Unit</th>
              <th class="number">Age</th>
              <th>Quality</th>
              <th>Device</th>
            </tr>
          </thead>
          <tbody>
            {ids.map((id) => (
              <TagRow key={id} id={id} connected={connected} />
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
