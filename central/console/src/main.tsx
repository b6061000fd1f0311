// The console: one live page. Signed out it is a form; signed in it is the fleet, its plants, and the banner that says
// when none of it can be trusted.

import { render } from "preact";
import { useEffect } from "preact/hooks";
import { session, signedIn } from "./api";
import { hurry, live, start } from "./live";
import { fleet, plantIds } from "./store";
import { AlarmStrip } from "./views/AlarmStrip";
import { FleetView } from "./views/FleetView";
import { PlantView } from "./views/PlantView";
import { SignIn } from "./views/SignIn";
import { TopBar } from "./views/TopBar";

function Page() {
  useEffect(() => {
    start();
    hurry();
  }, []);
  return (
    <div class={live.value ? "page" : "page not-live"} data-live={String(live.value)}>
      <TopBar />
      <main>
        {fleet.value === null ? (
          <p class="waiting">Waiting for the first values from the centre…</p>
        ) : (
          <>
            <AlarmStrip />
            <FleetView />
            {plantIds.value.map((id) => (
              <PlantView key={id} id={id} />
            ))}
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

const root = document.getElementById("app");
if (root) render(<App />, root);
void signedIn();
