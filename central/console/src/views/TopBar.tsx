// Name, server time, and the banner. The banner is about the page itself: while it shows, every number below is history
// and no command can be given.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { signOut } from "../api";
import { lastBeat, lastEnd, live, silentForS } from "../live";
import { clock } from "../format";

export function TopBar() {
  const at = lastBeat();
  useEffect(() => {
    document.title = live.value ? "Hypocaust" : "⚠ not live – Hypocaust";
    return () => {
      document.title = "Hypocaust";
    };
  }, [live.value]);
  const failed = useSignal("");

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
        <span id="server-time">{live.value ? "" : "last beat "}
          {at === null ? "–" : clock(new Date(at).toISOString())}</span>
        <span id="link-state">{live.value ? "● live" : "○ not live"}</span>
        {failed.value && <span role="alert">{failed.value}</span>}
        <button type="button" id="sign-out" onClick={leave}>
          Sign out
        </button>
      </div>
      <div
        id="stale-banner"
        class="banner"
        role="alert"
        hidden={live.value}
        {...(live.value ? {} : { "data-alarm": "stale" })}
      >
        {!live.value && (
          <>
            <strong>⚠ NOT LIVE</strong> No sign of life from the centre for {silentForS.value} s ({lastEnd.value}). What you see
            is old. Commands are disabled; nothing you click is kept for later.
          </>
        )}
      </div>
    </header>
  );
}
