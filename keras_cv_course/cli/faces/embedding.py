"""Embeds many pictures, and keeps what is wrong with some for the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_cv_course.cli.faces.sources import Encoder
from keras_cv_course.cli.output import progress


@dataclass(frozen=True)
class Embedded:
    """The faces in some pictures.

    Attributes:
        images: The files that show one face, in their order.
        embeddings: `(n, d)`, a row for each of `images`.
        skipped: The other files, and what is wrong with each.
    """

    images: tuple[Path, ...]
    embeddings: np.ndarray
    skipped: tuple[tuple[Path, str], ...]

    def skipped_rows(self) -> list[dict[str, str]]:
        """Returns `skipped` as JSON can hold it."""
        return [{"image": str(image), "reason": reason} for image, reason in self.skipped]


def embed_all(encoder: Encoder, images: Sequence[Path], as_json: bool) -> Embedded:
    """Returns the embeddings of the faces in files, with a bar on a terminal.

    Args:
        encoder: What embeds.
        images: Files.
        as_json: Whether the output is JSON, and so silent until the end.

    Raises:
        ValueError: If none of the files shows one face; tells what is wrong with the first.
    """
    good, embeddings, skipped = [], [], []
    for image in progress(images, "looking at faces", len(images), as_json):
        try:
            embeddings.append(encoder.embed(image))
            good.append(image)
        except (ValueError, OSError) as error:
            skipped.append((image, " ".join(str(error).split())))
    if not good:
        rest = f" So it is with all {len(skipped)} pictures." if len(skipped) > 1 else ""
        raise ValueError(f"{skipped[0][0]}: {skipped[0][1]}{rest}")
    return Embedded(tuple(good), np.stack(embeddings), tuple(skipped))
