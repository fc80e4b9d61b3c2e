// Gives MediaPipe's tasks the files and pictures that jobs.json names, a file and nothing but it to
// each, and shows the answers, or what was said against a file, as JSON.

import * as vision from "./node_modules/@mediapipe/tasks-vision/vision_bundle.mjs";

const category = ({index, categoryName, score}) => ({index, label: categoryName, score});

// Class, options, and how a picture is answered. The only option says which of a segmenter's results
// are wanted; the rest is MediaPipe's default, or stands in the file.
const TASKS = {
  classifier: [vision.ImageClassifier, {},
    (task, picture) => task.classify(picture).classifications[0].categories.map(category)],
  embedder: [vision.ImageEmbedder, {},
    (task, picture) => task.embed(picture).embeddings[0].floatEmbedding],
  segmenter: [vision.ImageSegmenter, {outputCategoryMask: true}, segment],
  detector: [vision.ObjectDetector, {},
    (task, picture) => task.detect(picture).detections.map(
      ({categories, boundingBox}) => ({...category(categories[0]), box: boundingBox}))],
};

function segment(task, picture) {
  const result = task.segment(picture);
  const answer = {
    categories: Array.from(result.categoryMask.getAsUint8Array()),
    confidences: result.confidenceMasks.map((mask) => Array.from(mask.getAsFloat32Array())),
  };
  result.close();
  return answer;
}

async function run(files, {task: name, model, pictures}) {
  const [kind, options, answer] = TASKS[name];
  const baseOptions = {modelAssetPath: model, delegate: "CPU"};
  const task = await kind.createFromOptions(files, {baseOptions, runningMode: "IMAGE", ...options});
  const answers = [];
  for (const url of pictures) {
    const picture = await createImageBitmap(await (await fetch(url)).blob());
    answers.push(answer(task, picture));
  }
  task.close();
  return {answers};
}

const jobs = await (await fetch("jobs.json")).json();
const files = await vision.FilesetResolver.forVisionTasks(
  "node_modules/@mediapipe/tasks-vision/wasm");
const results = {};
for (const [key, job] of Object.entries(jobs)) {
  results[key] = await run(files, job).catch((error) => ({error: String(error)}));
}
document.body.textContent = JSON.stringify(results);
document.documentElement.dataset.ready = "true";
