"""Average precision as COCO defines it, computed by COCO's own code."""

import contextlib
import importlib.util
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_cv_course._validation import check_choice
from keras_cv_course.metrics.detections import Truth, check_same_length, ranked_boxes

BACKENDS = ("pycocotools", "faster_coco_eval")
# The first numbers of COCO's summary, in its order.
_SUMMARY = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def coco_average_precision(
    truths: Sequence[Truth],
    detections: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
    backend: str | None = None,
) -> dict[str, float]:
    """Returns COCO's twelve numbers, and the AP of each class.

    Precision is averaged over 101 recalls, and over the IoU thresholds 0.5, 0.55, …, 0.95 unless
    the name says otherwise. Crowds and difficult boxes count neither as found nor as missed, and
    any number of detections may lie in them.

    Args:
        truths: What is in each image.
        detections: What was found in each image, see `ranked_boxes`; the best 100 count.
        class_names: Names of the classes, by label.
        backend: "pycocotools", or "faster_coco_eval", the same in C++. None takes the second where
            it is installed.

    Returns:
        "AP", "AP50", "AP75", for small, medium and large objects "APs", "APm", "APl", recalls
        "AR1", …, and "AP/<name>" of each class. In [0, 1]; nan where there is no such object.

    Raises:
        ValueError: If the lengths differ or are 0, `backend` is unknown, or a label has no name.

    Example:
        >>> coco_average_precision(truths, detections, ("cat", "dog"))["AP50"]

    Reference:
        "Microsoft COCO: Common Objects in Context", arXiv:1405.0312; cocodataset.org, "Detection
        Evaluation".
    """
    check_same_length(truths, detections)
    if backend is None:
        backend = BACKENDS[importlib.util.find_spec("faster_coco_eval") is not None]
    check_choice("backend", backend, BACKENDS)
    dataset = _dataset(truths, class_names)
    rows = _rows(detections, len(class_names))
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress.
        evaluated = _evaluate(dataset, rows, backend)
    values = [float(value) for value in evaluated.stats[: len(_SUMMARY)]]
    summary = dict(zip(_SUMMARY, values, strict=True))
    # (thresholds, recalls, classes, areas, most): all areas, 100 detections.
    precision = np.asarray(evaluated.eval["precision"])[:, :, :, 0, -1]
    for label, name in enumerate(class_names):
        of_class = precision[:, :, label]
        summary[f"AP/{name}"] = float(of_class.mean()) if (of_class > -1).any() else -1.0
    return {name: float("nan") if value == -1 else value for name, value in summary.items()}


def _evaluate(dataset: dict[str, Any], rows: list[dict[str, Any]], backend: str) -> Any:
    if backend == "faster_coco_eval":
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as COCOeval
    else:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    truth = COCO()
    truth.dataset = dataset
    truth.createIndex()
    results = COCO()
    results.dataset = dataset | {"annotations": rows}
    results.createIndex()
    evaluation = COCOeval(truth, results, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation


def _dataset(truths: Sequence[Truth], class_names: Sequence[str]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image_id, truth in enumerate(truths, 1):
        free = truth.crowd | truth.difficult
        for i, (box, label) in enumerate(zip(truth.boxes, truth.labels, strict=True)):
            if not 0 <= label < len(class_names):
                raise ValueError(
                    f"`truths` must have labels from 0 to {len(class_names) - 1}, as `class_names` "
                    f"has. Received: {label} in image {image_id - 1}."
                )
            annotations.append(
                {
                    "id": len(annotations) + 1,  # COCO takes the id 0 for no match.
                    "image_id": image_id,
                    "category_id": int(label),
                    "iscrowd": int(free[i]),
                    "area": float(truth.areas[i]),
                    "bbox": _xywh(box),
                }
            )
    return {
        "info": {},
        "images": [{"id": image_id} for image_id in range(1, len(truths) + 1)],
        "categories": [{"id": label, "name": name} for label, name in enumerate(class_names)],
        "annotations": annotations,
    }


def _rows(detections: Sequence[Mapping[str, Any]], classes: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for image_id, image in enumerate(detections, 1):
        for box, score, label in zip(*ranked_boxes(image), strict=True):
            if label >= classes:
                raise ValueError(
                    f"`detections` must have classes from 0 to {classes - 1}, as `class_names` "
                    f"has. Received: {label} in image {image_id - 1}."
                )
            x, y, width, height = _xywh(box)
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": image_id,
                    "category_id": int(label),
                    "iscrowd": 0,
                    "area": width * height,
                    "bbox": [x, y, width, height],
                    "score": float(score),
                }
            )
    return rows


def _xywh(box: np.ndarray) -> list[float]:
    left, top, right, bottom = (float(x) for x in box)
    return [left, top, max(right - left, 0.0), max(bottom - top, 0.0)]
