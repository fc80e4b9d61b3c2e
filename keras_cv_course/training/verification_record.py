"""What was measured of an encoder of faces, kept beside its file for those who use it."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_cv_course._atomic import replacing, write_atomic
from keras_cv_course._containers import check_archive
from keras_cv_course._reading import check_regular, read_json
from keras_cv_course._validation import check_choice, check_crop, check_input_range, shortened
from keras_cv_course.faces.verification_report import VerificationReport

RECORD = "verification.json"


@dataclass(frozen=True)
class VerificationRecord:
    """How an encoder's faces were made ready, and which threshold goes with it.

    Attributes:
        threshold: Smallest similarity of one person.
        input_range: Smallest and largest value that the encoder takes; None if it was not given.
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
        facts: Anything else to record, as JSON can hold it.
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
    if not path.exists():
        return None
    try:
        facts = read_json(path)
        values = facts.get("input_range")
        if values is not None:
            check_input_range(values)
        similarity, same = _pairs(path.with_suffix(".npz"))
        threshold = _finite(facts["threshold"])
        if not -1 <= threshold <= 1:
            raise ValueError(f"a threshold must be from -1 to 1. Received: {threshold:g}")
        return VerificationRecord(
            threshold=threshold,
            input_range=None if values is None else (_finite(values[0]), _finite(values[1])),
            **_preparation(facts.get("preparation", {})),
            similarity=similarity,
            same=same,
            facts=facts,
        )
    # NumPy parses headers of arrays by Python's tokenizer, and zipfile by struct and zlib.
    except Exception as error:
        raise ValueError(
            f"{path} is not what `keras-cv-course faces evaluate` writes: {error!r}. Measure the "
            "encoder again, or delete the file."
        ) from error


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"a number must be finite. Received: {value!r}")
    return float(value)


def _preparation(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns how faces were made ready, each value of its kind."""
    for name in values:
        check_choice("preparation", name, ("detector", "crop", "mirrored"))
    detector, crop = values.get("detector", "none"), _finite(values.get("crop", 1.0))
    mirrored = values.get("mirrored", False)
    check_crop(crop)
    if not isinstance(detector, str) or not isinstance(mirrored, bool):
        raise ValueError(f"`preparation` is {shortened(values)}")
    return {"detector": detector, "crop": crop, "mirrored": mirrored}


def _pairs(path: Path) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Returns similarity and truth of the pairs that were measured; None without their file."""
    if not path.exists():
        return None, None
    check_archive(check_regular(path))
    with np.load(path, allow_pickle=False) as stored:
        similarity, same = stored["similarity"], stored["same"]
    if similarity.dtype != np.float32 or same.dtype != bool or similarity.shape != same.shape:
        raise ValueError(f"{path.name} must hold a similarity and a truth value of each pair")
    if similarity.ndim != 1 or not np.isfinite(similarity).all():
        raise ValueError(f"{path.name} must hold finite similarities in one row")
    return similarity, same
