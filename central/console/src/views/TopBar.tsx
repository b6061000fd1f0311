// Name, ways through the console, server time, and the banners. A banner is about the page itself: while the first shows,
// every number below is history and no command can be given.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { unacknowledged } from "../alarms";
import { signOut } from "../api";
import { clock } from "../format";
import { leadsElsewhere } from "../leader";
import { lastBeat, lastEnd, live, silentForS } from "../live";
import { DEFAULT_VIEW, href, type Route, route } from "../route";
import { plant, plantIds, raised } from "../store";
import { nextTheme, theme } from "../theme";
import { Elsewhere } from "./Elsewhere";

function Way({ to, here, children }: { to: Route; here: boolean; children: preact.ComponentChildren }) {
  return (
    <li>
      <a href={href(to)} {...(here ? { "aria-current": "page" as const } : {})}>
        {children}
      </a>
    </li>
  );
}

function Ways() {
  const at = route.value;
  const open = raised.value.filter(unacknowledged).length;
  return (
    <nav aria-label="Pages">
      <ul class="ways">
        <Way to={{ page: "fleet" }} here={at.page === "fleet"}>
          Fleet
        </Way>
        {plantIds.value.map((id) => (
          <Way key={id} to={{ page: "plant", plant: id }} here={(at.page === "plant" || at.page === "piece") && at.plant === id}>
            {plant(id)?.value.name ?? id}
          </Way>
        ))}
        <Way to={{ page: "alarms" }} here={at.page === "alarms" || at.page === "runbook"}>
          Alarms{open > 0 && <span title="Not acknowledged"> {open}</span>}
        </Way>
        <Way to={{ page: "dispatch", plant: null }} here={at.page === "dispatch"}>
          Dispatch
        </Way>
        <Way to={{ page: "trends", tags: [], window: DEFAULT_VIEW }} here={at.page === "trends" || at.page === "tag"}>
          Trends
        </Way>
        <Way to={{ page: "journal", seq: null, kind: "" }} here={at.page === "journal"}>
          Journal
        </Way>
        <Way to={{ page: "subagents" }} here={at.page === "subagents"}>
          Sub-agents
        </Way>
      </ul>
    </nav>
  );
}

const THEME: Record<string, string> = { system: "◐ as the system", light: "○ light", dark: "● dark" };

export function TopBar() {
  const at = lastBeat();
  const failed = useSignal("");
  const leader = leadsElsewhere();
  useEffect(() => {
    document.documentElement.classList.toggle("is-live", live.value);
  }, [live.value]);

  async function leave() {
    failed.value = "";
    try {
      await signOut();
    } catch (error) {
      failed.value = `Still signed in: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  return (
    <header class="top">
      <div class="top-line">
        <h1>Hypocaust</h1>
        <Ways />
        <span class="top-end">
          <span id="server-time">
            {live.value ? "" : "last beat "}
            {at === null ? "–" : clock(new Date(at).toISOString())}
          </span>
          <span id="link-state">{live.value ? "● live" : "○ not live"}</span>
          {failed.value && <span role="alert">{failed.value}</span>}
          <button type="button" id="theme" onClick={nextTheme} aria-label={`Colours: ${THEME[theme.value]}`}>
            {THEME[theme.value]}
          </button>
          <button type="button" id="sign-out" onClick={leave}>
            Sign out
          </button>
        </span>
      </div>
      <div id="stale-banner" class="banner" role="alert" hidden={live.value} {...(live.value ? {} : { "data-alarm": "stale" })}>
        {!live.value && (
          <>
            <strong>⚠ NOT LIVE</strong> No sign of life from the centre for {silentForS.value} s ({lastEnd.value}). What you see
            is old. Commands are disabled; nothing you click is kept for later.
          </>
        )}
      </div>
      {leader && (
        <p id="elsewhere" class="notice" role="status">
          <Elsewhere leader={leader} />
        </p>
      )}
    </header>
  );
}
