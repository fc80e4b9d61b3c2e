"""Opens what the command line names: encoders, and faces for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_cv_course.cli.faces.options import Preparation
from keras_cv_course.cli.output import progress
from keras_cv_course.data.photographs import read_photograph
from keras_cv_course.faces.detection import Detector, haar_detector, yunet_detector
from keras_cv_course.faces.photographs import FaceReader
from keras_cv_course.faces.verification import embed_unit
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks.opening import open_model
from keras_cv_course.training.verification_record import (
    RECORD,
    VerificationRecord,
    read_verification,
)

_TASK = "verify"
_WHOLE = "none"
_HAAR = "haar"
_SUM_TOLERANCE = 0.05  # of probabilities in 8 bits


@dataclass(frozen=True)
class Encoder:
    """An encoder, and how faces are made ready for it.

    Attributes:
        path: Its file.
        predict: Takes float32 images `(n, height, width, channels)`, returns `(n, d)`.
        read: Makes faces of photographs.
        detector: What was typed for the detector of `read`.
        mirrored: Whether the mirrored faces are embedded as well.
        threshold: Smallest similarity of one person, as it was chosen; None if unknown.
    """

    path: Path
    predict: Callable[[np.ndarray], Any]
    read: FaceReader
    detector: str
    mirrored: bool
    threshold: float | None

    def need_threshold(self, given: float | None) -> float:
        """Returns the threshold that was given, or else the one that was chosen.

        Raises:
            ValueError: If neither is there.
        """
        threshold = self.threshold if given is None else given
        if threshold is None:
            raise ValueError(
                f"No threshold is known for {self.path}: there is no {RECORD} beside it, and it "
                "carries none. Pass --threshold, or measure one with "
                "`keras-cv-course faces evaluate`."
            )
        return threshold

    def read_file(self, image: Path) -> np.ndarray:
        """Returns the face in a file as the encoder takes it; raises as `read_photograph` does."""
        return self.read(read_photograph(image))

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """Returns embeddings of length 1 `(n, d)`, of faces as `read_file` gives them."""
        return embed_unit(self.predict, faces, self.mirrored)


@dataclass(frozen=True)
class Embedded:
    """The faces in some images.

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


def open_encoder(path: str, preparation: Preparation) -> Encoder:
    """Returns the encoder in a file, with what is known of it.

    Args:
        path: A .keras or .tflite file.
        preparation: How faces are made ready. What is None is as `verification.json` beside the
            file says, or else the file itself; or else images are taken whole.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a model that makes a vector of an image, its values are unknown, or
            an option is out of its range.
    """
    recorded = read_verification(Path(path).expanduser().parent)
    values = preparation.input_range or (recorded.input_range if recorded else None)
    opened = open_model(path, ModelSpec(task=_TASK, input_range=values))
    known = recorded or _carried(opened.spec)
    values = opened.need_range()
    embedding = opened.call(np.zeros((1, *opened.input_shape), np.float32))
    if not hasattr(embedding, "shape") or len(embedding.shape) != 2:
        raise ValueError(f"{path} is not an encoder: it must make one vector of an image.")
    given = np.asarray(embedding)
    if given.min() >= 0 and abs(float(given.sum()) - 1) < _SUM_TOLERANCE:
        raise ValueError(
            f"{path} is not an encoder: what it gives are probabilities of classes, which sum to 1."
        )
    detector = preparation.detector or known.detector
    try:
        find = open_detector(detector)
    except (OSError, ValueError) as error:
        if preparation.detector:
            raise
        raise ValueError(
            f"{opened.path} was measured with a detector that cannot be opened: {error} Pass "
            "--detector."
        ) from error
    mirrored, crop = preparation.mirrored, preparation.crop
    return Encoder(
        path=opened.path,
        predict=opened.call,
        read=FaceReader(
            opened.input_shape,
            values,
            find,
            known.crop if crop is None else crop,
            preparation.largest,
        ),
        detector=detector,
        mirrored=known.mirrored if mirrored is None else mirrored,
        threshold=recorded.threshold if recorded else _number(opened.spec.facts.get("threshold")),
    )


def _carried(spec: ModelSpec) -> VerificationRecord:
    """Returns how faces are prepared for an encoder, as far as its file says."""
    crop, mirrored = spec.facts.get("crop", 1.0), spec.facts.get("mirrored", False)
    return VerificationRecord(threshold=1.0, crop=float(crop), mirrored=bool(mirrored))


def embed_files(encoder: Encoder, images: Sequence[Path], as_json: bool) -> Embedded:
    """Returns the embeddings of the faces in files, with a bar on a terminal.

    Args:
        encoder: What embeds.
        images: Files.
        as_json: Whether the output is JSON, and so silent until the end.

    Raises:
        ValueError: If none of the files shows one face; says what is wrong with the first.
    """
    good, embeddings, skipped = [], [], []
    for image in progress(images, "looking at faces", len(images), as_json):
        try:
            face = encoder.read_file(image)
        except (ValueError, OSError) as error:
            skipped.append((image, " ".join(str(error).split())))
            continue
        good.append(image)
        embeddings.append(encoder.embed(face[None])[0])
    if not good:
        rest = f" So it is with all {len(skipped)} images." if len(skipped) > 1 else ""
        raise ValueError(f"{skipped[0][0]}: {skipped[0][1]}{rest}")
    return Embedded(tuple(good), np.stack(embeddings), tuple(skipped))


def open_detector(name: str) -> Detector | None:
    """Returns the detector of that name; None takes images whole.

    Args:
        name: "haar", the .onnx file of a YuNet, or "none".
    """
    if name == _WHOLE:
        return None
    return haar_detector() if name == _HAAR else yunet_detector(name)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
