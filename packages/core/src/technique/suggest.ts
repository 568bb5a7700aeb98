import { editDistance } from "../metrics.ts";

/** The known name that someone most likely meant, or undefined when none is near (more than a third of the letters differ). */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const name of known) {
    const distance = editDistance([...given.toLowerCase()], [...name.toLowerCase()]);
    const limit = Math.max(1, Math.floor(Math.max(given.length, name.length) / 3));
    if (distance <= limit && (!best || distance < best.distance)) best = { name, distance };
  }
  return best?.name;
}
