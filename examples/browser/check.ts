/**
 * Opens the page in headless Chromium, presses the button and checks what it says. `--install` installs Chromium from the system's
 * packages when it is missing (needs root); without it a machine that has none is told so, and the check fails.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { serve } from "./serve.ts";

const candidates = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const find = (): string | undefined => candidates.find((path) => path !== undefined && existsSync(path));

if (!find() && process.argv.includes("--install")) {
  execFileSync("apt-get", ["update", "-qq"], { stdio: "ignore" });
  execFileSync("apt-get", ["install", "-y", "-qq", "chromium"], { stdio: "ignore" });
}
const executablePath = find();
if (!executablePath) throw new Error("No Chromium found. Install it (Debian: apt-get install chromium) or set CHROMIUM to its path.");

const { url, server } = await serve();
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
try {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  await page.goto(url);
  await page.click("#run");
  await page.waitForFunction(() => document.querySelector("#status")?.textContent === "Done." || /[A-Z]+_[A-Z]+:/.test(document.querySelector("#status")?.textContent ?? ""), undefined, { timeout: 120_000 });
  const status = await page.textContent("#status");
  const result = await page.evaluate(() => (globalThis as { latheResult?: { agreement: number; before: number; after: number; parameters: number } }).latheResult);
  const screenshot = process.argv.find((arg) => arg.endsWith(".png"));
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  if (!result || problems.length > 0) throw new Error(`The page failed: ${status}; ${problems.join("; ")}`);
  if (!(result.agreement >= 0.95 && result.after < result.before * 0.65)) throw new Error(`Unexpected figures: ${JSON.stringify(result)}`);
  console.log(`browser check passed: ${result.parameters} parameters, ${result.before} -> ${result.after} bytes, ${(result.agreement * 100).toFixed(1)} % same answers`);
} finally {
  await browser.close();
  server.close();
}
