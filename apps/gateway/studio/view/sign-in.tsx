import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError, key, request } from "../api/graphql.ts";
import { techniquesQuery } from "../api/queries.ts";

interface SignInProps {
  /** Why the user is asked again. */
  readonly reason: string;
  onSignIn(): void;
}

export function SignIn({ reason, onSignIn }: SignInProps): JSX.Element {
  const [problem, setProblem] = useState(reason);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const token = new FormData(event.target as HTMLFormElement).get("key");
    setBusy(true);
    key.set(String(token).trim());
    try {
      await request(techniquesQuery, {});
      onSignIn();
    } catch (error) {
      key.clear();
      setProblem(error instanceof ApiError && error.code === "UNAUTHENTICATED" ? "The gateway does not know this key." : error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <h1>Lathe studio</h1>
      <form onSubmit={(event) => void submit(event)}>
        <label for="key">API key</label>
        <input id="key" name="key" type="password" required pattern="\s*lathe_[A-Za-z0-9_\-]+\s*" title="A key begins with lathe_" autocomplete="off" spellcheck={false} aria-describedby="key-hint" />
        <p class="hint" id="key-hint">The gateway prints one at its first start. It is kept in this tab only, until the tab is closed.</p>
        <p role="alert" class="problem">{problem}</p>
        <button class="primary" disabled={busy}>{busy ? "Signing in…" : "Sign in"}</button>
      </form>
    </main>
  );
}
