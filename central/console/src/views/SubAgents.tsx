// The sub-agents that the centre knows, what state they are in, and what each said last. An old answer is marked as one.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { CallError, subAgents } from "../api";
import { clock, digits, span, unitText, words } from "../format";
import { live, tick } from "../live";
import type { SubAgent } from "../types";
import { Framed, Mark } from "./parts";

const EVERY_MS = 5000;
const STATES = ["healthy", "degraded", "removed", "unknown"] as const;
/** What needs somebody first; those that were never seen last. */
const FIRST = ["degraded", "removed", "healthy", "unknown"];
/** The centre calls one of the catalogue that never registered unknown. */
const SAID: Record<string, string> = { healthy: "healthy", degraded: "degraded", removed: "removed", unknown: "never registered" };
const SHAPE: Record<string, string> = { healthy: "●", degraded: "◐", removed: "✕", unknown: "○" };

/** Those that should be at work and are not come first, those that were never seen last. */
export function ordered(agents: SubAgent[]): SubAgent[] {
  const rank = (a: SubAgent) => FIRST.indexOf(a.state);
  return [...agents].sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id));
}

const percent = (ratio: number | null): string => (ratio === null ? "–" : `${Math.round(ratio * 100)} %`);

function Last({ agent }: { agent: SubAgent }) {
  const r = agent.last_result;
  if (r === null) return <>none yet</>;
  const values = Object.entries(r.values).map(([name, v]) => `${words(name.replaceAll("_", "-"))} ${digits(v.value)}${unitText(v.unit) && ` ${unitText(v.unit)}`}${v.quality === "good" ? "" : ` (${v.quality})`}`);
  return (
    <>
      {r.stale && <span class="q-stale">stale, </span>}
      {words(r.outcome)}
      {r.plant ? ` for ${r.plant}` : ""}
      {values.length > 0 && `: ${values.join("; ")}`}
      {r.reason && `: ${r.reason}`}
    </>
  );
}

export function SubAgentsPage() {
  const agents = useSignal<SubAgent[] | undefined>(undefined);
  const problem = useSignal("");
  const only = useSignal("");
  const readAt = useSignal(performance.now());
  useEffect(() => {
    let gone = false;
    const ask = async () => {
      if (!live.peek() && agents.peek() !== undefined) return;
      try {
        const answer = await subAgents();
        if (gone) return;
        agents.value = answer;
        readAt.value = performance.now();
        problem.value = "";
      } catch (error) {
        if (!gone) problem.value = error instanceof CallError ? error.message : String(error);
      }
    };
    void ask();
    const every = setInterval(ask, EVERY_MS);
    return () => {
      gone = true;
      clearInterval(every);
    };
  }, []);

  const list = agents.value;
  const shown = ordered(list ?? []).filter((a) => only.value === "" || a.state === only.value);
  const members = shown.filter((a) => a.state !== "unknown");
  const absent = shown.filter((a) => a.state === "unknown");
  return (
    <section class="panel" aria-label="Sub-agents">
      <div class="plant-head">
        <h2 tabIndex={-1}>Sub-agents</h2>
        {list && (
          <dl class="facts">
            {STATES.map((state) => {
              const count = list.filter((a) => a.state === state).length;
              return (
                <div key={state} data-agents-state={state} data-count={count}>
                  <dt>
                    {SHAPE[state]} {SAID[state]}
                  </dt>
                  <dd>{(state === "degraded" || state === "removed") && count > 0 ? <Mark alarm>{count}</Mark> : count}</dd>
                </div>
              );
            })}
          </dl>
        )}
        {list && (
          <label>
            Show{" "}
            <select value={only.value} onChange={(event) => (only.value = event.currentTarget.value)}>
              <option value="">all</option>
              {STATES.map((state) => (
                <option key={state} value={state}>
                  {SAID[state]}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {problem.value && <p role="alert">The sub-agents could not be read: {problem.value}</p>}
      {list === undefined && !problem.value && <p class="waiting">Asking the centre…</p>}
      {list && only.value === "" && members.length === 0 && <p class="quiet">None has registered yet.</p>}
      {members.length > 0 && (
        <Framed name="Registry">
          <table>
            <caption>Registered, now or before</caption>
            <thead>
              <tr>
                <th>Agent</th>
                <th>Name</th>
                <th>State</th>
                <th>Version</th>
                <th class="number">Last heartbeat</th>
                <th class="number">Success</th>
                <th class="number">Answer ago</th>
                <th>Last answer</th>
              </tr>
            </thead>
            <tbody>
              {members.map((a) => {
                // Both ages are the centre's, carried on by the page's own clock.
                const since = Math.max(0, tick.value - readAt.value);
                const answered = a.last_result?.age_ms ?? null;
                return (
                  <tr key={a.id} data-agent={a.id} data-state={a.state}>
                    <th scope="row">{a.id}</th>
                    <td>{a.name}</td>
                    <td>{a.state === "degraded" || a.state === "removed" ? <Mark alarm>{a.state}</Mark> : `${SHAPE[a.state]} ${a.state}`}</td>
                    <td>{a.version ?? "–"}</td>
                    <td class="number figure" title={a.registered ? `registered ${a.registered}` : undefined}>
                      {a.last_heartbeat ? clock(a.last_heartbeat) : "never"}
                    </td>
                    <td class="number figure">{percent(a.success_ratio)}</td>
                    <td class={a.last_result?.stale ? "number q-stale" : "number figure"}>{answered === null ? "–" : span(answered + since)}</td>
                    <td class="gist">
                      <Last agent={a} />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </Framed>
      )}
      {absent.length > 0 && (
        <Framed name="Never registered">
          <table>
            <caption>Named in the catalogue and never registered: {absent.length}. Nothing waits for them.</caption>
            <thead>
              <tr>
                <th>Agent</th>
                <th>Name</th>
                <th>State</th>
              </tr>
            </thead>
            <tbody>
              {absent.map((a) => (
                <tr key={a.id} data-agent={a.id} data-state={a.state}>
                  <th scope="row">{a.id}</th>
                  <td>{a.name}</td>
                  <td>
                    {SHAPE[a.state]} {SAID[a.state]}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Framed>
      )}
    </section>
  );
}
