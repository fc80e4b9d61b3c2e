// node browser_driver.mjs node_modules site job.json: serves a folder, opens a page of it in
// Chromium, does the job's steps and prints, as JSON, what each gave and what was requested.

import {createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync} from "node:fs";
import {createServer} from "node:http";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {extname, join, resolve, sep} from "node:path";

const [modules, site, jobFile] = process.argv.slice(2).map((path) => resolve(path));
const {chromium} = createRequire(join(modules, "x.js"))("playwright-core");
const job = JSON.parse(readFileSync(jobFile));

const TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript",
               ".json": "application/json", ".mjs": "text/javascript", ".svg": "image/svg+xml",
               ".wasm": "application/wasm"};

// No step evaluates a string, which the pages' policy forbids.
const STEPS = {
  choose: (page, path) => page.setInputFiles("#file", path),
  click: (page, selector) => page.click(selector),
  wait: (page, selector) => page.waitForSelector(selector, {state: "attached", timeout: 60_000}),
  text: (page, selector) => page.textContent(selector),
  result: (page) => page.getAttribute("html", "data-result").then(JSON.parse),
  pause: (page, milliseconds) => page.waitForTimeout(milliseconds),
  screenshot: (page, path) => page.screenshot({path}),
};
const ANSWERING = ["text", "result"];

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
  colorScheme: job.dark ? "dark" : "light",
  viewport: job.viewport ?? {width: 390, height: 844},
});
const requests = [];
const finished = [];
const messages = [];
context.on("request", (request) => requests.push(request.url()));
context.on("requestfinished", (request) => finished.push(request.url()));
try {
  const page = context.pages()[0] ?? await context.newPage();
  page.on("console", (message) => messages.push(message.text()));
  page.on("pageerror", (error) => messages.push(String(error)));
  await page.goto(`${origin}/${job.page}`);
  const answers = [];
  for (const [step, argument] of job.steps) {
    const result = await STEPS[step](page, argument);
    if (ANSWERING.includes(step)) answers.push(result);
  }
  console.log(JSON.stringify({origin, requests, finished, messages, answers}));
} catch (error) {
  console.error(`${error.stack}\n${messages.join("\n")}`);
  process.exitCode = 1;
} finally {
  await context.close();
  server.close();
  rmSync(profile, {recursive: true, force: true});
}
