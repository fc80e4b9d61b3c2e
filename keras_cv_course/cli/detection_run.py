"""Training of a detector from its arguments to a whole run folder; `train` and `demo` share it."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_cv_course._atomic import replacing
from keras_cv_course.cli.boxes_data import Boxes, all_samples, open_boxes, typical_pictures
from keras_cv_course.cli.detection_args import SHAPES, DetectionArgs
from keras_cv_course.data import (
    DrawnScenes,
    Epochs,
    augmented_boxes,
    detection_epochs,
    with_targets,
)
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.detectors.detector import Detector
from keras_cv_course.metrics.coco_ap import coco_average_precision
from keras_cv_course.metrics.detection_confusion import detection_confusion
from keras_cv_course.necks.extra_maps import LITE_FILTERS
from keras_cv_course.networks.feature_maps import feature_maps
from keras_cv_course.networks.loading import load_model
from keras_cv_course.ops.anchor_clustering import cluster_shapes
from keras_cv_course.predictors.drawing import draw_detections, mosaic, png
from keras_cv_course.quantization import FreezeRanges, quantize_aware
from keras_cv_course.quantization.aware import is_quantize_aware
from keras_cv_course.registry import MODELS, build_model
from keras_cv_course.training import RunFolder, compute_reproducibly, create_run
from keras_cv_course.training.detection import target_encoder
from keras_cv_course.training.detection_fit import (
    best_epoch,
    fit_detector,
    plot_detection_confusion,
    plot_detection_results,
    plot_precision_recall,
)

_BACKBONE = "mobilenet_v2"
_INPUT_RANGE = MODELS[_BACKBONE].input_range
_CALIBRATION = 200  # pictures
_QAT_RATE = 0.1  # of the float training's learning rate
# The families' own 0.99 to 0.999 leaves the statistics unsettled after a few hundred steps.
_BATCH_NORM_MOMENTUM = 0.9
_STRIDES = 3  # maps of the YOLO that is trained here
# Of its boxes; the weight is YOLOv1's. With 1, small objects are found, but their boxes are poor.
_YOLO_LOSS: dict[str, Any] = {"box_loss": "ciou", "box_weight": 5.0}
_LOWEST_SCORE = 0.01
_SHOWN = 9  # pictures in a mosaic, in rows of three
_SHOWN_PX = 320
_SHOWN_SCORE = 0.4


def start_detection_run(
    args: DetectionArgs, project: str, name: str | None, exist_ok: bool, verbose: int
) -> tuple[RunFolder, dict[str, Any]]:
    """Returns a new run folder with a trained detector, and the report in it.

    Beside the model it holds `results.csv` and its plot, `precision_recall.png`,
    `confusion_matrix.png`, and mosaics of the first training batch and of what the model finds.

    Args:
        args: What to train.
        project: Folder of the run folders.
        name: Name of the run; None counts up.
        exist_ok: Whether a run of this name is overwritten.
        verbose: As in `model.fit`.

    Raises:
        ValueError: If the data or the model cannot be had as `args` want it.
        FileNotFoundError: If there is no such data.
        FileExistsError: If there is a run of this name and `exist_ok` is False.
    """
    if args.data != SHAPES:
        args = dataclasses.replace(args, data=str(Path(args.data).expanduser().resolve()))
    data = _open(args)
    model = _model(args, data.train)
    facts = {
        "task": "detect",
        "class_names": list(data.class_names),
        "input_shape": list(args.input_shape),
        "input_range": list(_INPUT_RANGE),
        "skipped": [
            problem for part in (data.train, data.val) for problem in getattr(part, "skipped", ())
        ],
    }
    run = create_run({**dataclasses.asdict(args), **facts}, project, name, exist_ok)
    _save_training_mosaic(run, data)
    history = _fit(run, args, data, model, verbose)
    return run, _complete(run, args, data, history, verbose)


def continue_detection_run(run: RunFolder, verbose: int) -> dict[str, Any]:
    """Returns the report of a detector's run whose training has been brought to its end.

    Args:
        run: A run that was interrupted.
        verbose: As in `model.fit`.

    Raises:
        ValueError: If its data has other classes now.
    """
    args = DetectionArgs.from_yaml(run.load_args())
    data = _open(args)
    run.check_classes(args.data, data.class_names)
    history = _fit(run, args, data, _model(args, data.train), verbose)
    return _complete(run, args, data, history, verbose)


@dataclass(frozen=True)
class _Data:
    """What a run learns from, as boxes and as batches, and what it is measured on."""

    train: Boxes
    val: Boxes
    epochs: Epochs

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.train.class_names)


def _open(args: DetectionArgs) -> _Data:
    keras.utils.set_random_seed(args.seed)
    if args.deterministic:
        compute_reproducibly()
    size = args.input_shape[:2]
    train = open_boxes(args.data, "train", size)
    val = open_boxes(args.data, "val", size, tuple(train.class_names))
    epochs = detection_epochs(train, args.input_shape, args.batch, seed=args.seed)
    if args.augment:
        steps = ("flip",) if args.data == SHAPES else ("window", "flip", "colour")
        epochs = augmented_boxes(epochs, steps, args.seed)
    return _Data(train, val, epochs)


def _fit(
    run: RunFolder, args: DetectionArgs, data: _Data, model: keras.Model, verbose: int
) -> dict[str, list[float]]:
    """Trains by `args`; a quantization-aware model for its own epochs at a lower rate."""
    aware = is_quantize_aware(model)
    epochs = args.qat_epochs if aware else args.epochs
    targets = with_targets(data.epochs, target_encoder(detection_spec(model)), _INPUT_RANGE)
    return fit_detector(
        model,
        targets,
        data.val.samples,
        data.class_names,
        run,
        epochs,
        args.lr0 * (_QAT_RATE if aware else 1.0),
        every=max(1, epochs // 10),
        verbose=verbose,
        callbacks=[FreezeRanges(epochs - 1)] if aware else [],
        **(_YOLO_LOSS if args.model == "yolo" else {}),
    )


def _complete(
    run: RunFolder,
    args: DetectionArgs,
    data: _Data,
    history: dict[str, list[float]],
    verbose: int,
) -> dict[str, Any]:
    """Returns the report of a run whose float stage is trained, after its other stage."""
    best = load_model(run.model, compile=False)
    report = {
        "model": args.model,
        "parameters": best.count_params(),
        **_measured(run, best, data.val, history),
    }
    if args.qat:
        # As it is where the run goes on here, without the float stage before.
        keras.utils.set_random_seed(args.seed)
        typical = typical_pictures(data.train, args.input_shape, _INPUT_RANGE, _CALIBRATION)
        aware = quantize_aware(best, typical, input_range=_INPUT_RANGE)
        stage = run.quantization_aware()
        history = _fit(stage, args, data, aware, verbose)
        tuned = load_model(stage.model, compile=False)
        report["qat"] = _measured(stage, tuned, data.val, history)
    run.finish(report)
    return report


def _model(args: DetectionArgs, train: Boxes) -> keras.Model:
    body = build_model(
        _BACKBONE,
        input_shape=args.input_shape,
        alpha=args.alpha,
        weights=args.weights,
        include_top=False,
        batch_norm_momentum=_BATCH_NORM_MOMENTUM,
    )
    options: dict[str, Any] = {"batch_norm_momentum": _BATCH_NORM_MOMENTUM}
    if args.model == "yolo":
        options["anchors"] = _anchors(train, args)
    if args.model == "ssdlite":
        body = up_to_stride(body, args.stride)
        options |= {"smallest": args.smallest, "largest": args.largest}
        options["extra_filters"] = LITE_FILTERS[-args.extra_maps :]
    return build_model(args.model, backbone=body, classes=len(train.class_names), **options)


def up_to_stride(body: keras.Model, stride: int) -> keras.Model:
    """Returns a backbone without what follows its last map of a stride, 16 or 32."""
    if stride == 32:
        return body
    maps = feature_maps(body, ("P4",))
    return keras.Model(maps.input, maps.output["P4"], name=body.name)


def _anchors(train: Boxes, args: DetectionArgs) -> list[list[tuple[float, float]]]:
    """Returns anchors of the sizes that boxes have here, three for each map, small ones first."""
    if isinstance(train, DrawnScenes):
        boxes = np.concatenate([scene.boxes for _, scene in train.samples()])
        shapes = boxes[:, 2:] - boxes[:, :2]
    else:
        shapes = train.shapes_px(args.input_shape[:2])
    count = 3 * _STRIDES
    if len(shapes) < count:
        raise ValueError(
            f"YOLO takes the sizes of its {count} anchors from the boxes of {args.data}, which has "
            f"{len(shapes)}. Annotate more, or train with --model ssdlite."
        )
    found, _ = cluster_shapes(shapes, count, args.seed)
    return [list(found[i : i + 3]) for i in range(0, len(found), 3)]


def _measured(
    run: RunFolder, model: keras.Model, val: Boxes, history: dict[str, list[float]]
) -> dict[str, Any]:
    """Returns what the best model of a stage reaches, and plots it."""
    detector = Detector(model, val.class_names, score_threshold=_LOWEST_SCORE)
    pictures, truths = all_samples(val)
    found = detector.predict(pictures)
    reached = coco_average_precision(truths, found, val.class_names)
    plot_detection_results(run.results, run.results_plot)
    plot_precision_recall(truths, found, val.class_names, run.precision_recall_plot)
    counts = detection_confusion(truths, found, len(val.class_names), score_threshold=_SHOWN_SCORE)
    plot_detection_confusion(counts, val.class_names, run.confusion_plot)
    shown = [
        _drawn(picture, _sure(boxes), val.class_names)
        for picture, boxes in list(zip(pictures, found, strict=True))[:_SHOWN]
    ]
    _save_mosaic(run.predictions, shown)
    return {
        "epochs": len(history["epoch"]),
        "best_epoch": best_epoch(history) + 1,
        "pictures": len(pictures),
        "AP": reached["AP"],
        "AP50": reached["AP50"],
        # JSON has no word for the precision of a class that does not occur.
        "classes": {
            name: None if np.isnan(reached[f"AP/{name}"]) else reached[f"AP/{name}"]
            for name in val.class_names
        },
    }


def _sure(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    keep = found["scores"] >= _SHOWN_SCORE
    return {key: values[keep] for key, values in found.items()}


def _drawn(
    image: np.ndarray,
    found: dict[str, np.ndarray],
    class_names: Sequence[str],
    show_scores: bool = True,
) -> np.ndarray:
    """Returns a picture of one size with its boxes, large enough for their names."""
    height, width = image.shape[:2]
    scale = np.tile([_SHOWN_PX / width, _SHOWN_PX / height], 2)
    resized = keras.ops.image.resize(image.astype("float32"), (_SHOWN_PX, _SHOWN_PX))
    boxes = (found["boxes"] * scale).astype(np.float32)
    scaled = {**found, "boxes": boxes}
    return draw_detections(np.asarray(resized), scaled, class_names, show_scores)


def _save_training_mosaic(run: RunFolder, data: _Data) -> None:
    images, boxes = next(data.epochs.since(0).take(1).as_numpy_iterator())
    shown = []
    for i, image in enumerate(images[:_SHOWN]):
        real = boxes["labels"][i] >= 0
        truth = {"boxes": boxes["boxes"][i][real], "classes": boxes["labels"][i][real]}
        truth["scores"] = np.ones(real.sum(), np.float32)
        shown.append(_drawn(image, truth, data.class_names, show_scores=False))
    _save_mosaic(run.path / "train_batch.png", shown)


def _save_mosaic(path: Path, images: list[np.ndarray]) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(png(mosaic(images, columns=3)))
