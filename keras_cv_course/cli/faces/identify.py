"""`keras-cv-course faces identify`: who is in an image."""

from dataclasses import asdict
from typing import Annotated

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.dataclass_options import with_options
from keras_cv_course.cli.faces.options import (
    Gallery,
    Images,
    Model,
    Preparation,
    Threshold,
    Token,
)
from keras_cv_course.cli.faces.skipped import print_skipped
from keras_cv_course.cli.output import Json, emit_json, emit_table


@with_options(Preparation)
def command(
    model: Model,
    images: Images,
    args: Preparation,
    gallery: Gallery,
    threshold: Threshold = None,
    top: Annotated[int, typer.Option(min=1, help="People to name in each image.")] = 1,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Name the people in images, as far as they are in a gallery."""
    engine.start()
    from keras_cv_course.cli.faces.existing import existing_gallery
    from keras_cv_course.cli.faces.sources import embed_files, open_encoder
    from keras_cv_course.data.image_sources import files_below

    encoder = open_encoder(model, args)
    limit = encoder.need_threshold(threshold)
    with existing_gallery(gallery, token) as opened:
        faces = embed_files(encoder, list(files_below(images)), as_json)
        answers = [opened.identify(row, top, threshold=limit) for row in faces.embeddings]
    pairs = list(zip(faces.images, answers, strict=True))
    if as_json:
        rows = [{"image": str(image), "name": a.name, **asdict(a)} for image, a in pairs]
        emit_json({"identified": rows, "skipped": faces.skipped_rows()})
        return
    cells: list[tuple[str, str, str]] = []
    for image, answer in pairs:
        cells += [(str(image), each.name, f"{each.similarity:.3f}") for each in answer.matches]
        if not answer.matches:
            nearest = f"{answer.nearest.similarity:.3f}" if answer.nearest else ""
            cells.append((str(image), "unknown", nearest))
    title = f"{gallery}: one person from {limit:.3f} on"
    emit_table(title, ("image", "name", "similarity"), cells, texts=2)
    print_skipped(faces.skipped)
