// A .tflite file that takes images and gives scores, as model.json describes it.

import {loadAndCompile, loadLiteRt, Tensor} from "./runtime/litert.js";

const LUMINANCE = [0.299, 0.587, 0.114];

export async function openClassifier(url) {
  const description = await (await fetchFile(url)).json();
  // One thread: several need headers that a plain static server does not send.
  await loadLiteRt(new URL("runtime/", document.baseURI).pathname, {threads: false, jspi: false});
  const bytes = new Uint8Array(await (await fetchFile(description.file)).arrayBuffer());
  const model = await loadAndCompile(bytes, {accelerator: "wasm"});
  const classifier = new Classifier(description, model);
  // The first run takes longer than the others, and no time that is shown is to be that one's.
  await classifier.classify(document.createElement("canvas"), 1, 1);
  return classifier;
}

class Classifier {
  constructor(description, model) {
    this.description = description;
    this.model = model;
    const {height, width, dtype} = description.input;
    this.canvas = Object.assign(document.createElement("canvas"), {height, width});
    this.context = this.canvas.getContext("2d", {willReadFrequently: true, alpha: false});
    this.table = dtype === "uint8" ? Uint8Array.from(description.input.values)
                                   : Float32Array.from(description.input.values);
  }

  // Takes an image, canvas or video; returns {scores, milliseconds}, one score for each class.
  async classify(source, sourceWidth, sourceHeight) {
    this.draw(source, sourceWidth, sourceHeight);
    const {height, width, channels} = this.description.input;
    const {data} = this.context.getImageData(0, 0, width, height);
    const input = new Tensor(this.numbers(data), [1, height, width, channels]);
    try {
      const start = performance.now();
      const [output] = await this.model.run([input]);
      const milliseconds = performance.now() - start;
      const scores = this.scores(output.toTypedArray());
      output.delete();
      return {scores, milliseconds};
    } finally {
      input.delete();
    }
  }

  // The largest part of the image that has the input's proportions, around its centre.
  draw(source, sourceWidth, sourceHeight) {
    const {height, width} = this.description.input;
    const scale = Math.min(sourceWidth / width, sourceHeight / height);
    const [w, h] = [width * scale, height * scale];
    this.context.imageSmoothingQuality = "high";
    this.context.fillStyle = "#fff";  // Behind what is transparent.
    this.context.fillRect(0, 0, width, height);
    this.context.drawImage(
      source, (sourceWidth - w) / 2, (sourceHeight - h) / 2, w, h, 0, 0, width, height);
  }

  numbers(rgba) {
    const {channels} = this.description.input;
    const numbers = new this.table.constructor((rgba.length / 4) * channels);
    for (let from = 0, to = 0; from < rgba.length; from += 4) {
      if (channels === 1) {
        const grey = LUMINANCE.reduce((sum, weight, i) => sum + weight * rgba[from + i], 0);
        numbers[to++] = this.table[Math.round(grey)];
      } else {
        for (let i = 0; i < 3; i++) numbers[to++] = this.table[rgba[from + i]];
      }
    }
    return numbers;
  }

  scores(numbers) {
    const {scale, zeroPoint, softmax} = this.description.output;
    const real = Array.from(numbers, (q) => scale === null ? q : (q - zeroPoint) * scale);
    if (!softmax) return real;
    const largest = Math.max(...real);
    const powers = real.map((x) => Math.exp(x - largest));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((x) => x / sum);
  }
}

async function fetchFile(url) {
  // The same names may hold another model tomorrow.
  const response = await fetch(url, {cache: "no-cache"});
  if (!response.ok) throw new Error(`${url} could not be read: ${response.status}`);
  return response;
}
