"""Measures an encoder on people it has not seen, for `faces evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_cv_course.cli.faces.sources import Embedded, Encoder, embed_files
from keras_cv_course.data import all_pairs, lfw_pairs, people_folder
from keras_cv_course.faces.open_set import OpenSetReport, open_set_report
from keras_cv_course.faces.verification_report import VerificationReport, verification_report
from keras_cv_course.training.verification_plots import plot_verification
from keras_cv_course.training.verification_record import RECORD, save_verification


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes:
        report: How well genuine and impostor pairs are separated.
        open_set: How well a gallery of half the people names them; None for a list of pairs.
        faces: What was embedded, and what could not be.
    """

    report: VerificationReport
    open_set: OpenSetReport | None
    faces: Embedded


def measure_people(encoder: Encoder, folder: Path, as_json: bool) -> Measured:
    """Returns the metrics of an encoder on all pairs of images of people, and as a gallery.

    For the gallery every second person is enrolled with their first image; the others are
    strangers.

    Args:
        encoder: The encoder.
        folder: Holds a folder of images for each person.
        as_json: Whether the output is JSON, and so silent until the end.
    """
    people = people_folder(folder)
    owners = {
        Path(file): people.names[label]
        for file, label in zip(people.images, people.labels, strict=True)
    }
    faces = embed_files(encoder, list(owners), as_json)
    names = np.array([owners[image] for image in faces.images])
    a, b, same = all_pairs(names)
    similarity = _cosines(faces.embeddings, a, b)
    report = verification_report(similarity, same)
    return Measured(report, _open_set(faces.embeddings, names), faces)


def measure_pairs(
    encoder: Encoder, pairs: Path, folder: Path, fold: int | None, as_json: bool
) -> Measured:
    """Returns the metrics of an encoder on the pairs of a `pairs.txt`.

    Pairs with an image that shows no face are left out.

    Args:
        encoder: The encoder.
        pairs: The list, as LFW's.
        folder: Holds a folder of images for each person.
        fold: Only this part of the list; None is all.
        as_json: Whether the output is JSON, and so silent until the end.
    """
    listed = lfw_pairs(pairs, folder, fold)
    files = sorted({*listed.files_a.tolist(), *listed.files_b.tolist()})
    faces = embed_files(encoder, [Path(file) for file in files], as_json)
    row = {str(image): i for i, image in enumerate(faces.images)}
    kept = [
        i
        for i, pair in enumerate(zip(listed.files_a, listed.files_b, strict=True))
        if all(file in row for file in pair)
    ]
    a, b = ([row[files[i]] for i in kept] for files in (listed.files_a, listed.files_b))
    folds = listed.fold[kept] if len(set(listed.fold[kept])) > 1 else None
    similarity = _cosines(faces.embeddings, np.array(a), np.array(b))
    return Measured(verification_report(similarity, listed.same[kept], folds), None, faces)


def save(
    measured: Measured, encoder: Encoder, threshold: float, facts: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Writes `verification.json`, `.npz` and `.png`, and returns what the first holds.

    Args:
        measured: What was found.
        encoder: The encoder.
        threshold: What `verify` and `identify` will use.
        facts: More entries of the report.
        folder: Where to write.
    """
    content = save_verification(
        folder,
        measured.report,
        threshold,
        encoder.read.input_range,
        detector=encoder.detector,
        crop=encoder.read.crop,
        mirrored=encoder.mirrored,
        facts={
            **facts,
            "open_set": None if measured.open_set is None else measured.open_set.to_dict(),
            "skipped": measured.faces.skipped_rows(),
        },
    )
    plot = (folder / RECORD).with_suffix(".png")
    plot_verification({encoder.path.stem: measured.report}, plot, threshold)
    return content


def _cosines(embeddings: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", embeddings[a], embeddings[b])


def _open_set(embeddings: np.ndarray, names: np.ndarray) -> OpenSetReport | None:
    people, first = np.unique(names, return_index=True)
    enrolled = first[::2]
    probes = np.setdiff1d(np.arange(len(names)), enrolled)
    known = np.isin(names[probes], people[::2])
    if known.all() or not known.any():
        return None
    similarity = embeddings[probes] @ embeddings[enrolled].T
    return open_set_report(similarity, names[probes].tolist(), people[::2].tolist())
