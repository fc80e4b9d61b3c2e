// Gives MediaPipe's tasks the files and images that jobs.json names, a file and nothing but it to
// each, and shows the answers, or what was said against a file, as JSON.

import * as vision from "./node_modules/@mediapipe/tasks-vision/vision_bundle.mjs";

const category = ({index, categoryName, score}) => ({index, label: categoryName, score});

// Class, options, and how an image is answered. The only option says which of a segmenter's results
// are wanted; the rest is MediaPipe's default, or stands in the file.
const TASKS = {
  classifier: [vision.ImageClassifier, {},
    (task, image) => task.classify(image).classifications[0].categories.map(category)],
  embedder: [vision.ImageEmbedder, {},
    (task, image) => task.embed(image).embeddings[0].floatEmbedding],
  segmenter: [vision.ImageSegmenter, {outputCategoryMask: true}, segment],
  detector: [vision.ObjectDetector, {},
    (task, image) => task.detect(image).detections.map(
      ({categories, boundingBox}) => ({...category(categories[0]), box: boundingBox}))],
};

function segment(task, image) {
  const result = task.segment(image);
  const answer = {
    categories: Array.from(result.categoryMask.getAsUint8Array()),
    confidences: result.confidenceMasks.map((mask) => Array.from(mask.getAsFloat32Array())),
  };
  result.close();
  return answer;
}

async function run(files, {task: name, model, images}) {
  const [kind, options, answer] = TASKS[name];
  const baseOptions = {modelAssetPath: model, delegate: "CPU"};
  const task = await kind.createFromOptions(files, {baseOptions, runningMode: "IMAGE", ...options});
  const answers = [];
  for (const url of images) {
    const image = await createImageBitmap(await (await fetch(url)).blob());
    answers.push(answer(task, image));
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
