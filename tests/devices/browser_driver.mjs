// node browser_driver.mjs node_modules site < job.json: serves a folder, does the job's steps in
// Chromium and prints, as JSON, what each gave and how each request ended.

import {createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync} from "node:fs";
import {createServer} from "node:http";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {extname, join, resolve, sep} from "node:path";

const [modules, site] = process.argv.slice(2).map((path) => resolve(path));
const {chromium} = createRequire(join(modules, "x.js"))("playwright-core");
const job = JSON.parse(readFileSync(0));

const TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript",
               ".json": "application/json", ".mjs": "text/javascript", ".svg": "image/svg+xml",
               ".wasm": "application/wasm"};
const WAIT_MS = 120_000;

// No step evaluates a string, which the pages' policy forbids.
const STEPS = {
  visit: (page, path) => page.goto(new URL(path, origin).href),
  look: async (page, {dark, ...size}) => {
    await page.emulateMedia({colorScheme: dark ? "dark" : "light"});
    await page.setViewportSize(size);
  },
  choose: (page, path) => page.setInputFiles("#file", path),
  upload: (page, [selector, path]) => page.setInputFiles(selector, path),
  fill: (page, [selector, text]) => page.fill(selector, text),
  click: (page, selector) => page.click(selector),
  wait: (page, selector) => page.waitForSelector(selector, {state: "attached", timeout: WAIT_MS}),
  text: (page, selector) => page.textContent(selector),
  visible: (page, selector) => page.isVisible(selector),
  box: (page, selector) => page.locator(selector).boundingBox(),
  result: (page) => page.getAttribute("html", "data-result").then(JSON.parse),
  screenshot: (page, path) => page.screenshot({path}),
};
const ANSWERING = ["text", "visible", "box", "result"];

const server = createServer((request, response) => {
  const path = resolve(join(site, decodeURIComponent(new URL(request.url, "http://x").pathname)));
  if (!path.startsWith(site + sep) || !existsSync(path) || !statSync(path).isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {"Content-Type": TYPES[extname(path)] ?? "application/octet-stream"});
  createReadStream(path).pipe(response);
});
await new Promise((done) => server.listen(0, "localhost", done));
const origin = `http://localhost:${server.address().port}`;

const profile = mkdtempSync(join(tmpdir(), "chromium-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: job.chromium,
  args: ["--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
         "--disable-background-networking"],
  chromiumSandbox: process.getuid() !== 0,
  colorScheme: "light",
  viewport: {width: 390, height: 844},
});
const endings = new Map();
const messages = [];
context.on("request", (request) => endings.set(request, "unfinished"));
context.on("requestfinished", (request) => endings.set(request, "finished"));
context.on("requestfailed", (request) => endings.set(request, request.failure().errorText));
try {
  const page = context.pages()[0] ?? await context.newPage();
  page.on("console", (message) => messages.push(message.text()));
  page.on("pageerror", (error) => messages.push(String(error)));
  const answers = [];
  for (const [step, argument] of job.steps) {
    const result = await STEPS[step](page, argument);
    if (ANSWERING.includes(step)) answers.push(result);
  }
  const requests = [...endings].map(([request, ending]) => [request.url(), ending]);
  console.log(JSON.stringify({origin, requests, messages, answers}));
} catch (error) {
  console.error(`${error.stack}\n${messages.join("\n")}`);
  process.exitCode = 1;
} finally {
  await context.close();
  server.close();
  rmSync(profile, {recursive: true, force: true});
}
