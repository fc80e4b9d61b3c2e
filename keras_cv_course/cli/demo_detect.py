"""`keras-cv-course demo detect`: from drawn shapes to files that find them."""

import dataclasses
from typing import Any

from keras_cv_course.cli.boxes_data import all_samples, open_boxes, training_pictures
from keras_cv_course.cli.detection_args import DetectionArgs
from keras_cv_course.cli.detection_run import start_detection_run
from keras_cv_course.cli.export import file_name
from keras_cv_course.cli.output import emit_json, emit_table, fit_verbosity
from keras_cv_course.detectors.detector import Detector
from keras_cv_course.metrics.coco_ap import coco_average_precision
from keras_cv_course.networks.loading import load_model
from keras_cv_course.tflite import TFLiteDetector, benchmark, convert
from keras_cv_course.tflite.quiet import quiet
from keras_cv_course.training import RunFolder

# The smallest shapes are an eighth of the picture: at 96 pixels, two of five have no anchor.
_RECIPE = DetectionArgs(
    imgsz=128,
    alpha=0.35,
    stride=16,
    extra_maps=1,
    smallest=0.12,
    largest=0.4,
    epochs=6,
    batch=8,
    lr0=0.003,
)
_QUANTIZE = ("none", "int8")
_NMS = "tflite_op"
_COLUMNS = ("file", "bytes", "ms", "AP50", "AP")
_LOWEST_SCORE = 0.05
_CALIBRATION = 100  # pictures


def run_demo(
    project: str, name: str | None, exist_ok: bool, epochs: int | None, seed: int, as_json: bool
) -> None:
    """Trains on drawn scenes, exports, compares in average precision, measures, and prints it.

    Args:
        project: Folder of the run folders.
        name: Name of the run; None counts up.
        exist_ok: Whether a run of this name is overwritten.
        epochs: Passes over the scenes; None is the recipe's.
        seed: Decides weights and order.
        as_json: Whether JSON is printed.
    """
    args = dataclasses.replace(_RECIPE, epochs=epochs or _RECIPE.epochs, seed=seed)
    run, report = start_detection_run(args, project, name, exist_ok, fit_verbosity(as_json))
    exported = _export(run, args)
    report = {**report, "exported": exported}
    run.finish(report)
    if as_json:
        emit_json({"run": str(run.path), **report})
        return
    size = f"{run.model.stat().st_size:,}"
    rows = [("model.keras", size, "", f"{report['AP50']:.3f}", f"{report['AP']:.3f}")]
    rows += [
        (
            row["file"],
            f"{row['bytes']:,}",
            f"{row['median_ms']:.3f}",
            f"{row['AP50']:.3f}",
            f"{row['AP']:.3f}",
        )
        for row in exported
    ]
    emit_table(f"{run.path}: {report['pictures']} scenes that were held out", _COLUMNS, rows)


def _export(run: RunFolder, args: DetectionArgs) -> list[dict[str, Any]]:
    """Returns a row for each file that was exported beside the model, compared and measured."""
    val = open_boxes(args.data, "val", args.input_shape[:2])
    pictures, truths = all_samples(val)
    model = load_model(run.model, compile=False)
    detector = Detector(model, val.class_names, score_threshold=_LOWEST_SCORE)
    rows: list[dict[str, Any]] = []
    for quantize in _QUANTIZE:
        path = run.model.with_name(file_name(run.model.stem, quantize, None))
        typical = None
        if quantize != "none":
            loaded = run.load_args()
            typical = training_pictures(
                loaded, args.input_shape, detector.input_range, _CALIBRATION
            )
        convert(detector, path, quantize, calibration_data=typical, nms=_NMS)
        with quiet():  # LiteRT tells of its delegate.
            file = TFLiteDetector(path, input_range=detector.input_range, validate=False)
            found = file.predict(pictures)
        reached = coco_average_precision(truths, found, val.class_names)
        rows.append({"file": path.name, "AP": reached["AP"], "AP50": reached["AP50"]})
    with quiet():
        timings = benchmark([run.path / row["file"] for row in rows]).files
    for row, timing in zip(rows, timings, strict=True):
        row.update(bytes=timing.bytes, median_ms=timing.median_ms)
    return rows
