/**
 * Uses the studio in headless Chromium against a running gateway on embedded storage, as a user would: sign in, upload, look, choose steps,
 * run, watch, compare, time, download, judge by labels, learn from a teacher, delete, cancel. Every screen is looked at by axe in light and dark, wide and narrow. A folder given as
 * argument gets screenshots.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createGateway, silentLog } from "@lathe/gateway";
import { connect } from "@lathe/gateway/client";
import { Tensor, encodeNpz } from "@lathe/core";
import { loadModel, readIdx, saveModel } from "@lathe/core/node";
import type { Download } from "playwright-core";
import { lookAll, openBrowser } from "./check-browser.ts";

const [shots] = process.argv.slice(2);
const fixtures = new URL("../../../fixtures/", import.meta.url);
const modelFile = await readFile(new URL("models/fashion-mobilenet.onnx", fixtures));
const MODEL = "fashion-mobilenet.onnx";

const folder = await mkdtemp(join(tmpdir(), "lathe-studio-"));
const gateway = await createGateway({ folder, port: 0, log: silentLog, techniques: [new URL("../test/techniques.ts", import.meta.url).href] });
const browser = await openBrowser();
const page = await (await browser.newContext({ acceptDownloads: true, locale: "en-GB" })).newPage();
// The machine may have other work.
page.setDefaultTimeout(180_000);
const problems: string[] = [];
page.on("pageerror", (error) => problems.push(error.message));
page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
page.on("request", (request) => request.url().startsWith(gateway.url) || request.url().startsWith("data:") || problems.push(`asked for ${request.url()}`));
let lesser = 0;
const look = async (name: string): Promise<void> => void (lesser += await lookAll(page, name, shots));

try {
  await part("sign in", signIn);
  await part("upload by drag and drop", upload);
  await part("go through the graph", browse);
  await part("choose steps", chooseSteps);
  await part("run and watch", run);
  await part("download", download);
  await part("time both models", time);
  await part("calibration data", calibrate);
  await part("labels to judge by", judge);
  await part("a teacher to learn from", teach);
  await part("options of a technique from elsewhere", zoo);
  await part("cancel and run again", cancel);
  await part("a job that fails", fail);
  await part("a model with external data", external);
  await part("delete and sign out", leave);
  assert.deepEqual(problems, [], "errors in the console");
  console.log(`studio check passed; axe: 0 serious, ${lesser} lesser findings`);
} catch (error) {
  if (shots !== undefined) await page.screenshot({ path: join(shots, "failure.png"), fullPage: true });
  if (problems.length > 0) console.error(problems.join("\n"));
  throw error;
} finally {
  await browser.close();
  await gateway.close();
  await rm(folder, { recursive: true, force: true });
}

async function part(name: string, work: () => Promise<void>): Promise<void> {
  const started = performance.now();
  await work();
  console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

async function signIn(): Promise<void> {
  await page.goto(gateway.url);
  await page.getByLabel("API key").fill("lathe_notThisOne");
  await page.keyboard.press("Enter");
  await page.getByText("The gateway does not know this key.").waitFor();
  // The refusal shows in the console too, and is what was wanted.
  problems.splice(0, problems.length, ...problems.filter((text) => !text.includes("401")));
  await look("sign-in");
  await page.getByLabel("API key").fill(gateway.firstToken!);
  await page.keyboard.press("Enter");
  await heading("Make a model small and fast");
  await look("start");
  await page.reload();
  await heading("Make a model small and fast");
}

async function heading(name: string): Promise<void> {
  await page.getByRole("heading", { level: 2, name }).waitFor();
}

async function upload(): Promise<void> {
  const files = await page.evaluateHandle(([text, name]) => {
    const list = new DataTransfer();
    list.items.add(new File([Uint8Array.from(atob(text!), (c) => c.charCodeAt(0))], name!));
    return list;
  }, [modelFile.toString("base64"), MODEL]);
  await page.dispatchEvent(".upload", "drop", { dataTransfer: files });
  await heading(MODEL);
  assert.equal(await page.locator(".figure", { hasText: "File size" }).locator("dd").getAttribute("title"), `${modelFile.length.toLocaleString("en")} bytes`);
  const { graph } = await loadModel(new URL("models/fashion-mobilenet.onnx", fixtures));
  assert.equal(await page.locator(".figure", { hasText: "Nodes" }).locator("dd").textContent(), String([...graph.nodes].length));
  await page.getByRole("table", { name: "Nodes by operator" }).getByRole("rowheader", { name: "Conv" }).waitFor();
  await page.getByRole("img", { name: /Bytes of weights of \d+ layers/ }).waitFor();
  await look("model");
}

/** From node to node by the keyboard, to the end of the model and by one operator. */
async function browse(): Promise<void> {
  const graph = page.getByRole("region", { name: "Graph" });
  const nodes = [...(await loadModel(new URL("models/fashion-mobilenet.onnx", fixtures))).graph.nodes];
  const [first] = nodes;
  await graph.getByRole("heading", { level: 4, name: `${first!.label} ${first!.op}` }).waitFor();
  await graph.getByText("Only inputs and weights of the model.").waitFor();
  const next = nodes.find((node) => node.inputs.some((v) => v?.producer === first))!;
  await graph.getByRole("group", { name: "Read by" }).getByRole("button", { name: `${next.label} ${next.op}` }).press("Enter");
  await graph.getByRole("heading", { level: 4, name: `${next.label} ${next.op}` }).waitFor();
  await page.waitForFunction(() => document.activeElement?.tagName === "H4");
  await graph.getByRole("group", { name: "Reads from" }).getByRole("button", { name: `${first!.label} ${first!.op}` }).waitFor();
  await look("graph");
  const conv = nodes.filter((node) => node.op === "Conv");
  await graph.getByLabel("Operator").selectOption("Conv");
  await graph.getByRole("heading", { level: 4, name: `${conv[0]!.label} Conv` }).waitFor();
  assert.equal(await graph.getByLabel("Node").locator("option").count(), Math.min(100, conv.length));
  await graph.getByRole("row", { name: /^kernel_shape/ }).waitFor();
}

async function addStep(name: string): Promise<void> {
  await page.getByLabel("Add a step").last().selectOption(name);
  await page.getByRole("button", { name: "Add", exact: true }).last().click();
}

async function stepNames(): Promise<string[]> {
  return page.locator(".step-head h4").allTextContents();
}

/** With the keyboard alone. */
async function chooseSteps(): Promise<void> {
  await page.getByLabel("Add a step").focus();
  for (const name of ["quantize-dynamic", "simplify", "simplify"]) {
    await page.keyboard.type(name);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByLabel("Add a step").focus();
  }
  assert.deepEqual(await stepNames(), ["quantize-dynamic", "simplify", "simplify"]);
  await page.getByRole("button", { name: "Remove simplify" }).last().press("Enter");
  await page.getByRole("button", { name: "Move simplify up" }).press("Enter");
  assert.deepEqual(await stepNames(), ["simplify", "quantize-dynamic"]);
  assert.match((await page.getByRole("status").textContent()) ?? "", /simplify is now step 1 of 2/);
  await page.locator(".steps > li").nth(1).getByText(/options, all at their defaults/).press("Enter");
  await page.getByLabel("weightType", { exact: true }).selectOption("uint8");
  await page.getByLabel("groupedConv").check();
  await page.locator(".steps > li").nth(0).getByText(/options, all at their defaults/).press("Enter");
  await page.getByLabel("rounds").fill("0");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  assert.equal(await page.evaluate(() => document.querySelector("input:invalid") === document.activeElement), true, "a wrong number is shown before anything is sent");
  await page.getByLabel("rounds").fill("5");
  await page.getByText("As a recipe").click();
  assert.deepEqual(JSON.parse((await page.locator("pre").textContent())!), [
    { use: "simplify", with: { rounds: 5 } },
    { use: "quantize-dynamic", with: { weightType: "uint8", groupedConv: true } },
  ]);
  await page.getByRole("button", { name: "Check without running" }).click();
  await page.getByText("Nothing speaks against these steps.").first().waitFor();
  await look("steps");
}

async function run(): Promise<void> {
  await page.getByRole("button", { name: "Run", exact: true }).press("Enter");
  await heading(`${MODEL}: simplify, quantize-dynamic`);
  await page.getByRole("heading", { name: "Before and after" }).waitFor();
  assert.equal(await page.locator("main .state").first().textContent(), "done");
  const cells = await page.getByRole("row", { name: /^File size/ }).getByRole("cell").allTextContents();
  assert.match(cells[2]!, /× smaller/);
  await page.getByText(/^What happened/).click();
  const log = await page.locator(".log li").allTextContents();
  const places = ["Accepted", "Started", "simplify began", "simplify is done", "quantize-dynamic began", "quantize-dynamic is done", "Done."].map((text) => log.findIndex((line) => line.includes(text)));
  assert.deepEqual(places, places.toSorted((a, b) => a - b), `events in order: ${log.join("; ")}`);
  assert.ok(places[0]! >= 0);
  await page.getByRole("navigation").getByText("done", { exact: true }).first().waitFor();
  await look("job");
}

async function saved(work: Promise<Download>): Promise<string> {
  const path = join(folder, (await work).suggestedFilename());
  await (await work).saveAs(path);
  return path;
}

async function clickAndSave(name: RegExp): Promise<string> {
  const [download] = await Promise.all([saved(page.waitForEvent("download")), page.getByRole("link", { name }).click()]);
  return download;
}

async function download(): Promise<void> {
  const path = await clickAndSave(/^Download .*\.onnx/);
  const bytes = await readFile(path);
  assert.ok(bytes.length < modelFile.length * 0.6, `${bytes.length} bytes`);
  const ops = new Set([...(await loadModel(path)).graph.nodes].map((node) => node.op));
  assert.ok([...ops].some((op) => /Integer|Dequantize/.test(op)), [...ops].join());
  assert.match(await readFile(await clickAndSave(/^Report as a page/), "utf8"), /^<!doctype html>/i);
  assert.equal((JSON.parse(await readFile(await clickAndSave(/^Report as JSON/), "utf8")) as { steps: { name: string }[] }).steps[1]?.name, "quantize-dynamic");
}

async function time(): Promise<void> {
  await page.getByRole("button", { name: "Time both models" }).click();
  const table = page.getByRole("table", { name: "Time of one run" });
  await table.waitFor();
  assert.equal(await table.getByRole("row").count(), 3);
  assert.match((await table.getByRole("row").last().textContent()) ?? "", /ms.*×/);
  await look("timing");
  await page.goBack();
  await heading(MODEL);
}

async function calibrate(): Promise<void> {
  await addStep("quantize-static");
  await page.getByText("Data and settings: these steps need data").waitFor();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "data", "a missing dataset is shown before anything is sent");
  // The first try to send breaks; the studio asks how far it came and goes on.
  let tries = 0;
  await page.route("**/uploads/**", (route) => (route.request().method() === "PUT" && tries++ === 0 ? route.abort("connectionreset") : route.continue()));
  await page.getByLabel("Upload a dataset").setInputFiles(fileOf("data/fashion-calibration-64.npz"));
  await page.waitForFunction(() => (document.querySelector("#data") as HTMLSelectElement).value !== "");
  assert.equal(tries, 2);
  problems.splice(0, problems.length, ...problems.filter((text) => !text.includes("ERR_CONNECTION_RESET")));
  await page.getByLabel("Batch").fill("16");
  await look("data");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("heading", { name: "Before and after" }).waitFor();
  await page.getByRole("link", { name: "Change the steps and run again" }).click();
  await heading(MODEL);
  await page.getByRole("heading", { level: 4, name: "quantize-static" }).waitFor();
}

/** Images with labels in one file. */
async function labelled(): Promise<string> {
  const [pixels, truth] = await Promise.all(["images-idx3", "labels-idx1"].map((kind) => readIdx(fileOf(`data/fashion-train-512-${kind}-ubyte.gz`))));
  const image = Tensor.from("float32", [64, 1, 28, 28], pixels!.toFloat32().slice(0, 64 * 784).map((p) => p / 255));
  const truths = Tensor.from("int64", [64], [...truth!.toFloat32().slice(0, 64)].map((label) => BigInt(label)));
  const path = join(folder, "labelled.npz");
  await writeFile(path, await encodeNpz({ image, truths }));
  return path;
}

/** What the gateway keeps of the job on this page. */
async function jobAsked(): Promise<{ dataset: { name: string } | null; batch: number; evaluation: unknown; teacher: { name: string } | null; model: { name: string } | null }> {
  await page.getByRole("heading", { name: "Before and after" }).waitFor();
  const { job } = await connect({ url: gateway.url, token: gateway.firstToken! }).query<{ job: Awaited<ReturnType<typeof jobAsked>> }>(
    "query ($id: ID!) { job(id: $id) { dataset { name } batch evaluation { dataset { name } metric labels output } teacher { name } model { name } } }", { id: new URLSearchParams(new URL(page.url()).hash.slice(1)).get("job") });
  return job;
}

/** A step that judges models, on labelled data beside the calibration data; what was chosen comes back with the job. */
async function judge(): Promise<void> {
  await page.waitForFunction(() => (document.querySelector("#data") as HTMLSelectElement).value !== "");
  assert.equal(await page.getByLabel("Batch").inputValue(), "16", "the settings of the job are there again");
  await page.getByRole("button", { name: "Remove quantize-static" }).click();
  await addStep("quantize-search");
  await page.getByText("Judging models: these steps need labels").waitFor();
  await page.getByText(/options, all at their defaults/).click();
  await page.getByLabel("maxDrop").fill("0.5");
  await page.getByLabel("Upload a dataset").setInputFiles(await labelled());
  await page.waitForFunction(() => (document.querySelector("#judgeData") as HTMLSelectElement).selectedOptions[0]?.text.startsWith("labelled.npz"));
  // The keyboard alone goes from one control to the next.
  await page.getByLabel("Evaluation data").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.type("Top");
  await page.keyboard.press("Tab");
  await page.keyboard.type("truths");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "output");
  await page.getByLabel("Predictions").selectOption({ index: 1 });
  await page.getByLabel("Name of the result").fill("judged");
  await look("judging");
  await page.getByRole("button", { name: "Run", exact: true }).press("Enter");
  const [output] = (await loadModel(new URL("models/fashion-mobilenet.onnx", fixtures))).graph.outputs;
  const { evaluation, model, batch } = await jobAsked();
  assert.deepEqual({ evaluation, model, batch }, { evaluation: { dataset: { name: "labelled.npz" }, metric: "top5", labels: "truths", output: output!.name }, model: { name: "judged" }, batch: 16 });
  await page.getByRole("link", { name: "Change the steps and run again" }).click();
  await page.getByRole("heading", { level: 4, name: "quantize-search" }).waitFor();
  await page.waitForFunction(() => (document.querySelector("#labels") as HTMLInputElement).value === "truths");
  assert.equal(await page.getByLabel("Figure").inputValue(), "TOP5");
}

/** A step that trains, and learns from another model; then the dataset goes. */
async function teach(): Promise<void> {
  await page.getByRole("button", { name: "Remove quantize-search" }).click();
  await addStep("finetune");
  await page.getByText("Teacher: these steps can learn from one").waitFor();
  await page.getByText(/options, all at their defaults/).click();
  await page.getByLabel("epochs", { exact: true }).fill("1");
  await page.getByRole("group", { name: "distill" }).getByText("Options").click();
  await page.getByRole("group", { name: "distill" }).getByLabel("weight").first().fill("0.5");
  await page.getByLabel("labels", { exact: true }).fill("truths");
  await page.locator("#data").selectOption(await optionOf("#data", "labelled.npz"));
  await page.getByLabel("Teacher model").selectOption(await optionOf("#teacher", "judged"));
  await look("teacher");
  await page.getByRole("button", { name: "Run", exact: true }).press("Enter");
  const { teacher, dataset } = await jobAsked();
  assert.deepEqual({ teacher, dataset }, { teacher: { name: "judged" }, dataset: { name: "labelled.npz" } });
  await page.getByRole("link", { name: "Change the steps and run again" }).click();
  await page.getByRole("heading", { level: 4, name: "finetune" }).waitFor();
  page.once("dialog", (dialog) => void dialog.accept());
  await page.getByRole("button", { name: "Delete the dataset labelled.npz" }).press("Enter");
  await page.waitForFunction(() => ![...(document.querySelector("#data") as HTMLSelectElement).options].some((option) => option.text.startsWith("labelled.npz")));
  assert.deepEqual(await page.evaluate(() => [document.activeElement?.id, (document.querySelector("#data") as HTMLSelectElement).value]), ["data", ""]);
  assert.match((await page.getByRole("status").textContent()) ?? "", /labelled\.npz is deleted/);
}

/** Value of the option that begins so. */
async function optionOf(select: string, text: string): Promise<string> {
  return page.locator(select).evaluate((element: HTMLSelectElement, beginning) => [...element.options].find((option) => option.text.startsWith(beginning))!.value, text);
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(name, fixtures));
}

async function zoo(): Promise<void> {
  await page.getByRole("button", { name: "Remove finetune" }).click();
  await addStep("option-zoo");
  await page.getByLabel("count").fill("3");
  await page.getByLabel("mode", { exact: false }).first().selectOption("x64-vnni");
  await page.getByText(/options, all at their defaults/).click();
  await page.getByLabel("share").fill("0.25");
  await page.getByLabel("names").fill("first\nsecond");
  await page.getByLabel("clash").selectOption("a-b");
  await page.getByRole("group", { name: "modes" }).getByText("Choose").click();
  await page.getByLabel("small").check();
  await page.getByRole("group", { name: "nested" }).getByText("Options").click();
  await page.getByLabel("flag").selectOption("true");
  await page.getByLabel("table").fill('{"a": 1, "b": ');
  await page.getByRole("button", { name: "Run", exact: true }).click();
  assert.equal(await page.evaluate(() => document.activeElement?.className), "json", "what is no JSON is shown before anything is sent");
  await page.getByLabel("table").fill('{"a": 1, "b": null}');
  await look("forms");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("heading", { name: "Before and after" }).waitFor();
  const report = JSON.parse(await readFile(await clickAndSave(/^Report as JSON/), "utf8")) as { steps: { options: unknown }[] };
  assert.deepEqual(report.steps[0]!.options, { share: 0.25, count: 3, mode: "x64-vnni", clash: "a-b", names: ["first", "second"], modes: ["small"], nested: { depth: 1, flag: true }, table: { a: 1, b: null } });
}

async function cancel(): Promise<void> {
  await page.getByRole("link", { name: "Change the steps and run again" }).click();
  await page.getByRole("button", { name: "Remove option-zoo" }).click();
  await addStep("iterate");
  await page.getByLabel("times").fill("2");
  await page.getByRole("group", { name: "Steps inside iterate" }).getByLabel("Add a step").selectOption("wait");
  await page.getByRole("group", { name: "Steps inside iterate" }).getByRole("button", { name: "Add", exact: true }).click();
  await page.locator("li li").getByText(/options, all at their defaults/).click();
  await page.getByLabel("ms", { exact: true }).fill("60000");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText(/wait: waiting/).waitFor();
  assert.ok(Number(await page.getByRole("progressbar").getAttribute("value")) >= 0);
  await look("running");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator("main .is-cancelled").waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator("main .is-running").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator("main .is-cancelled").waitFor();
}

async function fail(): Promise<void> {
  await page.getByRole("link", { name: "Change the steps and run again" }).click();
  await page.getByRole("button", { name: "Remove iterate" }).click();
  await addStep("crash");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.locator("main .is-failed").waitFor();
  await page.locator("main > p.problem").waitFor();
  await look("failed");
}

async function external(): Promise<void> {
  const path = join(folder, "split.onnx");
  await saveModel(await loadModel(fileOf(`models/${MODEL}`)), path, { externalData: { threshold: 1000 } });
  await page.getByRole("link", { name: "Upload a model" }).click();
  await page.getByLabel("Upload a model").setInputFiles([`${path}.data`, path]);
  await heading("split.onnx");
  const names = await page.locator("main").getByRole("link", { name: /^Download/ }).allTextContents();
  assert.deepEqual(names, ["Download split.onnx", "Download split.onnx.data"]);
  assert.deepEqual(await readFile(await clickAndSave(/^Download split.onnx.data/)), await readFile(`${path}.data`));
  await page.getByRole("link", { name: "Upload a model" }).click();
  await page.getByLabel("Upload a model").setInputFiles(fileOf("data/fashion-calibration-64.npz"));
  await page.getByRole("alert").getByText(/exactly one \.onnx file/).waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
}

async function leave(): Promise<void> {
  await page.getByRole("link", { name: "Lathe studio" }).click();
  await page.getByRole("navigation").getByRole("link", { name: /option-zoo/ }).first().waitFor();
  page.once("dialog", (dialog) => void dialog.accept());
  await page.getByRole("navigation").getByRole("link", { name: new RegExp(`^${MODEL}`) }).click();
  await heading(MODEL);
  await page.getByRole("button", { name: "Delete" }).click();
  await heading("Make a model small and fast");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
}
