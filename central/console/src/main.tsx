// The console. Signed out it is a form; signed in it is the page that the address names, under the alarms of all plants and
// the banner that says when none of it can be trusted.

import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { session, signedIn } from "./api";
import { hurry, live, start } from "./live";
import { follow, href, type Route, route } from "./route";
import { fleet, plant } from "./store";
import "./theme";
import { AlarmsPage } from "./views/Alarms";
import { AlarmStrip } from "./views/AlarmStrip";
import { DispatchPage } from "./views/DispatchView";
import { Faceplate, TagPlate } from "./views/Faceplate";
import { FleetView } from "./views/FleetView";
import { JournalPage } from "./views/Journal";
import { PlantView } from "./views/PlantView";
import { RunbookPage } from "./views/Runbook";
import { SignIn } from "./views/SignIn";
import { SubAgentsPage } from "./views/SubAgents";
import { TopBar } from "./views/TopBar";
import { TrendsPage } from "./views/Trends";

function Lost({ hash }: { hash: string }) {
  return (
    <section class="panel" aria-label="No such page">
      <h2 tabIndex={-1}>There is no such page</h2>
      <p>
        “{hash}” names none. The <a href={href({ page: "fleet" })}>fleet overview</a> leads on.
      </p>
    </section>
  );
}

function Routed({ at }: { at: Route }) {
  switch (at.page) {
    case "fleet":
      return <FleetView />;
    case "plant":
      return <PlantView key={at.plant} id={at.plant} />;
    case "piece":
      return <Faceplate key={`${at.kind} ${at.id}`} route={at} />;
    case "tag":
      return <TagPlate key={at.tag} route={at} />;
    case "trends":
      return <TrendsPage route={at} />;
    case "journal":
      return <JournalPage route={at} />;
    case "alarms":
      return <AlarmsPage />;
    case "runbook":
      return <RunbookPage key={at.id} route={at} />;
    case "dispatch":
      return <DispatchPage route={at} />;
    case "subagents":
      return <SubAgentsPage />;
    case "lost":
      return <Lost hash={at.hash} />;
  }
}

function title(at: Route): string {
  switch (at.page) {
    case "fleet":
      return "Fleet";
    case "plant":
      return plant(at.plant)?.value.name ?? at.plant;
    case "piece":
      return at.id;
    case "tag":
      return at.tag;
    case "trends":
      return "Trends";
    case "journal":
      return "Journal";
    case "alarms":
      return "Alarms";
    case "runbook":
      return `Runbook ${at.id}`;
    case "dispatch":
      return at.plant === null ? "Dispatch" : `Dispatch of ${plant(at.plant)?.value.name ?? at.plant}`;
    case "subagents":
      return "Sub-agents";
    case "lost":
      return "No such page";
  }
}

/** What makes two routes the same page, however it is stated. */
const place = (at: Route): string => (at.page === "trends" || at.page === "journal" || at.page === "dispatch" ? at.page : href(at));

function Page() {
  const at = route.value;
  const here = place(at);
  const known = fleet.value !== null;
  const before = useRef(here);
  useEffect(() => {
    start();
    hurry();
  }, []);
  useEffect(() => {
    document.title = `${live.value ? "" : "⚠ not live – "}${title(at)} – Hypocaust`;
  }, [live.value, here, known]);
  useEffect(() => {
    if (before.current === here) return;
    before.current = here;
    // A new page begins at its top and, for whoever has no mouse or no eyes, at its name.
    scrollTo(0, 0);
    document.querySelector<HTMLElement>("main h2")?.focus({ preventScroll: true });
  }, [here]);
  return (
    <div class={live.value ? "page" : "page not-live"} data-live={String(live.value)} data-page={at.page}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        To the page
      </a>
      <TopBar />
      <main id="main" tabIndex={-1}>
        {fleet.value === null ? (
          <p class="waiting">Waiting for the first values from the centre…</p>
        ) : (
          <>
            <AlarmStrip />
            <Routed at={at} />
          </>
        )}
      </main>
    </div>
  );
}

function App() {
  if (session.value === null) return <p class="waiting">Asking the centre…</p>;
  return session.value ? <Page /> : <SignIn />;
}

follow();
const root = document.getElementById("app");
if (root) render(<App />, root);
void signedIn();
