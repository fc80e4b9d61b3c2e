"""Makes new images of faces, and takes their labels along."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import tensorflow as tf

from keras_cv_course._validation import check_rate
from keras_cv_course.data.epochs import Epochs

Batches = TypeVar("Batches", tf.data.Dataset, Epochs)

# Runs of iBUG's 68 points that a mirror reverses: jaw, brows, nostrils, and the rows of the mouth.
_REVERSED = ((0, 16), (17, 26), (31, 35), (48, 54), (55, 59), (60, 64), (65, 67))
_EYES = ((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46))


def _ibug_mirror() -> tuple[int, ...]:
    mirror = list(range(68))
    for first, last in _REVERSED:
        mirror[first : last + 1] = range(last, first - 1, -1)
    for i, j in _EYES:
        mirror[i], mirror[j] = j, i
    return tuple(mirror)


IBUG_MIRROR = _ibug_mirror()


@dataclass(frozen=True)
class FaceDistortion:
    """How far images are changed, each by a random amount.

    Attributes:
        shift: Largest shift, as a share of width and height.
        turn_degrees: Largest turn to either side.
        zoom: Largest change of size, as a share.
        mirror: For each point, which one it becomes in a mirror; None mirrors no image.
        contrast: Largest change of contrast, as a share.
        brightness: Largest change of brightness, as a share of the range of values.
        grey_share: Share of images that lose their colours.
    """

    shift: float = 0.08
    turn_degrees: float = 15.0
    zoom: float = 0.15
    mirror: tuple[int, ...] | None = IBUG_MIRROR
    contrast: float = 0.25
    brightness: float = 0.1
    grey_share: float = 0.2

    def __post_init__(self) -> None:
        for name in ("shift", "zoom", "contrast", "brightness"):
            check_rate(name, getattr(self, name))
        if not 0 <= self.turn_degrees < 180:
            raise ValueError(
                f"`turn_degrees` must be at least 0 and below 180. Received: {self.turn_degrees!r}."
            )
        if not 0 <= self.grey_share <= 1:
            raise ValueError(f"`grey_share` must be in [0, 1]. Received: {self.grey_share!r}.")


def distorted_faces(
    train: Batches,
    input_range: tuple[float, float],
    distortion: FaceDistortion | None = None,
    seed: int = 0,
) -> Batches:
    """Returns batches of faces that are mirrored, turned, shifted, zoomed, and seen in other light.

    Points move with the image, their visibility is mirrored, yaw and roll change sign in a
    mirror and roll grows with the turn; other labels stay. What is not known stays so. What moves
    into the image is the nearest pixel of its border.

    Args:
        train: Batches of float32 images (batch, height, width, channels) in `input_range` and a
            dict of labels, as `labelled_batches` and `labelled_epochs` return them. Turns take
            pixels to be square.
        input_range: Smallest and largest value.
        distortion: How far; the usual when None.
        seed: Decides the changes, which are new in every epoch. Of `Epochs` they are a function of
            the epoch and the number of the batch.

    Raises:
        ValueError: If the labels are of another number of points than `distortion.mirror`.

    Example:
        >>> batches = labelled_batches(sources, label_sizes(tasks), (96, 96, 3), (-1.0, 1.0))
        >>> model.fit(distorted_faces(batches, (-1.0, 1.0)), epochs=20)
    """
    distortion = distortion or FaceDistortion()
    element = train.at(tf.constant(0, tf.int64)) if isinstance(train, Epochs) else train
    points = element.element_spec[1].get("landmarks")
    known = None if points is None else points.shape[-1] // 2
    if distortion.mirror is not None and known not in (None, len(distortion.mirror)):
        raise ValueError(
            "`distortion.mirror` must say for each point which it becomes in a mirror. Received: "
            f"{len(distortion.mirror)} for labels of {known} points. Set it, or None."
        )
    change = _changer(input_range, distortion)

    def distort(
        key: tf.Tensor, images: tf.Tensor, labels: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, Any]:
        changed, moves = change(key, images)
        return changed, _move_labels(labels, moves, images.shape[1:3], distortion)

    if isinstance(train, Epochs):
        return train.map_with_key(distort, seed)
    keys = _Keys(seed)
    return train.map(lambda *batch: distort(keys(), *batch)).prefetch(tf.data.AUTOTUNE)


def face_distortion(
    input_range: tuple[float, float], distortion: FaceDistortion | None = None, seed: int = 0
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns what `distorted_faces` does to images, for those whose labels do not move.

    Args:
        input_range: Smallest and largest value of the images.
        distortion: How far; the usual when None. Half are mirrored, unless its `mirror` is None.
        seed: Decides the changes, which are new in every call.

    Returns:
        A function of float32 images (batch, height, width, channels), for `tf.data`'s `map`.

    Example:
        >>> distort = face_distortion((-1.0, 1.0))
        >>> encoder.fit(batches.map(lambda images, labels: (distort(images), labels)))
    """
    change, keys = keyed_distortion(input_range, distortion), _Keys(seed)
    return lambda images: change(keys(), images)


def keyed_distortion(
    input_range: tuple[float, float], distortion: FaceDistortion | None = None
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a function of a key and images that does what that of `face_distortion` does.

    Args:
        input_range: Smallest and largest value of the images.
        distortion: How far; the usual when None.

    Example:
        >>> distort = keyed_distortion((-1.0, 1.0))
        >>> epochs = epochs.map_with_key(lambda key, x, y: (distort(key, x), y), seed=0)
    """
    change = _changer(input_range, distortion or FaceDistortion())
    return lambda key, images: change(key, images)[0]


class _Keys:
    """Seeds for stateless functions, one after the other."""

    def __init__(self, seed: int) -> None:
        self._random = tf.random.Generator.from_seed(seed)

    def __call__(self) -> tf.Tensor:
        return self._random.make_seeds(1)[:, 0]


@dataclass(frozen=True)
class _Moves:
    """Where the distorted images' pixels come from, each value (batch,) but the shift (batch, 2).

    A pixel at `p` from the centre comes from `flip * turn(zoom * p) + shift`, with the shift as a
    share of width and height.
    """

    flip: tf.Tensor
    turn: tf.Tensor
    zoom: tf.Tensor
    shift: tf.Tensor


def _changer(
    input_range: tuple[float, float], distortion: FaceDistortion
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, _Moves]]:
    """Returns a function that gives distorted images, and where their pixels come from."""

    def change(key: tf.Tensor, images: tf.Tensor) -> tuple[tf.Tensor, _Moves]:
        moving, lighting = tf.unstack(tf.random.split(key, 2))
        moves = _draw_moves(moving, tf.shape(images)[0], distortion)
        return _relight(lighting, _move_pixels(images, moves), input_range, distortion), moves

    return change


def _draw_moves(key: tf.Tensor, count: tf.Tensor, distortion: FaceDistortion) -> _Moves:
    half = math.radians(distortion.turn_degrees)
    share = 0.0 if distortion.mirror is None else 0.5
    flip, turn, zoom, shift = tf.unstack(tf.random.split(key, 4))
    uniform = tf.random.stateless_uniform
    return _Moves(
        flip=tf.where(uniform([count], flip) < share, -1.0, 1.0),
        turn=uniform([count], turn, -half, half),
        zoom=uniform([count], zoom, 1 - distortion.zoom, 1 + distortion.zoom),
        shift=uniform([count, 2], shift, -distortion.shift, distortion.shift),
    )


def _move_pixels(images: tf.Tensor, moves: _Moves) -> tf.Tensor:
    height, width = images.shape[1:3]
    cos, sin = moves.zoom * tf.cos(moves.turn), moves.zoom * tf.sin(moves.turn)
    a, b = moves.flip * cos, -moves.flip * sin
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    x = moves.shift[:, 0] * width + centre_x - a * centre_x - b * centre_y
    y = moves.shift[:, 1] * height + centre_y - sin * centre_x - cos * centre_y
    zero = tf.zeros_like(x)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, x, sin, cos, y, zero, zero], 1),
        output_shape=tf.constant([height, width]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def _relight(
    key: tf.Tensor,
    images: tf.Tensor,
    input_range: tuple[float, float],
    distortion: FaceDistortion,
) -> tf.Tensor:
    low, high = input_range
    shape = [tf.shape(images)[0], 1, 1, 1]
    colour, contrast, light = tf.unstack(tf.random.split(key, 3))
    uniform = tf.random.stateless_uniform
    grey = tf.reduce_mean(images, -1, keepdims=True) + tf.zeros_like(images)
    images = tf.where(uniform(shape, colour) < distortion.grey_share, grey, images)
    mean = tf.reduce_mean(images, (1, 2, 3), keepdims=True)
    gain = uniform(shape, contrast, 1 - distortion.contrast, 1 + distortion.contrast)
    step = uniform(shape, light, -distortion.brightness, distortion.brightness) * (high - low)
    return tf.clip_by_value((images - mean) * gain + mean + step, low, high)


def _move_labels(
    labels: Mapping[str, tf.Tensor],
    moves: _Moves,
    size: tuple[int, int],
    distortion: FaceDistortion,
) -> dict[str, tf.Tensor]:
    moved = dict(labels)
    mirrored = moves.flip[:, None] < 0
    if "landmarks" in labels:
        moved["landmarks"] = _move_points(labels["landmarks"], moves, size, distortion)
    if "visibility" in labels and distortion.mirror is not None:
        seen = labels["visibility"]
        moved["visibility"] = tf.where(mirrored, tf.gather(seen, distortion.mirror, axis=1), seen)
    if "pose" in labels:
        yaw, pitch, roll = tf.unstack(labels["pose"], axis=1)
        turned = moves.flip * roll - moves.turn * (180 / math.pi)
        moved["pose"] = tf.stack([moves.flip * yaw, pitch, turned], 1)
    return moved


def _move_points(
    landmarks: tf.Tensor, moves: _Moves, size: tuple[int, int], distortion: FaceDistortion
) -> tf.Tensor:
    """Returns where points are in the distorted images, and under which number."""
    scale = tf.constant([size[1], size[0]], tf.float32)
    points = tf.reshape(landmarks, (-1, landmarks.shape[-1] // 2, 2))  # (batch, points, 2)
    x, y = tf.unstack((points - moves.shift[:, None]) * scale, axis=-1)
    x = x * moves.flip[:, None]
    cos = tf.cos(moves.turn)[:, None] / moves.zoom[:, None]
    sin = tf.sin(moves.turn)[:, None] / moves.zoom[:, None]
    points = tf.stack([cos * x + sin * y, cos * y - sin * x], -1) / scale
    if distortion.mirror is not None:
        other = tf.gather(points, distortion.mirror, axis=1)
        points = tf.where(moves.flip[:, None, None] < 0, other, points)
    return tf.reshape(points, tf.shape(landmarks))
