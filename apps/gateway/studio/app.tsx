import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { ApiError, key, request } from "./api/graphql.ts";
import { techniquesQuery } from "./api/queries.ts";
import type { Technique } from "./api/types.ts";
import { uploadModel } from "./api/upload.ts";
import { StudioContext } from "./view/context.ts";
import { JobPage } from "./view/job.tsx";
import { ModelPage } from "./view/model.tsx";
import { Heading } from "./view/parts.tsx";
import { go, useRoute, type Route } from "./view/route.ts";
import { Sidebar } from "./view/sidebar.tsx";
import { SignIn } from "./view/sign-in.tsx";
import { Upload } from "./view/upload.tsx";

export function App(): JSX.Element {
  const [signedIn, setSignedIn] = useState(key.get() !== undefined);
  const [reason, setReason] = useState("");
  const signOut = useCallback((why = "") => {
    key.clear();
    setReason(why);
    setSignedIn(false);
  }, []);
  return signedIn ? <Workbench onSignOut={signOut} /> : <SignIn reason={reason} onSignIn={() => setSignedIn(true)} />;
}

function Workbench({ onSignOut }: { onSignOut(why?: string): void }): JSX.Element {
  const [techniques, setTechniques] = useState<readonly Technique[]>();
  const [problem, setProblem] = useState("");
  const [said, announce] = useState("");
  const [version, setVersion] = useState(0);
  const route = useRoute();
  const fail = useCallback((error: unknown) => {
    if (error instanceof ApiError && error.code === "UNAUTHENTICATED") onSignOut("The key is not valid any more. Sign in again.");
    else setProblem(error instanceof Error ? error.message : String(error));
  }, []);
  const refresh = useCallback(() => setVersion((v) => v + 1), []);
  const studio = useMemo(() => ({ techniques: techniques ?? [], announce, fail, refresh }), [techniques]);
  useEffect(() => {
    request(techniquesQuery, {}).then((reply) => setTechniques(reply.techniques), fail);
  }, []);
  useEffect(() => setProblem(""), [route]);
  return (
    <StudioContext.Provider value={studio}>
      <a class="skip" href="#content" onClick={(event) => (event.preventDefault(), document.getElementById("content")?.focus())}>To the content</a>
      <header>
        <h1><a href="#">Lathe studio</a></h1>
        <button type="button" class="quiet" onClick={() => onSignOut()}>Sign out</button>
      </header>
      <div class="columns">
        <main id="content" tabIndex={-1}>
          <div role="alert">{problem !== "" && <p class="problem">{problem} <button type="button" class="quiet" onClick={() => setProblem("")}>Dismiss</button></p>}</div>
          {techniques && <Content route={route} onUpload={refresh} />}
        </main>
        <Sidebar route={route} version={version} />
      </div>
      <p class="sr-only" role="status">{said}</p>
    </StudioContext.Provider>
  );
}

function Content({ route, onUpload }: { route: Route; onUpload(): void }): JSX.Element {
  if (route.job !== undefined) return <JobPage key={route.job} id={route.job} />;
  if (route.model !== undefined) return <ModelPage key={`${route.model} ${route.from ?? ""}`} id={route.model} from={route.from} />;
  return (
    <>
      <Heading>Make a model small and fast</Heading>
      <p>Upload an ONNX model, look at what it is made of, choose steps, and compare the result with the original.</p>
      <Upload
        label="Upload a model" multiple hint="Choose an .onnx file or drop it here; if it has external data, choose those files with it."
        send={uploadModel} onDone={({ id }) => (onUpload(), go({ model: id }))}
      />
    </>
  );
}
