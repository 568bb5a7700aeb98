/** Starts Chromium for the check, and looks at pages with axe. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type axe from "axe-core";
import { chromium, type Browser, type Page } from "playwright-core";

const candidates = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function openBrowser(): Promise<Browser> {
  const executablePath = candidates.find((path) => path !== undefined && existsSync(path));
  if (!executablePath) throw new Error("No Chromium found. Install it (Debian: apt-get install chromium) or set CHROMIUM to its path.");
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
}

const script = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Throws when axe finds something serious or critical. Gives the number of lesser findings. */
export async function lookWithAxe(page: Page, where: string): Promise<number> {
  // Evaluated by the debugger: the policy of the page lets no script in.
  await page.evaluate(script);
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  const serious = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  if (serious.length > 0) throw new Error(`axe, ${where}: ${serious.map((v) => `${v.id} (${v.impact}): ${v.nodes.map((n) => `${n.html} ${n.failureSummary ?? ""}`).slice(0, 3).join(" | ")}`).join("\n")}`);
  for (const v of violations) console.log(`  axe, ${where}: ${v.id} (${v.impact}): ${v.nodes[0]?.html ?? ""}`);
  return violations.length;
}

/** Looks in light and dark, wide and narrow. */
export async function lookAll(page: Page, name: string, folder: string | undefined): Promise<number> {
  let lesser = 0;
  for (const [width, height] of [[1280, 900], [390, 844]] as const) {
    await page.setViewportSize({ width, height });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) throw new Error(`${name}: at a width of ${width} the page is ${wide} px too wide.`);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      lesser += await lookWithAxe(page, `${name}, ${width} px, ${colorScheme}`);
      if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  return lesser;
}
