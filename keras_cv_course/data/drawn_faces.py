"""Faces drawn with a few strokes: what a multitask network can be tried on without photographs."""

import math
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from keras_cv_course._validation import check_whole
from keras_cv_course.data.labelled import LabelledImages

# What the five points become in a mirror: eyes, tip of the nose, corners of the mouth.
DRAWN_MIRROR = (1, 0, 2, 4, 3)
# In halves of the face's height: eyes, nose, corners of the mouth.
_FEATURES = np.array([(-0.4, -0.25), (0.4, -0.25), (0.0, 0.1), (-0.35, 0.5), (0.35, 0.5)])
_YOUNGEST, _OLDEST = 10.0, 80.0
_LARGEST_ROLL = 25.0


def drawn_faces(
    folder: str | os.PathLike[str], count: int, size_px: int = 64, seed: int = 0
) -> LabelledImages:
    """Draws faces into PNG files, and returns them with labels that the drawing follows.

    The mouth bends up in a smile and down without; hair goes from dark to white with age; the head
    leans to either side.

    Args:
        folder: Where the files go; it is made where it does not exist.
        count: Number of faces.
        size_px: Height and width of the images.
        seed: Decides what is drawn.

    Returns:
        Labels "smile", "age" in years, "landmarks" (5 points: eyes, nose, corners of the mouth,
        from the image's left to its right), "pose" with the roll alone, and "detection", all 1.

    Raises:
        ValueError: If `count` or `size_px` is not above 0.
    """
    check_whole("count", count)
    check_whole("size_px", size_px)
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    smiles = rng.integers(0, 2, count)
    ages = rng.uniform(_YOUNGEST, _OLDEST, count)
    rolls = rng.uniform(-_LARGEST_ROLL, _LARGEST_ROLL, count)
    files, landmarks = [], []
    for i in range(count):
        image, points = _draw(rng, bool(smiles[i]), ages[i], rolls[i], size_px)
        files.append(str(root / f"face_{i:04}.png"))
        image.save(files[-1])
        landmarks.append(points / size_px - 0.5)
    pose = np.stack([np.full(count, np.nan), np.full(count, np.nan), rolls], 1)
    return LabelledImages(tuple(files), {}).with_labels(
        smile=smiles, age=ages, landmarks=np.stack(landmarks), pose=pose, detection=np.ones(count)
    )


def _draw(
    rng: np.random.Generator, smile: bool, age: float, roll: float, size_px: int
) -> tuple[Image.Image, np.ndarray]:
    """Returns an image and its five points in pixels."""
    noise = rng.integers(40, 200, 3) + rng.integers(-30, 30, (size_px, size_px, 3))
    image = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    half = size_px * rng.uniform(0.28, 0.38)
    centre = size_px * (0.5 + rng.uniform(-0.08, 0.08, 2))
    angle = math.radians(roll)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])

    def place(points: np.ndarray) -> np.ndarray:
        return np.asarray(points) @ turn.T * half + centre

    def disc(point: tuple[float, float], radius: float, colour: tuple[int, ...]) -> None:
        x, y = place(np.array(point))
        r = radius * half
        pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    skin = tuple(int(v) for v in np.array([225, 180, 150]) * rng.uniform(0.4, 1.0))
    white = int(40 + 200 * (age - _YOUNGEST) / (_OLDEST - _YOUNGEST))
    disc((0.0, -0.25), 1.0, (white, white, white))
    disc((0.0, 0.1), 0.9, skin)
    for eye in _FEATURES[:2]:
        disc(tuple(eye), 0.13, (20, 20, 20))
    disc(tuple(_FEATURES[2]), 0.1, (140, 90, 70))
    bend = 0.2 if smile else -0.2
    across = np.linspace(-1.0, 1.0, 9)
    mouth = np.stack([0.35 * across, 0.5 + bend * (1 - across**2)], 1)
    pen.line([tuple(p) for p in place(mouth)], fill=(150, 20, 20), width=max(1, size_px // 24))
    return image, place(_FEATURES)
