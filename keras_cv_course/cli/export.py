"""`keras-cv-course export`: from a .keras file to a .tflite file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_cv_course._validation import check_choice
from keras_cv_course.cli import engine
from keras_cv_course.cli.options import InputRange
from keras_cv_course.cli.output import Json, emit_json, emit_table

if TYPE_CHECKING:
    import numpy as np

    from keras_cv_course.cli.sources import Classifier

_CALIBRATED = ("int8", "int8x16")
_NMS = {"tflite_op": "tflite_op", "builtin": "builtin", "none": None}


def command(
    model: Annotated[str, typer.Argument(help="A .keras file.")],
    quantize: Annotated[
        str, typer.Option(help="none, float16, dynamic, int8, int8x16 or int4.")
    ] = "int8",
    io_dtype: Annotated[
        str | None, typer.Option(help="float32, uint8 or int8: type of input and output.")
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(help='Folder of pictures, or "digits"; else what the model was trained on.'),
    ] = None,
    keep_float: Annotated[
        list[str] | None, typer.Option(help="Layer that stays in float; may be repeated.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures to calibrate with.")] = 100,
    out: Annotated[Path | None, typer.Option(help="File to write; beside the model.")] = None,
    input_range: InputRange = None,
    target: Annotated[
        str | None,
        typer.Option(help="phone, browser, microcontroller, accelerator or edge_tpu."),
    ] = None,
    nms: Annotated[
        str | None,
        typer.Option(help="Of a detector: tflite_op, builtin, or none, which MediaPipe does."),
    ] = None,
    score: Annotated[
        float, typer.Option(min=0, max=1, help="Lowest score of a detector's boxes.")
    ] = 0.3,
    as_json: Json = False,
) -> None:
    """Convert a model to TFLite; one of `train --qat` needs no calibration."""
    engine.start()
    from keras_cv_course.cli.sources import open_classifier
    from keras_cv_course.quantization.aware import is_quantize_aware
    from keras_cv_course.tflite import convert
    from keras_cv_course.tflite.targets import choose

    if target is not None:
        quantize, io_dtype = choose(target, quantize, io_dtype)
    classifier = open_classifier(model, input_range, keras_only=True)
    pictures = None
    calibrated = quantize in _CALIBRATED and not is_quantize_aware(classifier.keras_model)
    if calibrated or calibration is not None:
        pictures = calibration_pictures(classifier, calibration, count)
    convertible, options = _convertible(classifier, nms, score)
    result = convert(
        convertible,
        out or classifier.path.with_name(file_name(classifier.path.stem, quantize, io_dtype)),
        quantize=quantize,
        io_dtype=io_dtype,
        calibration_data=pictures,
        class_names=classifier.class_names,
        keep_float=keep_float or (),
        calibration_count=count,
        input_range=classifier.input_range,
        target=target,
        **options,
    )
    if as_json:
        emit_json(result.to_dict())
        return
    rows = [
        ("quantize", result.quantize),
        ("input and output", result.io_dtype),
        ("bytes", f"{result.size_bytes:,}"),
        ("seconds", f"{sum(result.seconds.values()):.1f}"),
    ]
    emit_table(str(result.path), ("", "value"), rows)


def _convertible(model: "Classifier", nms: str | None, score: float) -> tuple[Any, dict[str, Any]]:
    """Returns what `convert` takes of a model: a detector's decoding and suppression come along."""
    if nms is not None:
        check_choice("--nms", nms, _NMS)
    from keras_cv_course.cli.detector_files import is_detector
    from keras_cv_course.detectors.detector import Detector

    if not is_detector(model.keras_model):
        if nms is not None:
            raise ValueError(f"--nms is for a detector, and {model.path} is none.")
        return model.keras_model, {}
    detector = Detector(
        model.keras_model, model.class_names, score_threshold=score, input_range=model.input_range
    )
    return detector, {"nms": _NMS[nms or "tflite_op"]}


def file_name(stem: str, quantize: str, io_dtype: str | None) -> str:
    """Returns the name of an exported file, e.g. "model_int8_uint8.tflite"."""
    kind = "float32" if quantize == "none" else quantize
    return "_".join(filter(None, (stem, kind, io_dtype))) + ".tflite"


def calibration_pictures(model: "Classifier", source: str | None, count: int) -> "np.ndarray":
    """Returns pictures as a model takes them: of a folder, or of the data it was trained on.

    Args:
        model: The model.
        source: A folder of pictures, or "digits"; None is the training split of its own data.
        count: The most pictures to return.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If nothing tells what the model was trained on, or which values it takes.
    """
    from keras_cv_course.cli.boxes_data import training_pictures
    from keras_cv_course.cli.sources import open_split
    from keras_cv_course.cli.train_args import DIGITS
    from keras_cv_course.data import calibration_array

    if source is None and not model.args:
        raise ValueError(
            f"int8 needs pictures to calibrate with: there is no args.yaml beside {model.path} "
            'that tells what it was trained on. Give a folder, or "digits", with --calibration.'
        )
    values = model.need_range()
    if source is None and model.args.get("task") == "detect":
        return training_pictures(model.args, model.input_shape, values, count)
    if source in (None, DIGITS):
        pictures, _, _ = open_split(model, source, "train")
        return calibration_array(pictures, model.input_shape, values, count)
    return calibration_array(source, model.input_shape, values, count)
