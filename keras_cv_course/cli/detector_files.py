"""Opens what is a detector among the files that commands are given, and runs it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.models.detector import Detector, detection_rows
from keras_cv_course.models.drawing import draw_detections, png
from keras_cv_course.models.loading import load_model
from keras_cv_course.tflite import TFLiteDetector, TFLiteModel
from keras_cv_course.tflite.quiet import quiet
from keras_cv_course.training import open_run
from keras_cv_course.training.atomic import replacing


@dataclass(frozen=True)
class DetectorFile:
    """A detector, and what its run folder tells about it.

    Attributes:
        path: The file.
        predict: Takes pictures and returns what `Detector.predict` does.
        keras_detector: Of a .keras file, else None.
        class_names: Names by class; None where nothing tells.
        args: The `args.yaml` beside the file, empty where there is none.
    """

    path: Path
    predict: Callable[[Sequence[np.ndarray]], list[dict[str, np.ndarray]]]
    keras_detector: Detector | None
    class_names: tuple[str, ...] | None
    args: dict[str, Any]


def open_detector(
    path: str, score: float, input_range: tuple[float, float] | None = None
) -> DetectorFile | None:
    """Returns the detector in a .keras or .tflite file, and None if it holds something else.

    Args:
        path: The file.
        score: Boxes with a lower score are left out; a .tflite has a threshold of its own besides.
        input_range: Values that it takes; None is what the file or `args.yaml` tells.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no model.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    args = open_run(file.parent).load_args() if (file.parent / "args.yaml").is_file() else {}
    told = args.get("input_range")
    values = input_range or (None if told is None else (float(told[0]), float(told[1])))
    if file.suffix == ".tflite":
        return _open_tflite(file, score, values, args)
    model = load_model(file, compile=False)
    if not is_detector(model):
        return None
    names = args.get("class_names")
    detector = Detector(model, names, score_threshold=score, input_range=values)
    return DetectorFile(file, detector.predict, detector, detector.class_names, args)


def _open_tflite(
    file: Path, score: float, values: tuple[float, float] | None, args: dict[str, Any]
) -> DetectorFile | None:
    with quiet():  # LiteRT tells of its delegate.
        outputs = {output.name for output in TFLiteModel(file).outputs}
        if "boxes" not in outputs:
            return None
        detector = TFLiteDetector(file, input_range=values)

    def predict(images: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
        found = detector.predict(images)
        sure = [boxes["scores"] >= score for boxes in found]
        return [
            {key: column[keep] for key, column in boxes.items()}
            for boxes, keep in zip(found, sure, strict=True)
        ]

    return DetectorFile(file, predict, None, detector.class_names, args)


def is_detector(model: keras.Model | None) -> bool:
    """Whether a model gives a detector's raw outputs."""
    return model is not None and any(isinstance(x, BoxCodes) for x in model.layers)


def predict_boxes(
    detector: DetectorFile, images: Sequence[Path], out: Path | None
) -> list[dict[str, Any]]:
    """Returns what is found in picture files, a row each as JSON can hold it.

    Args:
        detector: The detector.
        images: Pictures.
        out: Folder for the pictures with their boxes and `detections.json`; None writes nothing.

    Raises:
        OSError: If a picture cannot be read.
    """
    rows = []
    for path in images:
        with Image.open(path) as opened:
            picture = np.asarray(opened.convert("RGB"))
        (found,) = detector.predict([picture])
        rows.append({"image": str(path), "boxes": detection_rows(found, detector.class_names)})
        if out is not None:
            with replacing(out / f"{path.stem}_boxes.png") as temporary:
                temporary.write_bytes(png(draw_detections(picture, found, detector.class_names)))
    if out is not None:
        with replacing(out / "detections.json") as temporary:
            temporary.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return rows
