"""What was measured of an encoder of faces, kept beside its file for those who use it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_cv_course._atomic import replacing, write_atomic
from keras_cv_course.faces.verification_report import VerificationReport

RECORD = "verification.json"


@dataclass(frozen=True)
class VerificationRecord:
    """How an encoder's faces were made ready, and which threshold goes with it.

    Attributes:
        threshold: Smallest similarity of one person.
        input_range: Smallest and largest value that the encoder takes; None if it was not told.
        detector: What found the faces: "none", "haar", or an .onnx file.
        crop: Share of each side that was kept around the centre, without a detector.
        mirrored: Whether the mirrored faces were embedded as well.
        similarity: Of each pair that was measured; None if it was not kept.
        same: Whether the pair is of one person.
        facts: What else is in the file.
    """

    threshold: float
    input_range: tuple[float, float] | None = None
    detector: str = "none"
    crop: float = 1.0
    mirrored: bool = False
    similarity: np.ndarray | None = field(default=None, repr=False, compare=False)
    same: np.ndarray | None = field(default=None, repr=False, compare=False)
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def save_verification(
    folder: str | os.PathLike[str],
    report: VerificationReport,
    threshold: float,
    input_range: tuple[float, float],
    detector: str = "none",
    crop: float = 1.0,
    mirrored: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes `verification.json` and the pairs as `.npz`, and returns what the first holds.

    `keras-cv-course faces` and `examples/face_demo.py` look for them beside the encoder's file.

    Args:
        folder: The folder of the encoder's file.
        report: What was measured.
        threshold: Smallest similarity of one person.
        input_range: Smallest and largest value that the encoder takes.
        detector: What found the faces: "none", "haar", or an .onnx file.
        crop: Share of each side that was kept around the centre, without a detector.
        mirrored: Whether the mirrored faces were embedded as well.
        facts: What else is to be told, as JSON can hold it.
    """
    content = {
        **(facts or {}),
        "threshold": float(threshold),
        "input_range": [float(value) for value in input_range],
        "preparation": {"detector": detector, "crop": crop, "mirrored": mirrored},
        "report": report.to_dict(),
    }
    path = Path(folder, RECORD)
    with replacing(path.with_suffix(".npz")) as temporary:
        similarity = report.similarity.astype(np.float32)
        np.savez_compressed(temporary, similarity=similarity, same=report.same)
    write_atomic(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return content


def read_verification(folder: str | os.PathLike[str]) -> VerificationRecord | None:
    """Returns what `save_verification` has written, or None where there is nothing.

    Args:
        folder: The folder of an encoder's file.

    Raises:
        ValueError: If the file is not what `save_verification` writes.
    """
    path = Path(folder, RECORD)
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text("utf-8"))
        threshold = float(told["threshold"])
        values, pairs = told.get("input_range"), {}
        if path.with_suffix(".npz").is_file():
            with np.load(path.with_suffix(".npz")) as stored:
                pairs = {name: stored[name] for name in ("similarity", "same")}
        return VerificationRecord(
            threshold=threshold,
            input_range=None if values is None else (float(values[0]), float(values[1])),
            **told.get("preparation", {}),
            **pairs,
            facts=told,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not what `keras-cv-course faces evaluate` writes: {error!r}. Measure the "
            "encoder again, or delete the file."
        ) from error
