"""`keras-cv-course predict`: what is in a picture."""

from pathlib import Path
from typing import Annotated, Any

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.options import InputRange
from keras_cv_course.cli.output import Json, emit_json, emit_table, progress


def command(
    model: Annotated[str, typer.Argument(help="A .keras or .tflite file.")],
    images: Annotated[
        list[Path], typer.Argument(help="Pictures, or folders of them: JPEG, PNG, GIF or BMP.")
    ],
    top: Annotated[int, typer.Option(min=1, help="Classes to tell of each picture.")] = 1,
    score: Annotated[
        float, typer.Option(min=0, max=1, help="Lowest score of a detector's boxes.")
    ] = 0.3,
    out: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="Folder for pictures with a detector's boxes, and a JSON."
        ),
    ] = None,
    input_range: InputRange = None,
    as_json: Json = False,
) -> None:
    """Name what is in pictures, or find where."""
    engine.start()
    from keras_cv_course.cli.detector_files import as_detector, predict_boxes
    from keras_cv_course.cli.sources import open_classifier, pictures_below
    from keras_cv_course.data import load_pictures

    classifier = open_classifier(model, input_range)
    images = pictures_below(images)
    detector = as_detector(classifier, score)
    if detector is not None:
        _tell_boxes(model, predict_boxes(detector, images, out), as_json)
        return
    if out is not None:
        raise ValueError(f"--out is for the boxes of a detector, and {model} is none.")
    shape, values = classifier.input_shape, classifier.need_range()
    rows: list[dict[str, Any]] = []
    for image in progress(images, "predicting", len(images), as_json):
        scores = classifier.predict(load_pictures([image], shape, values))[0]
        names = classifier.need_names(len(scores))
        rows.append({"image": str(image), "classes": _best(scores, names, top)})
    if as_json:
        emit_json(rows)
        return
    cells = [
        (row["image"], found["name"], f"{found['probability']:.2%}")
        for row in rows
        for found in row["classes"]
    ]
    emit_table(model, ("image", "class", "probability"), cells, texts=2)


def _tell_boxes(model: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        emit_json(rows)
        return
    cells = []
    for row in rows:
        if not row["boxes"]:
            cells.append((row["image"], "nothing", "", ""))
        for box in row["boxes"]:
            sides = " ".join(f"{side:.0f}" for side in box["box_xyxy"])
            cells.append((row["image"], box["name"], f"{box['score']:.2f}", sides))
    emit_table(model, ("image", "class", "score", "left top right bottom"), cells, texts=2)


def _best(scores: Any, names: tuple[str, ...], top: int) -> list[dict[str, Any]]:
    order = scores.argsort()[::-1][:top]
    return [{"name": names[i], "probability": float(scores[i])} for i in order]
