"""Child process of `mediapipe`: runs one MediaPipe task in an environment that has MediaPipe.

It is started by its path with the other environment's Python, so it imports only what that has:
NumPy and mediapipe. Arguments: task, model, images (.npz), answers (.npz), file for an error.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

Answer = dict[str, np.ndarray]


def _categories(categories: Sequence[Any]) -> Answer:
    return {
        "index": np.array([-1 if c.index is None else c.index for c in categories], np.int64),
        "label": np.array([c.category_name or "" for c in categories], np.str_),
        "score": np.array([c.score for c in categories], np.float64),
    }


def _classify(task: Any, image: Any) -> Answer:
    return _categories(task.classify(image).classifications[0].categories)


def _embed(task: Any, image: Any) -> Answer:
    return {"vector": np.asarray(task.embed(image).embeddings[0].embedding)}


def _segment(task: Any, image: Any) -> Answer:
    result = task.segment(image)
    masks = [mask.numpy_view() for mask in result.confidence_masks]
    shape = masks[0].shape[:2]
    return {
        "categories": result.category_mask.numpy_view().reshape(shape).copy(),
        "confidences": np.stack([mask.reshape(shape) for mask in masks], axis=-1),
    }


def _detect(task: Any, image: Any) -> Answer:
    detections = task.detect(image).detections
    boxes = [
        (b.origin_x, b.origin_y, b.origin_x + b.width, b.origin_y + b.height)
        for b in (detection.bounding_box for detection in detections)
    ]
    return {
        "boxes": np.array(boxes, np.float64).reshape(-1, 4),
        **_categories([detection.categories[0] for detection in detections]),
    }


# Class, options of the task, and how an image is answered. The only option says which of a
# segmenter's results are wanted; the rest is MediaPipe's default, or in the file.
_TASKS: dict[str, tuple[str, dict[str, Any], Callable[[Any, Any], Answer]]] = {
    "classifier": ("ImageClassifier", {}, _classify),
    "embedder": ("ImageEmbedder", {}, _embed),
    "segmenter": ("ImageSegmenter", {"output_category_mask": True}, _segment),
    "detector": ("ObjectDetector", {}, _detect),
}


def _answer(name: str, path: str, images: np.ndarray) -> Answer:
    kind, options, ask = _TASKS[name]
    base = BaseOptions(model_asset_path=path)
    task = getattr(vision, kind).create_from_options(
        getattr(vision, f"{kind}Options")(base_options=base, **options)
    )
    answers = {}
    for number, pixels in enumerate(images):
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        for key, values in ask(task, image).items():
            answers[f"{number}/{key}"] = values
    task.close()
    return answers


def main() -> None:
    """Runs the task on every image, and writes the answers, or what MediaPipe says against it."""
    name, path, images, answers, error_file = sys.argv[1:]
    try:
        arrays = _answer(name, path, np.load(images)["images"])
        np.savez(answers, allow_pickle=False, **arrays)
    # MediaPipe raises whatever its status codes become; the parent reports what it said.
    except Exception as error:
        Path(error_file).write_text(str(error) or type(error).__name__, encoding="utf-8")
    # Not the usual way out: a task whose graph has failed never returns from its destructor.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
