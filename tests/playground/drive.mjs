// Drives the playground in a browser, in both eras, with the keyboard alone: drive.mjs SERVER CHROMIUM FOLDER
//
// SERVER is the program `playground-server`. FOLDER receives screenshots at both widths, in both colour schemes.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [program, executablePath, folder] = process.argv.slice(2);
const REVISIONS = ["2026-07-28", "2025-11-25"];

await mkdir(folder, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });

// Starts a server, and returns its process and the URL of its page.
async function start(port, environment = {}) {
  const options = { env: { ...process.env, ...environment }, stdio: ["ignore", "ignore", "pipe"] };
  const server = spawn(program, ["dev", "--http", `127.0.0.1:${port}`], options);
  process.once("exit", () => server.kill());
  const said = [];
  const url = await new Promise((found, failed) => {
    const lines = createInterface({ input: server.stderr });
    lines.on("line", (line) => {
      said.push(line);
      if (line.startsWith("Playground: ")) found(line.slice("Playground: ".length));
    });
    lines.on("close", () => failed(new Error(`the server ended: ${said.join("; ")}`)));
  });
  return { server, url };
}

async function stop(server) {
  const ended = once(server, "exit");
  server.kill("SIGKILL");
  await ended;
}

// Moves the focus with the tabulator key until it is on an element with this accessible name.
async function tabTo(page, name) {
  for (let step = 0; step < 200; step += 1) {
    const found = await page.evaluate((wanted) => {
      const active = document.activeElement;
      const label = active?.labels?.[0]?.textContent ?? active?.getAttribute("aria-label") ?? active?.textContent ?? "";
      return label.trim().startsWith(wanted);
    }, name);
    if (found) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the tabulator key does not reach ${name}`);
}

// Chooses a component in the list.
async function choose(page, name) {
  await page.locator("#search").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.type(name);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("#component h1").filter({ hasText: name }).waitFor();
}

// Fills a field: moves to it, and types.
async function fill(page, name, text) {
  await tabTo(page, name);
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
}

async function result(page, text) {
  await page.locator("#result").filter({ hasText: text }).waitFor({ timeout: 15_000 });
}

const submit = (page) => page.keyboard.press("Control+Enter");

async function everyArgument(page) {
  await choose(page, "Every argument");
  await fill(page, "text", "a b");
  await fill(page, "count", "7");
  await fill(page, "ratio", "0.5");
  await tabTo(page, "flag");
  await page.keyboard.press("Space");
  await tabTo(page, "colour");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.type("green");
  await tabTo(page, "Add to tags");
  await page.keyboard.press("Enter");
  await page.keyboard.type("x");
  await fill(page, "city", "Graz");
  await tabTo(page, "contact");
  await page.keyboard.type("phone");
  await fill(page, "number", "+43");
  await fill(page, "counts", '{"a":1}');
  await fill(page, "region", "Zürich");
  await submit(page);
  await result(page, "Zürich");
  const shown = await page.locator("#result .data").textContent();
  for (const part of ["a b", "7", "0.5", "true", "green", "x", "Graz", "+43", "none"]) {
    assert.ok(shown.includes(part), `${part}: ${shown}`);
  }
  const line = await page.locator("#history code").first().textContent();
  assert.ok(line.includes("call arguments --arguments"), line);
}

async function invalidArgument(page) {
  await choose(page, "Every argument");
  await fill(page, "count", "99");
  await submit(page);
  await page.locator("#component .problem").filter({ hasText: /./ }).waitFor();
}

async function picture(page) {
  await choose(page, "picture");
  await submit(page);
  const image = page.locator("#result img");
  await image.waitFor();
  assert.ok(await image.evaluate((it) => it.decode().then(() => it.naturalWidth === 1)));
  await tabTo(page, "A note");
  await page.keyboard.press("Enter");
  await result(page, "This is note one.");
}

async function progress(page) {
  await page.locator("#level").selectOption("info");
  await choose(page, "slow");
  await submit(page);
  await page.locator("#progress-text").filter({ hasText: "%" }).waitFor();
  await page.locator("#logs li").first().waitFor();
  await tabTo(page, "Cancel");
  await page.keyboard.press("Enter");
  await result(page, "Cancelled");
}

async function question(page) {
  await choose(page, "reserve");
  await submit(page);
  for (const message of ["For how many?", "Are you sure?"]) {
    const dialog = page.locator("dialog").filter({ hasText: message });
    await dialog.waitFor();
    await fill(page, "guests", "4");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
  }
  await result(page, "4 and 4 guests");
  await submit(page);
  await page.locator("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
}

async function failure(page) {
  await choose(page, "failing");
  await submit(page);
  await page.locator("#result .failed").filter({ hasText: "try another tool" }).waitFor();
}

async function listChange(page, isFirst) {
  await choose(page, "grow");
  await submit(page);
  await result(page, isFirst ? "added" : "there already");
  if (isFirst) {
    await page.locator(".toast").filter({ hasText: "+ tool grown" }).waitFor();
  }
  await choose(page, "grown");
}

async function promptAndTemplate(page) {
  await choose(page, "review");
  await fill(page, "text", "my essay");
  await submit(page);
  await result(page, "Review this: my essay");
  await choose(page, "note");
  await fill(page, "name", "tw");
  await page.waitForFunction(() => document.querySelector("datalist option[value=two]"));
  await page.keyboard.type("o");
  await submit(page);
  await result(page, "This is note two.");
}

// While a server is away, the page waits for it. Then it says what changed, and calls work again.
async function restart(revision) {
  const first = await start(0);
  const page = await browser.newPage();
  await page.goto(first.url);
  await page.locator("#revision").selectOption(revision);
  const connected = page.locator('#state[data-state="connected"]');
  await connected.waitFor();
  await choose(page, "failing");
  await stop(first.server);
  await page.locator('#state[data-state="lost"]').waitFor();
  const { port } = new URL(first.url);
  const second = await start(port, { PLAYGROUND_GROWN: "1" });
  await connected.waitFor();
  await page.locator(".toast").filter({ hasText: "+ tool grown" }).waitFor();
  await choose(page, "grown");
  await submit(page);
  await result(page, "grown");
  await stop(second.server);
  await page.locator('#state[data-state="lost"]').waitFor();
  const third = await start(port);
  await page.locator(".toast").filter({ hasText: "\u2212 tool grown" }).waitFor();
  await stop(third.server);
  await page.close();
}

const { server, url } = await start(0);
for (const [index, revision] of REVISIONS.entries()) {
  const context = await browser.newContext({ viewport: { width: 1600, height: 900 } });
  const page = await context.newPage();
  const elsewhere = [];
  const mistakes = [];
  const origin = new URL(url).origin;
  page.on("request", (request) => {
    const target = request.url();
    if (!target.startsWith(origin) && !target.startsWith("data:") && !target.startsWith("blob:")) elsewhere.push(target);
  });
  page.on("pageerror", (error) => mistakes.push(error.message));
  page.on("console", (message) => message.type() === "error" && mistakes.push(message.text()));
  await page.goto(url);
  await page.locator("#revision").selectOption(revision);
  await page.locator('#state[data-state="connected"]').waitFor();
  const steps = { everyArgument, invalidArgument, picture, progress, question, failure, promptAndTemplate, listChange };
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step(page, index === 0);
      console.log(`${revision}: ${name}`);
    } catch (error) {
      await page.screenshot({ path: `${folder}/failure-${revision}-${name}.png`, fullPage: true });
      throw new Error(`${revision}: ${name}: ${error.message}; the page: ${mistakes.join("; ")}`);
    }
  }
  for (const width of [360, 1600]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(overflow, 0, `the page is wider than ${width} px`);
      await page.screenshot({ path: `${folder}/${revision}-${width}-${colorScheme}.png` });
    }
  }
  assert.deepEqual(elsewhere, [], "requests to other hosts");
  assert.deepEqual(mistakes, [], "errors of the page");
  await context.close();
  await restart(revision);
  console.log(`${revision}: restart`);
}

// The policy stops a request to another host: the absence above is no accident.
const page = await browser.newPage();
await page.goto(url);
const sent = await page.evaluate(() => fetch("http://127.0.0.1:1/").then(() => "sent", (error) => error.message));
assert.notEqual(sent, "sent");
const blocked = await page.evaluate(
  () =>
    new Promise((done) => {
      document.addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective), { once: true });
      fetch("http://127.0.0.1:1/").catch(() => {});
    }),
);
assert.equal(blocked, "connect-src");
await browser.close();
await stop(server);
