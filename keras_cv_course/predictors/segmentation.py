"""The class of each pixel, as a result."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from keras_cv_course.data.framing import Frame
from keras_cv_course.data.windows import IGNORE_VALUE
from keras_cv_course.predictors.drawing import draw_legend, square
from keras_cv_course.predictors.results import Result

BACKGROUND = "background"
_TINT = 0.55  # share of a class's colour in a drawing
_PALETTE_SIZE = 256


@dataclass(frozen=True, eq=False)
class Segmentation(Result):
    """The class of each pixel of an image.

    Attributes:
        mask: uint8 `(height, width)`, number of the class of each pixel; 255 for what the network
            has not seen, or what has none.
        class_names: Name of each class by number; None where nothing tells.
    """

    COLUMNS = ("class", "pixels", "share")
    DRAWING = "overlay"
    LISTING = "segments.json"

    mask: np.ndarray
    class_names: tuple[str, ...] | None = None

    @property
    def labels(self) -> tuple[int, ...]:
        """Numbers of the classes in the image, that with most pixels first."""
        values, counts = np.unique(self.mask[self.mask != IGNORE_VALUE], return_counts=True)
        return tuple(values[np.argsort(-counts, kind="stable")].tolist())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes in the image, that with most pixels first."""
        return tuple(self._name(label) for label in self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Returns how many pixels each class in the image has, as JSON can hold it."""
        classes = [
            {"class": label, "name": self._name(label), "pixels": count, "share": share}
            for label, count, share in self._counts()
        ]
        return {"classes": classes}

    def rows(self) -> list[tuple[str, ...]]:
        """Returns a line for each class in the image, and one that says so where there is none."""
        lines: list[tuple[str, ...]] = [
            (self._name(i), f"{count:,}", f"{share:.1%}") for i, count, share in self._counts()
        ]
        return lines or [("nothing", "0", "")]

    def draw(self) -> Image.Image:
        """Returns the image with each class in its colour, outlined, and a legend.

        A class 0 that is called "background" stays as it is.
        """
        drawn = overlay(self.image, self.mask, self._plain)
        shown = [label for label in self.labels if label != self._plain]
        return draw_legend(drawn, [(self._name(label), tuple(PALETTE[label])) for label in shown])

    def images(self) -> Mapping[str, Image.Image]:
        """Returns the drawing, and the mask as an image with a palette, for a PNG file."""
        return {**super().images(), "mask": mask_image(self.mask)}

    def resized(self, side_px: int) -> "Segmentation":
        """Returns the result with its image and mask stretched to a square of a size."""
        mask = Image.fromarray(self.mask).resize((side_px, side_px), Image.Resampling.NEAREST)
        return replace(self, image=square(self.image, side_px), mask=np.asarray(mask))

    @property
    def _plain(self) -> int | None:
        return 0 if self.class_names and self.class_names[0] == BACKGROUND else None

    def _name(self, label: int) -> str:
        return str(label) if self.class_names is None else self.class_names[label]

    def _counts(self) -> list[tuple[int, int, float]]:
        counts = np.bincount(self.mask.ravel(), minlength=_PALETTE_SIZE)
        return [
            (label, int(counts[label]), float(counts[label] / self.mask.size))
            for label in self.labels
        ]


@dataclass(frozen=True, eq=False)
class SegmentationErrors(Result):
    """Which pixels of an image have a wrong class.

    Attributes:
        wrong: bool `(height, width)`.
    """

    COLUMNS = ("wrong pixels",)

    wrong: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Returns how many pixels are wrong."""
        return {"wrong_pixels": int(self.wrong.sum())}

    def rows(self) -> list[tuple[str, ...]]:
        """Returns a line with the share of wrong pixels."""
        return [(f"{self.wrong.mean():.1%}",)]

    def draw(self) -> Image.Image:
        """Returns the image in grey, with wrong pixels in red."""
        grey = self.image.mean(-1, keepdims=True).repeat(3, -1)
        return Image.fromarray(np.where(self.wrong[..., None], _RED, grey * 0.7).astype(np.uint8))

    def resized(self, side_px: int) -> "SegmentationErrors":
        """Returns the result with its image and errors stretched to a square of a size."""
        wrong = Image.fromarray(self.wrong).resize((side_px, side_px), Image.Resampling.NEAREST)
        return replace(self, image=square(self.image, side_px), wrong=np.asarray(wrong))


def _voc_palette() -> np.ndarray:
    """Returns VOC's colours, of which each bit of a class number sets one bit of a colour."""
    palette = np.zeros((_PALETTE_SIZE, 3), np.uint8)
    for label in range(_PALETTE_SIZE):
        for bit in range(8):
            channel, place = bit % 3, 7 - bit // 3
            palette[label, channel] |= (label >> bit & 1) << place
    return palette


# The colours in which Pascal VOC's masks are saved, by class; 255 is what has none.
PALETTE = _voc_palette()
_RED = np.array([230, 60, 40], np.uint8)


def mask_image(mask: np.ndarray) -> Image.Image:
    """Returns a mask as an image of class numbers with VOC's palette, for a PNG file.

    Args:
        mask: uint8 `(height, width)`.
    """
    image = Image.fromarray(mask)
    image.putpalette(PALETTE.ravel().tolist())
    return image


def overlay(image: np.ndarray, mask: np.ndarray, plain: int | None = None) -> np.ndarray:
    """Returns an image with the colours of classes laid over it, and light outlines of them.

    Args:
        image: uint8 `(height, width, 3)`.
        mask: uint8 `(height, width)`; 255 for pixels that stay as they are.
        plain: Class whose pixels stay as they are, or None.
    """
    if image.shape[-1] == 1:
        image = image.repeat(3, -1)
    tinted = (mask != IGNORE_VALUE) & (True if plain is None else mask != plain)
    mixed = (1 - _TINT) * image + _TINT * PALETTE[mask]
    drawn = np.where(tinted[..., None], mixed, image)
    edge = np.zeros(mask.shape, bool)
    for here, beside in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = mask[here] != mask[beside]
        edge[here] |= differs
        edge[beside] |= differs
    drawn[edge & tinted] = 0.3 * drawn[edge & tinted] + 0.7 * 255
    return np.rint(drawn).astype(np.uint8)


def decide(scores: np.ndarray, frame: Frame) -> np.ndarray:
    """Returns the class of the highest score for each pixel of an image.

    Scores are enlarged bilinearly to the size of the image, and compared there, so that outlines
    are smooth. Class numbers, which a file with an argmax gives, are those of the nearest pixel.

    Args:
        scores: float `(height, width, classes)` of the network's frame, or whole numbers `(height,
            width)`.
        frame: How the image came to the size of the input.

    Returns:
        uint8 `(height, width)`; 255 for pixels outside of the frame.
    """
    width, height = frame.scale
    if scores.ndim == 2:
        whole = _resized(scores.astype(np.uint8), frame, Image.Resampling.NEAREST)
    else:
        whole = np.zeros((height, width), np.uint8)
        highest = np.full((height, width), -np.inf, np.float32)
        # Class by class: a photograph has too many pixels for the scores of all.
        for label in range(scores.shape[-1]):
            channel = np.ascontiguousarray(scores[..., label], np.float32)
            enlarged = _resized(channel, frame, Image.Resampling.BILINEAR)
            whole[enlarged > highest] = label
            np.maximum(highest, enlarged, out=highest)
    columns, rows = frame.size
    left, top = frame.offset
    mask = np.full((rows, columns), IGNORE_VALUE, np.uint8)
    seen = whole[max(top, 0) : top + rows, max(left, 0) : left + columns]
    y, x = max(-top, 0), max(-left, 0)
    mask[y : y + seen.shape[0], x : x + seen.shape[1]] = seen
    return mask


def _resized(values: np.ndarray, frame: Frame, how: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(values).resize(frame.scale, how))
