"""Alignment and detection on frames of YouTube Faces, which come with 68 landmarks."""

import csv

import numpy as np
import pytest

from keras_cv_course.data import read_photograph
from keras_cv_course.faces import align_face, five_of_68, haar_detector
from keras_cv_course.faces.alignment import TEMPLATE, similarity_transform

pytestmark = pytest.mark.data
EVERY = 40


@pytest.fixture(scope="module")
def frames(shared):
    """Paths of frames, and the landmarks (n, 68, 2) in them."""
    folder = shared / "data" / "youtube_faces_landmarks"
    with (folder / "landmarks.csv").open() as lines:
        _, *rows = csv.reader(lines)
    points = np.array([row[3:] for row in rows], float).reshape(len(rows), 68, 2)
    return [folder / "images" / row[0] for row in rows], points


def test_landmarks_come_near_the_template(frames):
    distances = []
    for landmarks in five_of_68(frames[1]):
        matrix = similarity_transform(landmarks, TEMPLATE)
        moved = landmarks @ matrix[:, :2].T + matrix[:, 2]
        distances.append(np.linalg.norm(moved - TEMPLATE, axis=1).mean())
    # In pixels of 112; heads that are turned away cannot come closer by turning the image.
    assert np.median(distances) < 3
    assert np.percentile(distances, 99) < 8


def test_eyes_are_darker_than_cheeks_once_aligned(frames):
    files, points = (x[::EVERY] for x in frames)
    aligned = np.mean(
        [
            align_face(read_photograph(file), landmarks).mean(-1)
            for file, landmarks in zip(files, five_of_68(points), strict=True)
        ],
        axis=0,
    )
    eyes, cheeks = aligned[48:56, [38, 73]], aligned[66:74, [34, 77]]
    assert eyes.mean() < 0.8 * cheeks.mean()


def test_the_cascade_finds_the_face_with_its_landmarks(frames):
    files, points = (x[::EVERY] for x in frames)
    detector = haar_detector()
    inside = []
    for file, landmarks in zip(files, points, strict=True):
        faces = detector(read_photograph(file))
        if len(faces) == 1:
            left, top, right, bottom = faces[0].box_xyxy
            inner = landmarks[17:]  # Without the chin, which the cascade's box cuts off.
            inside.append(np.all((inner > [left, top]) & (inner < [right, bottom]), axis=1).mean())
    assert len(inside) >= 0.9 * len(files)
    assert np.mean(inside) > 0.9
