// Shows the page of `palette` in a host made of the official bridge, in both eras: drive.mjs SERVER CHROMIUM FOLDER
//
// The official client reads the tool, its page and what the page asks for, as a host does. The sandbox has another origin, and sends
// the page with the Content Security Policy that the specification prescribes. FOLDER has `bundle.js`, and receives screenshots.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { getToolUiResourceUri, isToolVisibilityAppOnly } from "@modelcontextprotocol/ext-apps/app-bridge";
import { chromium } from "playwright-core";

const [command, executablePath, folder] = process.argv.slice(2);
const EXTENSION = "io.modelcontextprotocol/ui";
const MIME = "text/html;profile=mcp-app";
const ERAS = ["2026-07-28", "2025-11-25"];

const bundle = await readFile(`${folder}/bundle.js`, "utf8");
const HOST = '<!doctype html><title>Host</title><body><script type="module" src="/bundle.js"></script>';

// The sandbox forwards messages between the host and the page, whose document it fetches from its own origin.
const SANDBOX = `<!doctype html><title>Sandbox</title><body><script>
  let inner;
  addEventListener("message", async ({ source, data }) => {
    if (source === parent && data.method === "ui/notifications/sandbox-resource-ready") {
      await fetch("/page", { method: "POST", body: JSON.stringify(data.params) });
      const frame = document.createElement("iframe");
      frame.width = 680;
      frame.height = 280;
      frame.sandbox = "allow-scripts allow-same-origin";
      frame.src = "/page";
      document.body.append(frame);
      inner = frame.contentWindow;
    } else if (source === parent) {
      inner?.postMessage(data, "*");
    } else if (source === inner) {
      parent.postMessage(data, "*");
    }
  });
  parent.postMessage({ jsonrpc: "2.0", method: "ui/notifications/sandbox-proxy-ready", params: {} }, "*");
</script>`;

// Returns the policy of a page: https://modelcontextprotocol.io/extensions/apps/overview
function policy(csp = {}) {
  const list = (name) => (csp[name] ?? []).join(" ");
  const resources = list("resourceDomains");
  return [
    "default-src 'none'",
    `script-src 'self' 'unsafe-inline' ${resources}`,
    `style-src 'self' 'unsafe-inline' ${resources}`,
    `img-src 'self' data: ${resources}`,
    `font-src 'self' ${resources}`,
    `media-src 'self' data: ${resources}`,
    `connect-src ${list("connectDomains") || "'none'"}`,
    `frame-src ${list("frameDomains") || "'none'"}`,
    `base-uri ${list("baseUriDomains") || "'self'"}`,
    "object-src 'none'",
  ].join("; ");
}

async function serve(answer) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

// Receives the requests that the policy must stop, and those that it must not.
const received = [];
const foreign = await serve((request, response) => {
  received.push(request.url);
  response.setHeader("Access-Control-Allow-Origin", "*").end("{}");
});
const host = await serve((request, response) => {
  const isBundle = request.url === "/bundle.js";
  response.setHeader("Content-Type", isBundle ? "text/javascript" : "text/html").end(isBundle ? bundle : HOST);
});
let shown = {};
const sandbox = await serve(async (request, response) => {
  if (request.method === "POST") {
    let body = "";
    for await (const part of request) body += part;
    shown = JSON.parse(body);
    response.end();
    return;
  }
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  if (request.url !== "/page") return response.end(SANDBOX);
  response.setHeader("Content-Security-Policy", policy(shown.csp)).end(shown.html);
});
const address = (server, name) => `http://${name}:${server.address().port}`;

async function connect(era) {
  const capabilities = { extensions: { [EXTENSION]: { mimeTypes: [MIME] } } };
  const versionNegotiation = { mode: era === ERAS[0] ? { pin: era } : "legacy" };
  const client = new Client({ name: "host", version: "1.0.0" }, { capabilities, versionNegotiation });
  await client.connect(new StdioClientTransport({ command, stderr: "inherit" }));
  return client;
}

// Reads the page of a tool as a host does. The contents say what the page asks for, or else the list.
async function readPage(client, tool) {
  const uri = getToolUiResourceUri(tool);
  const { contents } = await client.readResource({ uri });
  const [page] = contents;
  assert.equal(page.mimeType, MIME);
  const { resources } = await client.listResources();
  const listed = resources.find((it) => it.uri === uri);
  assert.deepEqual(listed._meta.ui, page._meta.ui);
  return { html: page.text, ...page._meta.ui };
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
for (const era of ERAS) {
  const client = await connect(era);
  assert.deepEqual(client.getServerCapabilities().extensions?.[EXTENSION], {}, era);
  const { tools } = await client.listTools();
  assert.deepEqual(tools.filter(isToolVisibilityAppOnly).map((it) => it.name), ["change"]);
  const page = await browser.newPage();
  const mistakes = [];
  page.on("pageerror", (error) => mistakes.push(error.message));
  const called = [];
  const recorded = {};
  await page.exposeFunction("callTool", async (params) => {
    called.push(params);
    return client.callTool(params);
  });
  await page.exposeFunction("record", (name, value) => void (recorded[name] = value));
  await page.goto(address(host, "127.0.0.1"));
  await page.waitForFunction(() => window.showApp);

  const input = { color: "#3366cc" };
  const result = await client.callTool({ name: "palette", arguments: input });
  assert.match(result.content[0].text, /^The user sees/, "the server knows that the host shows pages");
  const asked = await readPage(client, tools.find((it) => it.name === "palette"));
  assert.deepEqual(asked.permissions, { clipboardWrite: {} });
  await page.evaluate((app) => window.showApp(app), { sandbox: address(sandbox, "localhost"), ...asked, input, result });

  const app = page.frameLocator("#sandbox").frameLocator("iframe");
  const colors = () => app.locator("#colors button").evaluateAll((all) => all.map((it) => it.title));
  await app.locator("#colors button").nth(4).waitFor();
  assert.deepEqual(await colors(), result.structuredContent.colors);
  assert.equal(await app.locator("#base").inputValue(), "#3366cc");
  assert.equal(await app.locator("body").evaluate((it) => getComputedStyle(it).color), "rgb(1, 2, 3)");
  assert.equal(recorded.app.name, "palette");

  // The page calls a tool of the server, and tells the model.
  await app.locator("#colors button").nth(0).click();
  await app.locator('#colors button[title="#050b16"]').waitFor();
  assert.deepEqual(called, [{ name: "change", arguments: { color: "#112244" } }]);
  for (let step = 0; step < 50 && !recorded.context; step += 1) await page.waitForTimeout(100);
  assert.equal(recorded.context.content[0].text, "The user chose #112244.");
  assert.ok(recorded.size.height > 0);
  await page.screenshot({ path: `${folder}/${era}.png` });

  // The policy stops requests to origins that the page has not asked for. With the origin in the list, the same request arrives.
  const target = address(foreign, "127.0.0.1");
  const frame = page.frames().find((it) => it.url().endsWith("/page"));
  const send = (into) => into.evaluate((url) => fetch(url).then(() => "sent", (error) => error.message), `${target}/${era}`);
  const violation = frame.evaluate(
    () => new Promise((done) => document.addEventListener("securitypolicyviolation", (it) => done(it.violatedDirective), { once: true })),
  );
  assert.notEqual(await send(frame), "sent");
  assert.equal(await violation, "connect-src");
  assert.deepEqual(received, [], "requests to other origins");
  shown.csp = { connectDomains: [target] };
  await Promise.all([frame.waitForNavigation(), frame.evaluate(() => location.reload())]);
  assert.equal(await send(frame), "sent", "the target answers");
  assert.deepEqual(received.splice(0), [`/${era}`]);

  assert.deepEqual(mistakes, [], "errors of the page");
  await page.close();
  await client.close();
  console.log(`${era}: palette`);
}
await browser.close();
process.exit(0);
