"""Images from paths, folders, arrays and PIL images, as arrays of pixels."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from keras_cv_course.data.photographs import image_files, read_photograph


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image, and the file that it was read from.

    Attributes:
        pixels: uint8 or float, 0 to 255, `(height, width, channels)`.
        path: Its file; None where it is none.
    """

    pixels: np.ndarray
    path: Path | None = None


def is_one(images: Any) -> bool:
    """Whether `images` is one image, and not several."""
    if isinstance(images, str | os.PathLike):
        return not Path(images).expanduser().is_dir()
    if isinstance(images, np.ndarray):
        return images.ndim < 4
    return isinstance(images, Image.Image)


def as_photographs(images: Any) -> Iterator[Photograph]:
    """Yields images as arrays, reading each when it is needed.

    Args:
        images: One image or several, as `Predictor` takes them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an image cannot be read or has another shape, or a folder holds none.
        TypeError: If something is not an image.
    """
    if isinstance(images, str | os.PathLike):
        for path in files_below([images]):
            yield Photograph(read_photograph(path), path)
    elif is_one(images) or not isinstance(images, Iterable):
        yield _one(images)
    else:
        for image in images:
            yield from as_photographs(image)


def files_below(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """Yields files as they are, and for each folder the image files in it, at any depth.

    Raises:
        ValueError: If a folder holds no image.
    """
    for path in map(Path, paths):
        folder = path.expanduser()
        files = [Path(file) for file in image_files(folder)] if folder.is_dir() else [folder]
        if not files:
            raise ValueError(f"There is no image in {path}.")
        yield from files


def with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Returns an image with as many channels as a network takes.

    Args:
        image: `(height, width, 1)` or `(height, width, 3)`.
        channels: 1 for grey values (BT.601), 3 for colour, of which grey ones are repeated.
    """
    if channels == 1 and image.shape[-1] == 3:
        return image @ np.array([[0.299], [0.587], [0.114]], np.float32)
    if channels == 3 and image.shape[-1] == 1:
        return np.repeat(image, 3, axis=-1)
    return image


def _one(image: Any) -> Photograph:
    if isinstance(image, Image.Image):
        return Photograph(np.asarray(image.convert("RGB")))
    if not isinstance(image, np.ndarray):
        raise TypeError(
            f"An image must be a path, an array or a PIL image. Received: {type(image).__name__}."
        )
    pixels = image[..., None] if image.ndim == 2 else image
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or not pixels.size:
        raise ValueError(
            "An image must be an array (height, width), (height, width, 1) or (height, width, 3). "
            f"Received: {image.shape}."
        )
    return Photograph(pixels)
