// Runs model.tflite on inputs.json and posts outputs, or what went wrong, to the server.

import {loadAndCompile, loadLiteRt, Tensor} from "./runtime/litert.js";

const ARRAYS = {uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array,
                float32: Float32Array};

async function measure() {
  const {samples, warmup, runs} = await (await fetch("inputs.json")).json();
  await loadLiteRt("/runtime/", {threads: false, jspi: false});
  const model = await loadAndCompile("model.tflite", {accelerator: "wasm"});
  const outputs = [];
  for (const sample of samples) outputs.push(await run(model, sample));
  const milliseconds = [];
  for (let turn = 0; turn < warmup + runs; turn++) {
    const tensors = tensorsOf(samples[0]);
    const start = performance.now();
    const results = await model.run(tensors);
    if (turn >= warmup) milliseconds.push(performance.now() - start);
    [...tensors, ...results].forEach((tensor) => tensor.delete());
  }
  return {outputs, milliseconds, browser: navigator.userAgent};
}

async function run(model, sample) {
  const tensors = tensorsOf(sample);
  const results = await model.run(tensors);
  const outputs = results.map((tensor) => Array.from(tensor.toTypedArray()));
  [...tensors, ...results].forEach((tensor) => tensor.delete());
  return outputs;
}

function tensorsOf(sample) {
  return sample.map(({dtype, shape, values}) => new Tensor(ARRAYS[dtype].from(values), shape));
}

measure().catch((error) => ({error: String(error.message ?? error)}))
  .then((result) => fetch("/result", {method: "POST", body: JSON.stringify(result)}));
