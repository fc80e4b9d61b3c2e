"""`keras-cv-course shards`: writes images to large files that are fast to read."""

from typing import Annotated

import typer

from keras_cv_course._validation import MOST_SEED
from keras_cv_course.cli import engine
from keras_cv_course.cli.output import Json, emit_json, emit_table
from keras_cv_course.tasks.classification_args import DIGITS

_DIGITS_SIZE_PX = 32


def command(
    folder: Annotated[str, typer.Argument(help="Folder to write the shards to.")],
    data: Annotated[str, typer.Option(help='Folder of class folders, or "digits".')] = DIGITS,
    per_shard: Annotated[int, typer.Option(min=1, help="Images in a shard.")] = 1000,
    val_split: Annotated[float, typer.Option(help="Share held out if there is no `val`.")] = 0.2,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="Decides the split and the shards.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Write images to TFRecord shards, for `train --data FOLDER`."""
    engine.start()
    from keras_cv_course.data import write_shards
    from keras_cv_course.data.shards import read_index
    from keras_cv_course.tasks.classification import open_images

    # Files are stored as they are: shape and range matter to the digits only.
    shape = (_DIGITS_SIZE_PX, _DIGITS_SIZE_PX, 1)
    source = open_images(data, shape, (0.0, 255.0), 32, val_split, seed)
    index = write_shards(source, folder, per_shard, seed)
    _, splits = read_index(index.parent)
    rows = [
        {
            "split": name,
            "shards": len(shards),
            "images": sum(shard.images for shard in shards),
            "bytes": sum(shard.size for shard in shards),
        }
        for name, shards in splits.items()
    ]
    if as_json:
        emit_json({"folder": str(index.parent), "splits": rows})
    else:
        cells = [[str(row["split"]), *(f"{row[k]:,}" for k in list(row)[1:])] for row in rows]
        emit_table(str(index.parent), ("split", "shards", "images", "bytes"), cells)
