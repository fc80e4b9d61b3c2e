"""`keras-cv-course faces analyze`: age, smile and whatever else a network predicts of a face."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.faces.options import Images
from keras_cv_course.cli.faces.skipped import print_skipped
from keras_cv_course.cli.options import InputRange
from keras_cv_course.cli.output import Json, emit_json, emit_table, progress

if TYPE_CHECKING:
    from keras_cv_course.faces import FaceAnalyzer
    from keras_cv_course.faces.detection import Detector

_TASK = "multitask"


def command(
    model: Annotated[str, typer.Argument(help="A .keras or .tflite file of a multitask network.")],
    images: Images,
    detector: Annotated[
        str,
        typer.Option(
            help='Face detector for photographs: "haar", or the .onnx file of a YuNet. "none" '
            "takes whole images, each of a face with some margin."
        ),
    ] = "none",
    largest: Annotated[
        bool, typer.Option("--largest", help="Take the largest of several faces in a photograph.")
    ] = False,
    input_range: InputRange = None,
    as_json: Json = False,
) -> None:
    """Predict the attributes of faces with a multitask network."""
    engine.start()
    from keras_cv_course.cli.faces.sources import open_detector
    from keras_cv_course.data.image_sources import files_below
    from keras_cv_course.predictors.face_results import shown

    analyzer = _open_analyzer(model, input_range)
    find, files = open_detector(detector), list(files_below(images))
    rows: list[dict[str, Any]] = []
    skipped: list[tuple[Path, str]] = []
    for image in progress(files, "looking at faces", len(files), as_json):
        try:
            rows.append({"image": str(image), "tasks": _analyzed(analyzer, image, find, largest)})
        except (ValueError, OSError) as error:
            skipped.append((image, " ".join(str(error).split())))
    if not rows:
        raise ValueError(f"{skipped[0][0]}: {skipped[0][1]}")
    if as_json:
        reasons = [{"image": str(image), "reason": reason} for image, reason in skipped]
        emit_json({"analyzed": rows, "skipped": reasons})
        return
    cells = [
        (row["image"], task, shown(attribute["value"]), shown(attribute["confidence"]))
        for row in rows
        for task, attribute in row["tasks"].items()
    ]
    emit_table(model, ("image", "task", "value", "confidence"), cells, texts=2)
    print_skipped(skipped)


def _open_analyzer(model: str, input_range: tuple[float, float] | None) -> "FaceAnalyzer":
    import numpy as np

    from keras_cv_course.faces import FaceAnalyzer
    from keras_cv_course.faces.analysis import GENDER_NAMES
    from keras_cv_course.specs.model_spec import ModelSpec
    from keras_cv_course.tasks.opening import open_model

    opened = open_model(model, ModelSpec(task=_TASK, input_range=input_range))
    facts = opened.spec.facts
    analyzer = FaceAnalyzer(
        opened.task.call(opened.model, opened.spec, opened.task.Predict()),
        opened.input_shape,
        opened.need_range(),
        facts.get("gender_names", GENDER_NAMES),
        facts.get("people"),
        facts.get("errors"),
    )
    try:
        analyzer.analyze(np.zeros(opened.input_shape, np.uint8))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{opened.path} is not a multitask network of faces: it must give an answer to each "
            "task, as MultitaskFaceNetwork does."
        ) from error
    return analyzer


def _analyzed(
    analyzer: "FaceAnalyzer", image: Path, detector: "Detector | None", largest: bool
) -> dict[str, dict[str, Any]]:
    """Returns the answers about the face in a file, with points in pixels of the whole image."""
    from keras_cv_course.data.photographs import read_photograph
    from keras_cv_course.faces import cut_out, find_face
    from keras_cv_course.faces.detection import square_around

    photograph, corner = read_photograph(image), (0, 0)
    if detector is not None:
        face = replace(find_face(photograph, detector, largest), landmarks=None)
        left, top, right, _ = square_around(face)
        photograph, corner = cut_out(photograph, face, right - left), (left, top)
    attributes = analyzer.analyze(photograph)
    if "landmarks" in attributes:
        points = attributes["landmarks"].value + corner
        attributes["landmarks"] = replace(attributes["landmarks"], value=points)
    return {task: attribute.to_dict() for task, attribute in attributes.items()}
