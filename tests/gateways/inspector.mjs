// Connects the web page of the Inspector to its server, lists the tools, and calls `add`: inspector.mjs URL CHROMIUM
import { chromium } from "playwright-core";

const [url, executablePath] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const page = await browser.newPage();
await page.goto(url);
// The input of a switch has no size, so it cannot be clicked as a user would.
await page.getByRole("switch").first().click({ force: true });
await page.getByText("Connected", { exact: true }).waitFor();
const revision = await page.getByText(/^MCP \d{4}-/).first().textContent();
await page.getByText("Tools", { exact: true }).first().click();
await page.getByText("add", { exact: true }).first().click();
await page.getByLabel(/^a\b/).fill("2");
await page.getByLabel(/^b\b/).fill("3");
await page.getByRole("button", { name: "Execute Tool" }).click();
await page.getByText("5", { exact: true }).first().waitFor();
console.log(`the page called add over ${revision}`);
await browser.close();
