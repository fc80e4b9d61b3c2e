"""`keras-cv-course faces verify`: whether two images show one person."""

from pathlib import Path
from typing import Annotated

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.dataclass_options import with_options
from keras_cv_course.cli.faces.options import Model, Preparation, Threshold
from keras_cv_course.cli.output import Json, emit_json, emit_table


@with_options(Preparation)
def command(
    model: Model,
    image_a: Annotated[Path, typer.Argument(help="An image.")],
    image_b: Annotated[Path, typer.Argument(help="Another image.")],
    args: Preparation,
    threshold: Threshold = None,
    as_json: Json = False,
) -> None:
    """Decide whether two images show one person."""
    engine.start()
    from keras_cv_course.cli.faces.sources import open_encoder
    from keras_cv_course.faces.verification import FaceVerifier

    encoder = open_encoder(model, args)
    limit = encoder.need_threshold(threshold)
    verifier = FaceVerifier(encoder.predict, limit, encoder.mirrored)
    answer = verifier.verify(*(encoder.read_file(image) for image in (image_a, image_b)))
    if as_json:
        emit_json({"image_a": str(image_a), "image_b": str(image_b), **answer.to_dict()})
        return
    rows = [
        ("one person", "yes" if answer.same else "no"),
        ("similarity", f"{answer.similarity:.3f}"),
        ("threshold", f"{answer.threshold:.3f}"),
    ]
    emit_table(f"{image_a} and {image_b}", ("", "value"), rows)
