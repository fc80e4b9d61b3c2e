"""Boxes with labels, drawn on an image."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_cv_course.detectors.detector import detection_rows

# Okabe and Ito's colours, which most people with colour blindness can distinguish.
_COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
_TEXT_PER_IMAGE = 1 / 28  # height of letters, of the shorter side
_LEAST_TEXT_PX = 10
_LIGHT = 380  # sum of red, green and blue above which letters are black


def draw_detections(
    image: np.ndarray,
    detections: Mapping[str, np.ndarray],
    class_names: Sequence[str] | None = None,
    show_scores: bool = True,
) -> np.ndarray:
    """Returns an image with a box, a name and a score for each detection.

    Drawn with Pillow, in the Latin letters of its own font: `keras.visualization` draws boxes too,
    but needs OpenCV.

    Args:
        image: `(height, width, 3)`, pixel values of 0 to 255.
        detections: "boxes", "scores" and "classes", as `Detector.predict` returns them.
        class_names: Names by class; None calls a class by its number.
        show_scores: Whether the score follows the name.

    Returns:
        uint8 `(height, width, 3)`.

    Example:
        >>> drawn = draw_detections(image, detector.predict([image])[0])
    """
    canvas = Image.fromarray(np.clip(np.rint(image), 0, 255).astype(np.uint8))
    drawing = ImageDraw.Draw(canvas)
    side = min(canvas.size)
    width = max(1, side // 150)
    font = _font(canvas)
    rows = detection_rows(detections, class_names)[::-1]  # The best ends on top,
    colours = [_COLOURS[row["class"] % len(_COLOURS)] for row in rows]
    for row, colour in zip(rows, colours, strict=True):
        drawing.rectangle(tuple(row["box_xyxy"]), outline=colour, width=width)
    for row, colour in zip(rows, colours, strict=True):  # and no line crosses a name.
        # "1 0.90" would read as ten.
        name = f"class {row['name']}" if class_names is None else row["name"]
        label = f"{name} {row['score']:.2f}" if show_scores else name
        _draw_label(drawing, label, row["box_xyxy"][:2], canvas.width, font, colour)
    return np.asarray(canvas)


def draw_lines(image: np.ndarray, lines: Sequence[str]) -> Image.Image:
    """Returns an image with lines of text in its upper left corner.

    Args:
        image: uint8 `(height, width, 3)`.
        lines: The text, the first line on top.
    """
    canvas = Image.fromarray(image)
    drawing = ImageDraw.Draw(canvas)
    font = _font(canvas)
    top = 0.0
    for line in lines:
        left, upper, right, lower = drawing.textbbox((0, 0), line, font=font)
        height = lower - upper + 4
        drawing.rectangle((0, top, right - left + 4, top + height), fill="black")
        drawing.text((2 - left, top + 2 - upper), line, font=font, fill="white")
        top += height
    return canvas


def draw_legend(image: np.ndarray, entries: Sequence[tuple[str, tuple[int, ...]]]) -> Image.Image:
    """Returns an image with a patch of colour and a name for each entry, in its lower left corner.

    Those that have no room are left out.

    Args:
        image: uint8 `(height, width, 3)`.
        entries: (name, (red, green, blue)) of each, the first on top.
    """
    canvas = Image.fromarray(image)
    drawing = ImageDraw.Draw(canvas)
    font = _font(canvas)
    _, upper, _, lower = drawing.textbbox((0, 0), "Ag", font=font)
    side = round(lower - upper)
    line = side + 4
    shown = entries[: max(canvas.height // line, 1)]
    top = canvas.height - line * len(shown)
    for name, colour in shown:
        right = drawing.textlength(name, font=font) + side + 10
        drawing.rectangle((0, top, right, top + line), fill="black")
        drawing.rectangle((2, top + 2, 2 + side, top + 2 + side), fill=colour, outline="white")
        drawing.text((side + 7, top + 2 - upper), name, font=font, fill="white")
        top += line
    return canvas


def _font(canvas: Image.Image) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    size = max(_LEAST_TEXT_PX, round(min(canvas.size) * _TEXT_PER_IMAGE))
    return ImageFont.load_default(size)


def square(image: np.ndarray, side_px: int) -> np.ndarray:
    """Returns an image stretched to a square of a size, uint8 `(side_px, side_px, 3)`."""
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    return np.asarray(Image.fromarray(pixels).resize((side_px, side_px), Image.Resampling.BILINEAR))


def mosaic(images: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Returns images of one size side by side, row after row; what is missing is white.

    Args:
        images: uint8 `(height, width, 3)` each.
        columns: Images in a row.
    """
    height, width, channels = images[0].shape
    rows = -(-len(images) // columns)
    sheet = np.full((rows, columns, height, width, channels), 255, np.uint8)
    for i, image in enumerate(images):
        sheet[i // columns, i % columns] = image
    # (rows, columns, height, width, channels) to (rows * height, columns * width, channels)
    return sheet.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


def png(image: np.ndarray) -> bytes:
    """Returns the bytes of a PNG file of a uint8 image `(height, width, 3)`."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def _draw_label(
    drawing: ImageDraw.ImageDraw,
    label: str,
    corner: Sequence[float],
    image_width: int,
    font: "ImageFont.FreeTypeFont | ImageFont.ImageFont",
    colour: tuple[int, int, int],
) -> None:
    """Writes on a patch of colour above the corner, or below where there is no room."""
    left, top, right, bottom = drawing.textbbox((0, 0), label, font=font)
    width, height = right - left + 4, bottom - top + 4
    x = min(corner[0], max(0, image_width - width))
    y = corner[1] - height if corner[1] >= height else corner[1]
    drawing.rectangle((x, y, x + width, y + height), fill=colour)
    ink = "black" if sum(colour) > _LIGHT else "white"
    drawing.text((x + 2 - left, y + 2 - top), label, font=font, fill=ink)
