/** Which part of the page is shown, kept in the address after the "#": the back button and bookmarks work. */
import { useEffect, useState } from "preact/hooks";

export interface Route {
  readonly model?: string;
  readonly job?: string;
  /** Job whose steps to begin with. */
  readonly from?: string;
}

export const hrefOf = (route: Route): string => `#${new URLSearchParams({ ...route }).toString()}`;

export function go(route: Route): void {
  location.hash = hrefOf(route);
}

function current(): Route {
  const query = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(["model", "job", "from"].flatMap((name) => (query.get(name) ? [[name, query.get(name)]] : [])));
}

export function useRoute(): Route {
  const [route, setRoute] = useState(current);
  useEffect(() => {
    const changed = (): void => setRoute(current());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
