"""Opens sets of faces, each with the labels of some tasks, for a multitask network."""

import atexit
import dataclasses
import functools
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_cv_course.data import face_sets
from keras_cv_course.data.drawn_faces import DRAWN_MIRROR, drawn_faces
from keras_cv_course.data.face_augmentation import IBUG_MIRROR
from keras_cv_course.data.images import existing_folder
from keras_cv_course.data.labelled import LabelledImages, split_images
from keras_cv_course.faces.head_pose import head_pose
from keras_cv_course.faces.tasks import Age, Detection, FaceTask, Gender, Landmarks, Pose, Smile
from keras_cv_course.metrics.landmarks import IBUG_EYES
from keras_cv_course.tasks.multitask_args import DRAWN

_DRAWINGS = 600
_DRAWING_PX = 64
_IBUG_POINTS = 68


@dataclass(frozen=True)
class Faces:
    """Sets of images, the tasks that they have labels for, and what their points are.

    Attributes:
        sets: The sets.
        tasks: The tasks.
        mirror: For each point, which one it becomes in a mirror.
        eyes: Numbers of the points between which the distance of the eyes is measured.
        drawn: Whether they are drawn, and no photographs.
    """

    sets: tuple[LabelledImages, ...]
    tasks: tuple[FaceTask, ...]
    mirror: tuple[int, ...]
    eyes: tuple[int, int]
    drawn: bool = False

    def __len__(self) -> int:
        return sum(len(one) for one in self.sets)

    def split(self, held_out: float, seed: int) -> tuple["Faces", "Faces"]:
        """Returns the sets to learn from, and those that are held out."""
        parts = [split_images(one, (1 - held_out, held_out), seed) for one in self.sets]
        train, val = (dataclasses.replace(self, sets=sets) for sets in zip(*parts, strict=True))
        return train, val

    def at_most(self, limit: int) -> "Faces":
        """Returns a share of each set, at most `limit` images, and at least one of each set.

        They are spread over the set, whose order may be that of its labels.
        """
        share = min(1.0, limit / len(self))
        counts = [max(1, int(len(one) * share)) for one in self.sets]
        some = tuple(
            one.take(np.linspace(0, len(one) - 1, count).round().astype(int))
            for one, count in zip(self.sets, counts, strict=True)
        )
        return dataclasses.replace(self, sets=some)


def open_faces(source: str) -> Faces:
    """Returns drawn faces, or the sets of faces in a folder.

    Args:
        source: "drawn_faces", or a folder with some of `youtube_faces_landmarks` (points and who it
            is; the pose is computed from the points), `utkface` (age and gender), `smiles`, and
            `not_person` or `person_coco/not_person` (no faces).

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds none of these.
    """
    if source == DRAWN:
        return _drawings()
    root, sets = existing_folder(source), {}
    for name, (folders, read) in _SETS.items():
        path = next((root / folder for folder in folders if (root / folder).is_dir()), None)
        if path is not None:
            sets[name] = read(path)
    labels = {label for one in sets.values() for label in one.labels}
    if not labels - {"detection"}:
        raise ValueError(
            f"{source} must hold some of the folders "
            f"{', '.join(folders[0] for folders, _ in _SETS.values())}, with faces among them. It "
            f"holds {sorted(sets) or 'none'}."
        )
    if "faceless" not in sets:
        labels.discard("detection")  # All are faces.
    tasks = tuple(task for task in _TASKS if task.name in labels)
    return Faces(tuple(sets.values()), tasks, IBUG_MIRROR, IBUG_EYES)


def _with_pose(folder: Path) -> LabelledImages:
    points = face_sets.landmark_table(folder)
    pixels = points.labels["landmarks"].reshape(len(points), -1, 2)
    if pixels.shape[1] != _IBUG_POINTS:
        raise ValueError(
            f"{folder} must have the {_IBUG_POINTS} points of iBUG. It has {pixels.shape[1]}."
        )
    return points.with_labels(pose=head_pose(pixels))


_SETS: Mapping[str, tuple[tuple[str, ...], Callable[[Path], LabelledImages]]] = {
    "points": (("youtube_faces_landmarks",), _with_pose),
    "ages": (("utkface",), face_sets.age_gender_folder),
    "smiles": (("smiles",), face_sets.smile_folder),
    "faceless": (("not_person", "person_coco/not_person"), face_sets.faceless_folder),
}
_TASKS: tuple[FaceTask, ...] = (
    Landmarks(points=_IBUG_POINTS),
    Pose(),
    Smile(),
    Gender(),
    Age(),
    Detection(),
)


@functools.cache
def _drawings() -> Faces:
    """Returns two sets of drawn faces, of which one has points and smiles, and one ages."""
    folder = Path(tempfile.mkdtemp(prefix="drawn-faces-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    both = drawn_faces(folder, _DRAWINGS, _DRAWING_PX)
    half = np.arange(_DRAWINGS) < _DRAWINGS // 2
    points, ages = (both.take(np.flatnonzero(rows)) for rows in (half, ~half))
    points = LabelledImages(
        points.files, {name: points.labels[name] for name in ("landmarks", "smile")}
    )
    ages = LabelledImages(ages.files, {"age": ages.labels["age"]})
    return Faces((points, ages), (Landmarks(points=5), Smile(), Age()), DRAWN_MIRROR, (0, 1), True)
