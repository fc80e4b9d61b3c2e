"""What the header of an image file says, which decides how the file is decoded, and whether."""

import io
import os
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image

from keras_cv_course._validation import check_whole

MAX_PIXELS = 80_000_000
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
# What Pillow raises for a file that is not an image, is damaged or cut off.
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, LookupError, TypeError, AttributeError, EOFError),
    *(ArithmeticError, struct.error, Image.DecompressionBombError),
)
# How stored pixels become upright ones, by EXIF orientation: whether rows and columns change
# places, and whether the new rows and the new columns are then reversed.
TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
_BY_TENSORFLOW = ("JPEG", "MPO", "PNG")
_WIDE_MODES = ("F", "I")  # And "I;16" in its byte orders.
_PNG_SIGNATURE = 8
_PNG_CHUNK = struct.Struct(">I4s")
# Uncompressed pixels take at most this; the rest is room for metadata.
_MOST_BYTES_PER_PIXEL = 8
_MOST_OTHER_BYTES = 2**26


@dataclass(frozen=True)
class PhotographHeader:
    """What the header of an image file says.

    Attributes:
        kind: Pillow's name of the format, e.g. "JPEG".
        mode: Pillow's name of the form of the pixels, e.g. "RGB", "P" or "I;16".
        stored_size_px: (height, width) of the pixels as they are stored.
        orientation: EXIF orientation, 1 to 8; 1 is upright.
    """

    kind: str
    mode: str
    stored_size_px: tuple[int, int]
    orientation: int = 1

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width) of the upright image."""
        height, width = self.stored_size_px
        return (width, height) if TURNS[self.orientation][0] else (height, width)

    @property
    def by_tensorflow(self) -> bool:
        """Whether TensorFlow decodes the stored pixels: JPEG in grey or RGB, and PNG."""
        # Pillow decodes the rest: TensorFlow ignores the palettes of BMP files and misses TIFF.
        return self.kind in _BY_TENSORFLOW and self.mode != "CMYK"

    @property
    def plain(self) -> bool:
        """Whether TensorFlow's decoder alone gives the upright image."""
        return self.by_tensorflow and self.orientation == 1

    def upright(self, pixels: np.ndarray) -> np.ndarray:
        """Returns the upright image of stored pixels `(height, width, ...)`."""
        swapped, rows, columns = TURNS[self.orientation]
        turned = pixels.swapaxes(0, 1) if swapped else pixels
        return np.ascontiguousarray(turned[:: -1 if rows else 1, :: -1 if columns else 1])

    def upright_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Returns boxes of the stored image as boxes of the upright one.

        Args:
            boxes: `(n, 4)` xyxy in pixels.
        """
        swapped, rows, columns = TURNS[self.orientation]
        height, width = self.size_px
        x_min, y_min, x_max, y_max = np.asarray(boxes).reshape(-1, 4).T
        if swapped:
            x_min, y_min, x_max, y_max = y_min, x_min, y_max, x_max
        if rows:
            y_min, y_max = height - y_max, height - y_min
        if columns:
            x_min, x_max = width - x_max, width - x_min
        return np.stack([x_min, y_min, x_max, y_max], axis=1)


def read_header(
    path: str | os.PathLike[str],
    formats: Sequence[str] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> PhotographHeader:
    """Returns what the header of an image file says; nothing is decoded.

    Args:
        path: The file. Links are followed.
        formats: What may be read, e.g. ("JPEG", "PNG"). None is all of `FORMATS`.
        max_pixels: The largest number of pixels that may be decoded.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a regular file, not an image of `formats`, has more pixels, or 16
            or more bits a channel in a grey image of another format than PNG.
    """
    check_whole("max_pixels", max_pixels)
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > max_pixels * _MOST_BYTES_PER_PIXEL + _MOST_OTHER_BYTES:
            raise ValueError(
                f"{readable_name(path)} has {size:,} bytes, more than `max_pixels`={max_pixels:,} "
                "can take."
            )
        return _header(stream, readable_name(path), formats, max_pixels)


def header_of(
    content: bytes,
    name: str,
    formats: Sequence[str] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> PhotographHeader:
    """Returns what the header in the bytes of a file says, as `read_header` does.

    Args:
        content: The bytes.
        name: What they are, for messages.
        formats: As in `read_header`.
        max_pixels: As in `read_header`.
    """
    return _header(io.BytesIO(content), name, formats, max_pixels)


def opened(stream: BinaryIO, formats: Sequence[str] | None = None) -> Image.Image:
    """Returns Pillow's image of an open file, not decoded yet.

    Unlike `PIL.Image.open` it neither warns nor refuses by Pillow's own limit on pixels, which is
    one of the process: the caller compares the size.

    Raises:
        ValueError: If it is of none of the formats.
    """
    Image.init()
    start = stream.read(16)
    for kind in FORMATS if formats is None else formats:
        factory, accepts = Image.OPEN[kind]
        if accepts is None or accepts(start):
            stream.seek(0)
            return factory(stream, "")
    raise ValueError(f"it is not one of {', '.join(formats or FORMATS)}")


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Returns a regular file open for reading; links are followed.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is a folder, a pipe or a device, or cannot be opened.
    """
    name = readable_name(path)
    try:
        # Looked at before it is opened: opening a pipe waits, opening a device may act.
        regular = stat.S_ISREG(Path(path).stat().st_mode)
        if regular:
            return Path(path).open("rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no image {name}.") from None
    except (OSError, ValueError) as error:  # ValueError: of a name with a null character.
        raise ValueError(f"{name} cannot be opened: {error}.") from error
    raise ValueError(f"{name} is not a regular file. Give an image, not a folder, pipe or device.")


def readable_name(path: str | os.PathLike[str]) -> str:
    """Returns a path as text that can be printed, whatever the bytes of its name."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _header(
    stream: BinaryIO, name: str, formats: Sequence[str] | None, max_pixels: int
) -> PhotographHeader:
    try:
        image = opened(stream, formats)
        width, height = image.size
        orientation = _orientation(image, stream)
    except UNREADABLE as error:
        raise ValueError(f"{name} cannot be decoded: {error}.") from error
    kind, mode = str(image.format), image.mode
    if width * height > max_pixels:
        raise ValueError(
            f"{name} must have at most {max_pixels:,} pixels, see `max_pixels`. "
            f"Received: {width}x{height}."
        )
    if kind != "PNG" and (mode in _WIDE_MODES or mode.startswith("I;")):
        raise ValueError(
            f"{name} has more than 8 bits a pixel ({kind}, {mode}), and nothing says which value "
            "is white. Save it with 8 bits, or as PNG with 16."
        )
    return PhotographHeader(kind, mode, (height, width), orientation)


def _orientation(image: Image.Image, stream: BinaryIO) -> int:
    """Returns the EXIF orientation; 1 where there is none, or none that can be read."""
    if image.format == "TIFF":
        return 1  # Pillow turns these itself, and its size is that of the upright image.
    try:
        if image.format == "PNG":
            exif = Image.Exif()
            # Pillow would decode the image to look for data after the pixels.
            exif.load(image.info.get("exif") or _png_exif(stream))
        else:
            exif = image.getexif()
        value = exif.get(ExifTags.Base.Orientation, 1)
    except UNREADABLE:
        return 1  # As viewers do: a damaged tag does not spoil the image.
    return int(value) if isinstance(value, int) and value in TURNS else 1


def _png_exif(stream: BinaryIO) -> bytes:
    """Returns the content of the eXIf chunk of a PNG file, at any place."""
    stream.seek(_PNG_SIGNATURE)
    while len(head := stream.read(_PNG_CHUNK.size)) == _PNG_CHUNK.size:
        length, kind = _PNG_CHUNK.unpack(head)
        if kind == b"eXIf":
            return stream.read(length)
        stream.seek(length + 4, os.SEEK_CUR)
    return b""
