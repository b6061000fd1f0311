// A runbook: what to do first, for whoever was called. The drill behind it is folded away at the end.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { CallError, runbookOf } from "../api";
import { type Block, blocks, type Run } from "../markdown";
import { href, type Route } from "../route";
import type { Runbook } from "../types";

function Runs({ of }: { of: Run[] }) {
  return (
    <>
      {of.map((run, i) => {
        switch (run.kind) {
          case "text":
            return run.text;
          case "strong":
            return <strong key={i}>{run.text}</strong>;
          case "em":
            return <em key={i}>{run.text}</em>;
          case "code":
            return <code key={i}>{run.text}</code>;
          case "link":
            // A page beside this one is shown here; anything but the web is no link.
            return /^https?:/.test(run.to) ? (
              <a key={i} href={run.to} rel="noreferrer">
                {run.text}
              </a>
            ) : /^[\w-]+\.md$/.test(run.to) ? (
              <a key={i} href={href({ page: "runbook", id: run.to.slice(0, -3) })}>
                {run.text}
              </a>
            ) : (
              `${run.text} (${run.to})`
            );
        }
      })}
    </>
  );
}

function Blocks({ of }: { of: Block[] }) {
  return (
    <>
      {of.map((block, i) => {
        switch (block.kind) {
          case "heading":
            return block.level === 1 ? (
              <h2 key={i} tabIndex={-1}>
                <Runs of={block.runs} />
              </h2>
            ) : (
              <h3 key={i}>
                <Runs of={block.runs} />
              </h3>
            );
          case "paragraph":
            return (
              <p key={i}>
                <Runs of={block.runs} />
              </p>
            );
          case "quote":
            return (
              <blockquote key={i} class="quiet">
                <Runs of={block.runs} />
              </blockquote>
            );
          case "code":
            return (
              <pre key={i} class="body" tabIndex={0}>
                {block.text}
              </pre>
            );
          case "list": {
            const items = block.items.map((item, n) => (
              <li key={n}>
                <Runs of={item.runs} />
                <Blocks of={item.within} />
              </li>
            ));
            return block.ordered ? <ol key={i}>{items}</ol> : <ul key={i}>{items}</ul>;
          }
        }
      })}
    </>
  );
}

export function RunbookPage({ route }: { route: Extract<Route, { page: "runbook" }> }) {
  const page = useSignal<Runbook | null>(null);
  const problem = useSignal("");
  useEffect(() => {
    let gone = false;
    page.value = null;
    problem.value = "";
    runbookOf(route.id).then(
      (found) => {
        if (!gone) page.value = found;
      },
      (error: unknown) => {
        if (!gone) problem.value = error instanceof CallError ? error.message : String(error);
      },
    );
    return () => {
      gone = true;
    };
  }, [route.id]);
  const text = page.value?.text ?? null;
  return (
    <section class="panel runbook" aria-label="Runbook" data-runbook={page.value?.id ?? ""}>
      {text === null && <h2 tabIndex={-1}>Runbook {route.id}</h2>}
      {text === null && !problem.value && <p class="waiting">Fetching the page…</p>}
      {problem.value && <p role="alert">The page cannot be shown: {problem.value}</p>}
      {text !== null && <Blocks of={blocks(text)} />}
      {typeof page.value?.front_matter === "string" && (
        <details>
          <summary>Severity, whom to call, and the drill behind this page</summary>
          <pre class="body" tabIndex={0}>
            {page.value.front_matter}
          </pre>
        </details>
      )}
      <p class="quiet">
        As it was when this centre was built, from <code>runbooks/{route.id}.md</code>. <a href={href({ page: "alarms" })}>Back to the alarms</a>
      </p>
    </section>
  );
}
