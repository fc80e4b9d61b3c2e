"""A face of a few grey ellipses, which the Haar cascade takes for one."""

import numpy as np
from PIL import Image, ImageDraw

# Center and half axes in halves of the image's side, and grey value.
_PARTS = [
    ((0, 0), (0.38, 0.50), 165),
    *(((side * 0.16, -0.10), (0.09, 0.05), 60) for side in (-1, 1)),
    *(((side * 0.16, -0.20), (0.12, 0.03), 70) for side in (-1, 1)),
    ((0, 0.07), (0.05, 0.03), 110),
    ((0, 0.27), (0.14, 0.04), 70),
]


def drawn_face(size_px=400):
    """uint8 RGB (size_px, size_px, 3) with a face in its middle."""
    image = Image.new("RGB", (size_px, size_px), (210, 210, 210))
    pen = ImageDraw.Draw(image)
    half = size_px / 2
    for (x, y), (a, b), grey in _PARTS:
        edges = [1 + x - a, 1 + y - b, 1 + x + a, 1 + y + b]
        pen.ellipse([half * edge for edge in edges], fill=(grey, grey, grey))
    return np.asarray(image)
