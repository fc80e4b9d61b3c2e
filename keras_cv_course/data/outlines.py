"""Outlines of objects as COCO writes them, polygons or run lengths, as masks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from keras_cv_course.data.photograph_header import PhotographHeader

_LEAST_NUMBERS = 6  # of a polygon: three corners
_FIRST_CHARACTER = 48  # of compressed run lengths
_MORE, _SIGN, _LOW_BITS, _BITS = 0x20, 0x10, 0x1F, 5
_LONGEST_NUMBER_BITS = 60  # compressed; no image has so many pixels


@dataclass(frozen=True, eq=False)
class Outline:
    """The pixels of an object.

    Attributes:
        segmentation: Polygons, each a list of x, y, x, y and so on in pixels; or run lengths, a
            dict of "size", (height, width), and "counts", column by column, as numbers or as
            COCO's text.
        header: Of the image.
        size_px: (height, width) of the image that it is drawn on, upright or stored.
    """

    segmentation: Any
    header: PhotographHeader
    size_px: tuple[int, int]

    def mask(self) -> np.ndarray:
        """Returns the pixels that lie inside, bool `(height, width)` of the upright image."""
        height, width = self.size_px
        if isinstance(self.segmentation, dict):
            counts = _counts(self.segmentation["counts"])
            drawn = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T
        else:
            parts = coco_mask.frPyObjects(self.segmentation, height, width)
            drawn = coco_mask.decode(coco_mask.merge(parts)).astype(bool)
        return drawn if self.size_px == self.header.size_px else self.header.upright(drawn)


def why_no_outline(segmentation: Any, size_px: tuple[int, int]) -> str | None:
    """Returns what is wrong with an outline on an image of a size, None for nothing.

    Args:
        segmentation: What stands in a file.
        size_px: (height, width) of the image.
    """
    if isinstance(segmentation, dict):
        return _why_no_runs(segmentation, size_px)
    if not isinstance(segmentation, list) or not segmentation:
        return "has no outline: neither polygons nor run lengths."
    for polygon in segmentation:
        numbers = isinstance(polygon, list) and all(
            isinstance(x, int | float) and not isinstance(x, bool) for x in polygon
        )
        if not numbers or len(polygon) < _LEAST_NUMBERS or len(polygon) % 2:
            return "has a polygon that is not x, y of three corners or more."
        # The drawing allocates memory by the length of the outline. NaN is not within either.
        if not all(abs(x) <= 2 * max(size_px) for x in polygon):
            return "has a polygon with corners far out of the image."
    return None


def _why_no_runs(runs: dict[str, Any], size_px: tuple[int, int]) -> str | None:
    if runs.get("size") != list(size_px):
        return f"has run lengths of the size {runs.get('size')!r:.40}, and not {list(size_px)}."
    try:
        counts = _counts(runs.get("counts"))
    except (TypeError, ValueError, OverflowError):
        return "has run lengths that are neither whole numbers nor COCO's text."
    pixels = size_px[0] * size_px[1]
    # Each by itself first: the sum of very large ones overflows, and may be right again.
    if ((counts < 0) | (counts > pixels)).any() or counts.sum() != pixels:
        return f"has run lengths of {sum(counts.tolist())} pixels, and not {pixels}."
    return None


def _counts(counts: Any) -> np.ndarray:
    """Returns run lengths as numbers, int64."""
    if isinstance(counts, list):
        if not all(isinstance(count, int) and not isinstance(count, bool) for count in counts):
            raise TypeError("Run lengths must be whole numbers.")
        return np.array(counts, np.int64)
    if not isinstance(counts, str):
        raise TypeError("Run lengths must be a list or a text.")
    # pycocotools reads the text too, but gives no lengths, and leaves unset what they do not fill.
    lengths: list[int] = []
    value = shift = 0
    for character in counts:
        code = ord(character) - _FIRST_CHARACTER
        if not 0 <= code < 2 * _MORE:
            raise ValueError(f"Run lengths must not hold {character!r}.")
        value |= (code & _LOW_BITS) << shift
        shift += _BITS
        if shift > _LONGEST_NUMBER_BITS:
            raise ValueError("Run lengths must not hold a number without end.")
        if code & _MORE:
            continue
        if code & _SIGN:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("Run lengths must not end in the middle of a number.")
    return np.array(lengths, np.int64)
