// Opens the classifier, and shows what it says of images and of the camera.

const SHOWN = 5;
const LEAST_SHARE = 0.0005;  // Less reads 0.0%; an int8 file rounds most classes to that.
const PREVIEW_PX = 960;
const CAMERA_PAUSE_MS = 100;

const element = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((node) => [node.id, node]));
// What is there before the first result.
const beginning = {answer: element.answer.textContent, time: element.time.textContent};
const percent = new Intl.NumberFormat("en", {
  style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1});

let classifier;
let stream = null;
let latest = 0;

start().catch((error) => {
  element.about.textContent = "No model";
  element.answer.hidden = element.time.hidden = true;  // They promise an answer.
  const fromDisk = location.protocol === "file:";  // Browsers give such a page no other file.
  fail("The model could not be loaded",
    fromDisk ? "This page must come from a web server, not from the disk." : error);
});

async function start() {
  element.drop.classList.add("busy");
  // Imported here, so that a runtime which does not load is reported like a missing model.
  const {openClassifier} = await import("./classifier.js");
  classifier = await openClassifier("model.json");
  const {title, bytes, input, labels} = classifier.description;
  document.title = element.title.textContent = title;
  element.about.textContent =
    `${labels.length} classes · ${input.width} × ${input.height} · ${sizeOf(bytes)}`;
  element.drop.classList.remove("busy");
  element.file.disabled = element.sample.disabled = false;
  element.camera.disabled = !navigator.mediaDevices;
  element.camera.title = navigator.mediaDevices ? "" : "The camera needs https or localhost.";
  element.file.addEventListener("change", () => take(element.file.files[0]));
  element.sample.addEventListener("click", () => act(showSample));
  element.camera.addEventListener("click", () => act(stream ? stopCamera : startCamera));
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    element.drop.classList.add("over");
  });
  window.addEventListener("dragleave", () => element.drop.classList.remove("over"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    element.drop.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  document.documentElement.dataset.ready = "true";
}

function sizeOf(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function take(file) {
  element.file.value = "";  // The same file may be chosen again.
  if (file) act(() => showFile(file));
}

async function act(action) {
  element.error.hidden = true;
  delete document.documentElement.dataset.result;
  try {
    await action();
  } catch (error) {
    fail("That did not work", error);
  }
}

async function showFile(file) {
  stopCamera();
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is not an image that this browser can read.`);
  }
  await show(image, image.width, image.height);
  image.close();
}

async function showSample() {
  stopCamera();
  const canvas = Object.assign(document.createElement("canvas"), {width: 480, height: 384});
  drawSample(canvas.getContext("2d"), 480, 384);
  await show(canvas, 480, 384);
}

async function show(source, width, height) {
  const turn = ++latest;
  const scale = Math.min(1, PREVIEW_PX / Math.max(width, height));
  element.preview.width = Math.max(1, Math.round(width * scale));
  element.preview.height = Math.max(1, Math.round(height * scale));
  element.preview.getContext("2d").drawImage(
    source, 0, 0, element.preview.width, element.preview.height);
  element.preview.hidden = false;
  element.invitation.hidden = true;
  const result = await classifier.classify(source, width, height);
  if (turn === latest) report(result);
}

async function startCamera() {
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment"}});
  } catch {
    throw new Error("The camera is not available, or its use was not allowed.");
  }
  element.camera.setAttribute("aria-pressed", "true");
  element.camera.textContent = "Stop camera";
  element.answer.setAttribute("aria-live", "off");  // Many answers a second are not to be read out.
  element.video.srcObject = stream;
  element.video.hidden = false;
  element.preview.hidden = element.invitation.hidden = true;
  await element.video.play();
  watch(stream).catch((error) => fail("That did not work", error));
}

async function watch(watched) {
  while (stream === watched) {
    const {videoWidth, videoHeight} = element.video;
    if (videoWidth) {
      const result = await classifier.classify(element.video, videoWidth, videoHeight);
      if (stream === watched) report(result);
    }
    await new Promise((resolve) => setTimeout(resolve, CAMERA_PAUSE_MS));
  }
}

function stopCamera() {
  if (!stream) return;
  stream.getTracks().forEach((track) => track.stop());
  stream = element.video.srcObject = null;
  element.video.hidden = true;
  clear();
  element.invitation.hidden = false;
  element.camera.setAttribute("aria-pressed", "false");
  element.camera.textContent = "Camera";
  element.answer.setAttribute("aria-live", "polite");
}

function report({scores, milliseconds}) {
  const {labels} = classifier.description;
  const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a]).slice(0, SHOWN)
    .filter((i, rank) => rank === 0 || scores[i] >= LEAST_SHARE);
  element.answer.textContent = labels[order[0]];
  element.scores.replaceChildren(...order.map((i) => row(labels[i], scores[i])));
  element.time.textContent = `${milliseconds.toFixed(1)} ms on this device`;
  document.documentElement.dataset.result = JSON.stringify(scores);
}

function clear() {
  element.answer.textContent = beginning.answer;
  element.time.textContent = beginning.time;
  element.scores.replaceChildren();
}

function row(label, score) {
  const item = document.createElement("li");
  const name = Object.assign(document.createElement("span"), {
    className: "name", textContent: label, title: label});
  const share = Object.assign(document.createElement("span"), {
    className: "share", textContent: percent.format(score)});
  const bar = Object.assign(document.createElement("progress"), {max: 1, value: clip(score)});
  bar.setAttribute("aria-hidden", "true");  // The number beside it says the same.
  item.append(name, share, bar);
  return item;
}

function clip(score) {
  return Math.min(1, Math.max(0, score));
}

function fail(what, error) {
  element.error.textContent = `${what}. ${error.message ?? error}`;
  element.error.hidden = false;
}

// A drawn flower: something to classify before there is an image.
function drawSample(context, width, height) {
  const sky = context.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, "#bfe0ee");
  sky.addColorStop(1, "#e9f2dc");
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  context.strokeStyle = "#3f7d4b";
  context.lineWidth = width / 40;
  context.beginPath();
  context.moveTo(width / 2, height * 0.45);
  context.quadraticCurveTo(width * 0.47, height * 0.8, width * 0.52, height);
  context.stroke();
  context.translate(width / 2, height * 0.42);
  for (let petal = 0; petal < 12; petal++) {
    context.rotate(Math.PI / 6);
    context.fillStyle = petal % 2 ? "#f4b73f" : "#f7cb62";
    context.beginPath();
    context.ellipse(0, -height * 0.2, width * 0.05, height * 0.14, 0, 0, 2 * Math.PI);
    context.fill();
  }
  context.fillStyle = "#6b4226";
  context.beginPath();
  context.arc(0, 0, height * 0.1, 0, 2 * Math.PI);
  context.fill();
}
