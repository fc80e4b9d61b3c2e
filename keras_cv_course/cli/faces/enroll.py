"""`keras-cv-course faces enroll`: adds people to a gallery."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.dataclass_options import with_options
from keras_cv_course.cli.faces.options import Gallery, Model, Preparation, Token
from keras_cv_course.cli.faces.skipped import print_skipped
from keras_cv_course.cli.output import Json, emit_json, emit_table


@with_options(Preparation)
def command(
    model: Model,
    images: Annotated[
        list[Path],
        typer.Argument(
            help="With --name, images or folders; otherwise folders with a folder for each person."
        ),
    ],
    args: Preparation,
    gallery: Gallery,
    name: Annotated[str | None, typer.Option(help="Name of the person in all images.")] = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Add people to a gallery, by images of their faces."""
    people = dict.fromkeys(images, name) if name else _people(images)
    engine.start()
    from keras_cv_course.cli.faces.sources import embed_files, open_encoder
    from keras_cv_course.data.image_sources import files_below
    from keras_cv_course.faces.gallery import FaceGallery

    encoder = open_encoder(model, args)
    owners = {image: owner for path, owner in people.items() for image in files_below([path])}
    # The gallery first: what is wrong with it is reported before all images are looked at.
    with FaceGallery(gallery, token) as opened:
        faces = embed_files(encoder, list(owners), as_json)
        enrolled = [str(owners[image]) for image in faces.images]
        opened.enroll(enrolled, faces.embeddings)
        total = opened.count()
    counts = Counter(enrolled)
    if as_json:
        skipped = faces.skipped_rows()
        emit_json({"gallery": gallery, "faces": total, "enrolled": counts, "skipped": skipped})
        return
    rows = [(owner, str(count)) for owner, count in sorted(counts.items())]
    emit_table(f"{gallery}: {total} faces", ("name", "faces enrolled"), rows)
    print_skipped(faces.skipped)


def _people(folders: list[Path]) -> dict[Path, str]:
    """Returns the folder of each person in folders of them, and the person's name."""
    people: dict[Path, str] = {}
    for folder in folders:
        subfolders = sorted(path for path in folder.glob("*/") if not path.name.startswith("."))
        if not subfolders:
            raise ValueError(
                f"{folder} must be a folder with a folder of images for each person, or "
                "--name must be given for images of one person."
            )
        people.update({path: path.name for path in subfolders})
    return people
