"""The one reader of photographs, for training, calibration, validation and prediction.

TensorFlow decodes JPEG and PNG, Pillow what TensorFlow reads wrong or not at all; the header of the
file decides, see `PhotographHeader`. Both forms below give the same pixels.
"""

import io
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_cv_course.data.photograph_header import (
    MAX_PIXELS,
    UNREADABLE,
    PhotographHeader,
    header_of,
    open_regular,
    opened,
    read_header,
    readable_name,
)

_LOG = logging.getLogger(__name__)
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE_AT = 16  # Width and height, four bytes each, the highest first.
_BUCKETS = 2**62
_MOST_NAMED = 20


def read_photograph(
    path: str | os.PathLike[str],
    formats: Sequence[str] | None = None,
    max_pixels: int = MAX_PIXELS,
    channels: int = 3,
) -> np.ndarray:
    """Returns the photograph in a file, upright, uint8 RGB `(height, width, 3)`.

    It is turned as its EXIF orientation says. Palettes, grey, CMYK and 16 bits become 8 bits of
    red, green and blue; transparency is dropped; of an animation the first frame is read.

    Args:
        path: A JPEG, PNG, GIF, BMP, WebP or TIFF file. Links are followed.
        formats: What may be read, e.g. ("JPEG", "PNG"). None is all of these.
        max_pixels: The largest number of pixels that is decoded.
        channels: 3, or 1 for the grey values `(height, width, 1)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a regular file, cannot be decoded, has too many pixels, or has more
            than 8 bits a channel in a format that does not say which value is white. The message
            names the file.

    Example:
        >>> image = read_photograph("street.jpg")
    """
    header = read_header(path, formats, max_pixels)
    with open_regular(path) as stream:
        return _decoded(stream.read(), header, readable_name(path), channels)


def decode_photograph(
    content: bytes, name: str, max_pixels: int = MAX_PIXELS, channels: int = 3
) -> np.ndarray:
    """Returns the photograph in the bytes of a file, as `read_photograph` does.

    Args:
        content: The bytes.
        name: What they are, for messages.
        max_pixels: The largest number of pixels that is decoded.
        channels: 3, or 1 for grey.

    Raises:
        ValueError: As `read_photograph`.
    """
    return _decoded(content, header_of(content, name, None, max_pixels), name, channels)


def photograph_reader(
    paths: Sequence[str | os.PathLike[str]], channels: int, max_pixels: int = MAX_PIXELS
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns `read_photograph` for a tf.data pipeline: a function from a path to the image.

    Where TensorFlow's decoder alone gives the upright image, no Python runs in the pipeline.

    Args:
        paths: All files that may be read. Their headers are read here.
        channels: 1 for grey, 3 for colour.
        max_pixels: The largest number of pixels that is decoded.

    Returns:
        A function from a path, a scalar string, to uint8 `(height, width, channels)`. A file that
        cannot be decoded raises tf.errors.InvalidArgumentError.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: As `read_header`.
    """
    odd = [path for path in paths if not read_header(path, None, max_pixels).plain]

    def plain(path: tf.Tensor) -> tf.Tensor:
        return decode_plain(tf.io.read_file(path), channels)

    if not odd:
        return plain

    def by_header(path: bytes | np.ndarray) -> np.ndarray:
        file = os.fsdecode(_as_bytes(path))
        return read_photograph(file, None, max_pixels, channels)

    # A plain file that shares a bucket with an odd one is read the same, only more slowly.
    buckets = tf.sort(_bucket(tf.constant([os.fsencode(path) for path in odd])))

    def read(path: tf.Tensor) -> tf.Tensor:
        bucket = _bucket(path)
        place = tf.searchsorted(buckets, bucket[None])[0]
        is_odd = tf.gather(buckets, tf.minimum(place, len(odd) - 1)) == bucket
        image = tf.cond(
            is_odd,
            lambda: tf.numpy_function(by_header, [path], tf.uint8, stateful=False),
            lambda: plain(path),
        )
        return tf.ensure_shape(image, (None, None, channels))

    return read


def content_reader(
    channels: int, max_pixels: int = MAX_PIXELS
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns `decode_photograph` for a tf.data pipeline, for content of any kind.

    Args:
        channels: 1 for grey, 3 for colour.
        max_pixels: The largest number of pixels that is decoded.

    Returns:
        A function from the bytes of a file and a name for messages, scalar strings, to uint8
        `(height, width, channels)`.
    """

    def by_header(content: bytes | np.ndarray, name: bytes | np.ndarray) -> np.ndarray:
        text = readable_name(os.fsdecode(_as_bytes(name)))
        return decode_photograph(_as_bytes(content), text, max_pixels, channels)

    def read(content: tf.Tensor, name: tf.Tensor) -> tf.Tensor:
        image = tf.numpy_function(by_header, [content, name], tf.uint8, stateful=False)
        return tf.ensure_shape(image, (None, None, channels))

    return read


def decode_plain(content: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns the image in the bytes of a file whose header is `plain`.

    Args:
        content: Scalar string, of a JPEG or PNG file.
        channels: 1 for grey, 3 for colour.

    Returns:
        uint8 `(height, width, channels)`.

    Raises:
        tf.errors.InvalidArgumentError: If it cannot be decoded.
    """
    image = tf.image.decode_image(content, channels=channels, expand_animations=False)
    return tf.ensure_shape(image, (None, None, channels))


def or_empty(read: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Returns a reader that gives an image of size 0 where `read` fails, for its caller to name.

    The errors of TensorFlow's decoders do not name a file, and in a graph only a dataset can go on
    after one.

    Args:
        read: Takes scalar strings and returns an image, as the readers above.
    """

    def reader(*source: tf.Tensor) -> tf.Tensor:
        whole = tf.data.Dataset.from_tensors(source).map(read).ignore_errors(log_warning=False)
        shape = [side or 0 for side in whole.element_spec.shape]
        nothing = tf.data.Dataset.from_tensors(tf.zeros(shape, tf.uint8))
        image = whole.concatenate(nothing).take(1).get_single_element()
        return tf.ensure_shape(image, whole.element_spec.shape)

    return reader


def count_pixels(content: tf.Tensor) -> tf.Tensor:
    """Returns how many pixels a JPEG or PNG file has by its header, int64 `()`.

    Args:
        content: Scalar string, the bytes of the file.

    Raises:
        tf.errors.InvalidArgumentError: If it is neither, or its header is damaged.
    """

    def png_size() -> tf.Tensor:
        sides = tf.io.decode_raw(
            tf.strings.substr(content, _PNG_SIZE_AT, 8), tf.int32, little_endian=False
        )
        return tf.cast(sides, tf.int64)

    is_png = tf.strings.substr(content, 0, len(_PNG)) == _PNG
    size = tf.cond(
        is_png, png_size, lambda: tf.image.extract_jpeg_shape(content, output_type=tf.int64)[:2]
    )
    return tf.reduce_prod(size)


def image_files(folder: Path) -> list[str]:
    """Returns the paths of all image files below a folder, sorted; none is opened."""
    return [str(path) for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]


def readable(
    paths: Sequence[str],
    channels: int,
    limit: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> list[str]:
    """Returns those of `paths` that can be decoded, and logs why the others cannot.

    Args:
        paths: Image files.
        channels: 1 for grey, 3 for colour.
        limit: Stop after this many decodable images. None checks all.
        max_pixels: The largest number of pixels that is decoded.
    """
    good: list[str] = []
    reasons: list[str] = []
    step = limit or max(len(paths), 1)
    seen = 0
    while seen < len(paths) and (limit is None or len(good) < limit):
        decodable, wrong = _probed(paths[seen : seen + step], channels, max_pixels)
        good += decodable
        reasons += wrong
        seen = min(seen + step, len(paths))
    if reasons:
        rest = f" And {len(reasons) - _MOST_NAMED} more." if len(reasons) > _MOST_NAMED else ""
        _LOG.warning(
            "Skipped %d of %d images: %s%s",
            len(reasons),
            seen,
            " ".join(reasons[:_MOST_NAMED]),
            rest,
        )
    return good[:limit]


def _probed(paths: Sequence[str], channels: int, max_pixels: int) -> tuple[list[str], list[str]]:
    """Returns the files that can be decoded, and what is wrong with each of the others."""
    candidates, reasons = [], []
    for path in paths:
        try:
            path.encode()
            read_header(path, None, max_pixels)
        except UnicodeEncodeError:
            # It could be read, but neither be printed nor be written into a run's files.
            reasons.append(f"{readable_name(path)} has a name that is not UTF-8. Rename it.")
        except (OSError, ValueError) as error:
            reasons.append(str(error))
        else:
            candidates.append(path)
    if not candidates:
        return [], reasons
    read = photograph_reader(candidates, channels, max_pixels)

    def probe(row: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # The size is used so that the decoding is not optimized away.
        return row, tf.size(read(path))

    rows = tf.data.Dataset.from_tensor_slices(candidates).enumerate()
    probed = rows.map(probe, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    good = {int(row) for row, _ in probed.as_numpy_iterator()}
    reasons += [f"{path} cannot be decoded." for i, path in enumerate(candidates) if i not in good]
    return [path for i, path in enumerate(candidates) if i in good], reasons


def _decoded(content: bytes, header: PhotographHeader, name: str, channels: int) -> np.ndarray:
    try:
        if header.by_tensorflow:
            pixels = decode_plain(content, channels).numpy()
        else:
            with opened(io.BytesIO(content)) as image:
                colours = np.asarray(image.convert("RGB" if channels == 3 else "L"))
            pixels = colours.reshape(*colours.shape[:2], channels)
    except (*UNREADABLE, tf.errors.InvalidArgumentError) as error:
        raise ValueError(f"{name} cannot be decoded. Give a whole file or leave it out.") from error
    return header.upright(pixels)


def _bucket(paths: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_fast(paths, _BUCKETS)


def _as_bytes(value: bytes | np.ndarray) -> bytes:
    """Returns what `tf.numpy_function` passes for a string: bytes in graphs, an array outside."""
    content: bytes = np.asarray(value, object).item()
    return content
