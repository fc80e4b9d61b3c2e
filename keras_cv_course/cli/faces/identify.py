"""`keras-cv-course faces identify`: who is in a picture."""

from typing import Annotated

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.faces.options import (
    Detector,
    Gallery,
    Largest,
    Model,
    Pictures,
    Threshold,
    Token,
)
from keras_cv_course.cli.options import InputRange
from keras_cv_course.cli.output import Json, emit_json, emit_table

_UNKNOWN = "unknown"


def command(
    model: Model,
    pictures: Pictures,
    gallery: Gallery,
    threshold: Threshold = None,
    top: Annotated[int, typer.Option(min=1, help="People to tell of each picture.")] = 1,
    detector: Detector = None,
    largest: Largest = False,
    token: Token = None,
    input_range: InputRange = None,
    as_json: Json = False,
) -> None:
    """Name the people in pictures, as far as they are in a gallery."""
    engine.start()
    from dataclasses import asdict

    from keras_cv_course.cli.faces.embedding import embed_all
    from keras_cv_course.cli.faces.existing import existing_gallery
    from keras_cv_course.cli.faces.sources import open_encoder, pictures_below

    encoder = open_encoder(model, input_range, detector, largest, threshold)
    limit = encoder.need_threshold()
    with existing_gallery(gallery, token) as opened:
        faces = embed_all(encoder, pictures_below(pictures), as_json)
        found = [opened.identify(row, top, threshold=limit) for row in faces.embeddings]
    if as_json:
        identified = [
            {"image": str(image), "name": each.name, **asdict(each)}
            for image, each in zip(faces.images, found, strict=True)
        ]
        emit_json({"identified": identified, "skipped": faces.skipped_rows()})
        return
    cells = [
        (str(image), match.name, f"{match.similarity:.3f}")
        for image, each in zip(faces.images, found, strict=True)
        for match in each.matches
    ]
    cells += [
        (str(image), _UNKNOWN, f"{each.nearest.similarity:.3f}" if each.nearest else "")
        for image, each in zip(faces.images, found, strict=True)
        if not each.matches
    ]
    title = f"{gallery}: one person from {limit:.3f} on"
    emit_table(title, ("image", "name", "similarity"), cells, texts=2)
    for image, reason in faces.skipped:
        typer.echo(f"skipped {image}: {reason}", err=True)
