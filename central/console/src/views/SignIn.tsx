// The first thing anybody sees. It says why a sign-in failed and nothing about which half of it was wrong.

import { useSignal } from "@preact/signals";
import { sessionEnd, signIn } from "../api";

export function SignIn() {
  const failed = useSignal<string | null>(null);
  const busy = useSignal(false);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    busy.value = true;
    failed.value = null;
    try {
      await signIn(String(form.get("user")), String(form.get("password")));
    } catch (error) {
      failed.value = error instanceof Error ? error.message : String(error);
    }
    busy.value = false;
  }

  return (
    <form id="sign-in" class="sign-in" onSubmit={submit}>
      <h1>Hypocaust</h1>
      {sessionEnd.value && (
        <p role="status" id="session-end">
          {sessionEnd.value}
        </p>
      )}
      <label>
        User
        <input name="user" autocomplete="username" required autofocus />
      </label>
      <label>
        Password
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      <button type="submit" disabled={busy.value}>
        Sign in
      </button>
      {failed.value && (
        <p role="alert" id="sign-in-failed">
          Not signed in: {failed.value}
        </p>
      )}
    </form>
  );
}
