"""`keras-cv-course faces verify`: whether two images show one person."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.dataclass_options import with_options
from keras_cv_course.cli.faces.options import Preparation
from keras_cv_course.cli.output import Json, emit_json, emit_table

_KEPT = ("largest",)  # of `Preparation`, by the published networks
_PRETRAINED = "pretrained"


@with_options(Preparation)
def command(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="[ENCODER] IMAGE IMAGE",
            help="Two images; before them the .keras or .tflite file of an encoder. Without it, "
            "published networks find and compare the faces.",
        ),
    ],
    args: Preparation,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Smallest similarity of one person, by default as `faces evaluate` chose; of the "
            "published networks the largest distance, by default 0.6."
        ),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            help='Folder of the files of the published networks; "pretrained" fetches them, once.'
        ),
    ] = _PRETRAINED,
    as_json: Json = False,
) -> None:
    """Decide whether two images show one person."""
    if len(files) not in (2, 3):
        raise ValueError(f"Give two images, or an encoder and two images. Received: {len(files)}.")
    engine.start()
    *encoder, image_a, image_b = files
    if encoder:
        answer = _by_encoder(encoder[0], (image_a, image_b), args, threshold, weights)
    else:
        answer = _by_published_networks((image_a, image_b), args, threshold, weights)
    if as_json:
        emit_json({"image_a": str(image_a), "image_b": str(image_b), **answer})
        return
    rows = [("one person", "yes" if answer["same"] else "no")]
    rows += [
        (name, f"{answer[name]:.3f}")
        for name in ("similarity", "distance", "threshold")
        if name in answer
    ]
    emit_table(f"{image_a} and {image_b}", ("", "value"), rows)


def _by_encoder(
    path: Path,
    images: tuple[Path, Path],
    args: Preparation,
    threshold: float | None,
    weights: str,
) -> dict[str, Any]:
    from keras_cv_course.cli.faces.sources import open_encoder
    from keras_cv_course.faces.verification import FaceVerifier

    if weights != _PRETRAINED:
        raise ValueError(
            "--weights is for the published networks. Leave it out, or leave out the encoder "
            f"{path}."
        )
    encoder = open_encoder(str(path), args)
    limit = encoder.need_threshold(threshold)
    verifier = FaceVerifier(encoder.predict, limit, encoder.mirrored)
    return verifier.verify(*(encoder.read_file(image) for image in images)).to_dict()


def _by_published_networks(
    images: tuple[Path, Path], args: Preparation, threshold: float | None, weights: str
) -> dict[str, Any]:
    from keras_cv_course.faces.recognizer import pretrained_recognizer

    for field in fields(args):
        if field.name not in _KEPT and getattr(args, field.name) != field.default:
            option = field.name.replace("_", "-")
            raise ValueError(
                f"--{option} is for an encoder of yours: the published networks have a preparation "
                "of their own. Leave it out, or name the encoder before the images."
            )
    recognizer = pretrained_recognizer(weights)
    if threshold is not None:
        recognizer = replace(recognizer, threshold=threshold)
    return recognizer.verify(*images, args.largest).to_dict()
