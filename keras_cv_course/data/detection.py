"""Annotated pictures as batches for a detector, with boxes padded to a fixed number."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cv_course._validation import check_choice, check_positive
from keras_cv_course.data.annotations import Annotations
from keras_cv_course.data.dataset import check_input, rescale
from keras_cv_course.data.shapes import DrawnScenes

RESIZINGS = ("stretch", "pad")
Found = dict[str, tf.Tensor]


def detection_batches(
    source: Annotations | DrawnScenes,
    input_shape: tuple[int, int, int],
    batch_size: int = 16,
    max_boxes: int = 100,
    resize: str = "stretch",
    shuffle: bool = False,
    seed: int = 0,
    use_difficult: bool = True,
    cache: bool = True,
) -> tf.data.Dataset:
    """Returns pictures as pixels, and the boxes that are learned, in batches.

    Go on with `augmented_boxes`, `random_shapes` and `with_targets`.

    Args:
        source: The pictures.
        input_shape: (height, width, channels) of the network input; 1 or 3 channels.
        batch_size: Pictures in a batch.
        max_boxes: Boxes of a picture; those beyond are left out, padding has the label -1.
        resize: "stretch" fills the input, as SSD does; "pad" keeps the aspect ratio with the
            picture in the middle of black borders.
        shuffle: Whether every epoch has an order of its own.
        seed: Decides the orders.
        use_difficult: Whether difficult objects are learned. Crowds never are.
        cache: Whether pictures are kept in memory once they are decoded and resized, as bytes: 3 MB
            for ten of 320 x 320. Without, they are read anew in every epoch.

    Returns:
        Batches of `(images, found)`: float32 `(batch, height, width, channels)` in 0 to 255, and a
        dict of "boxes" float32 `(batch, max_boxes, 4)` xyxy in pixels of the input, "labels" int32
        `(batch, max_boxes)` and "weights" float32 `(batch, max_boxes)`, 1 for real boxes.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> train = detection_batches(annotations, (320, 320, 3), shuffle=True)
        >>> train = with_targets(augmented_boxes(train), encode, input_range=(-1.0, 1.0))
        >>> model.fit(train, shuffle=False)  # it shuffles itself
    """
    check_input(input_shape, (0.0, 1.0), batch_size)
    check_positive("max_boxes", max_boxes)
    check_choice("resize", resize, RESIZINGS)
    height, width, channels = input_shape
    resizing = keras.layers.Resizing(
        height, width, pad_to_aspect_ratio=resize == "pad", bounding_box_format="xyxy"
    )

    picture_of: Callable[[tf.Tensor, int], tf.Tensor]
    if isinstance(source, DrawnScenes):
        rows, picture_of = _drawn(source), _converted
    else:
        rows, picture_of = _listed(source, use_difficult), _decoded

    def load(origin: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, Found]:
        found = {"boxes": boxes, "labels": labels}
        resized = resizing({"images": picture_of(origin, channels), "bounding_boxes": found})
        return resized["images"], padded(resized["bounding_boxes"], max_boxes)

    def shuffled(dataset: tf.data.Dataset) -> tf.data.Dataset:
        return dataset.shuffle(len(source), seed=seed) if shuffle else dataset

    rows = rows if cache else shuffled(rows)
    pictures = rows.map(load, num_parallel_calls=tf.data.AUTOTUNE)
    pictures = shuffled(pictures.cache()) if cache else pictures
    return pictures.batch(batch_size).map(
        lambda images, found: (tf.cast(images, tf.float32), found)
    )


def with_targets(
    batches: tf.data.Dataset,
    encode: Callable[..., Any] | Mapping[tuple[int, int], Callable[..., Any]],
    input_range: tuple[float, float] = (0.0, 255.0),
) -> tf.data.Dataset:
    """Returns batches for `fit`, with what the heads must say in place of boxes.

    Args:
        batches: Batches of `(images, found)`, as `detection_batches` gives them.
        encode: Takes boxes, labels and weights of one picture and returns targets, e.g.
            `functools.partial(encode_anchor_targets, anchors=anchors)`. For pictures of several
            sizes, see `random_shapes`, one for each (height, width).
        input_range: Smallest and largest value that the model takes.

    Returns:
        Batches of `(images, targets)`, float32 in `input_range`.

    Example:
        >>> train = with_targets(batches, partial(encode_anchor_targets, anchors=anchors))
    """
    to_range = rescale(input_range)

    def targets_of(found: Found, encoder: Callable[..., Any]) -> Any:
        # One by one, see `target_encoding`.
        return keras.ops.map(
            lambda one: encoder(one["boxes"], one["labels"], one["weights"]), found
        )

    def to_targets(images: tf.Tensor, found: Found) -> tuple[tf.Tensor, Any]:
        if not isinstance(encode, Mapping):
            return to_range(images), targets_of(found, encode)
        sizes = tf.constant(list(encode))
        branch = tf.argmax(tf.reduce_all(sizes == tf.shape(images)[1:3], axis=1))
        encoders = [lambda e=encoder: targets_of(found, e) for encoder in encode.values()]
        return to_range(images), tf.switch_case(tf.cast(branch, tf.int32), encoders)

    mapped = batches.map(to_targets, num_parallel_calls=tf.data.AUTOTUNE)
    return mapped.prefetch(tf.data.AUTOTUNE)


def padded(found: Mapping[str, tf.Tensor], max_boxes: int) -> Found:
    """Returns boxes with the real ones in front, cut or padded to a fixed number.

    Args:
        found: "boxes" `(..., n, 4)`, "labels" `(..., n)` and, if they are not all 1, "weights".
        max_boxes: How many there are afterwards.

    Returns:
        The three, with the label -1 and zeros for padding.
    """
    labels = tf.cast(found["labels"], tf.int32)
    weights = found.get("weights", tf.ones_like(labels, tf.float32))
    order = tf.argsort(tf.cast(labels < 0, tf.int32), axis=-1, stable=True)[..., :max_boxes]
    batch_dims = len(labels.shape) - 1
    boxes, labels, weights = (
        tf.gather(x, order, batch_dims=batch_dims, axis=batch_dims)
        for x in (found["boxes"], labels, weights)
    )
    missing = max_boxes - tf.shape(labels)[-1]
    paddings = [(0, 0)] * batch_dims + [(0, missing)]
    labels = tf.pad(labels, paddings, constant_values=-1)
    real = labels >= 0
    boxes = tf.where(real[..., None], tf.pad(boxes, [*paddings, (0, 0)]), 0.0)
    weights = tf.where(real, tf.pad(weights, paddings), 0.0)
    shape = (*labels.shape[:-1], max_boxes)
    return {
        "boxes": tf.ensure_shape(boxes, (*shape, 4)),
        "labels": tf.ensure_shape(labels, shape),
        "weights": tf.ensure_shape(weights, shape),
    }


def _listed(annotations: Annotations, use_difficult: bool) -> tf.data.Dataset:
    """Returns the path of each picture with the boxes that are learned."""
    paths, boxes, labels = [], [], []
    for picture in annotations.pictures:
        kept = ~picture.crowd & (use_difficult | ~picture.difficult)
        paths.append(str(picture.path))
        boxes.append(picture.boxes[kept])
        labels.append(picture.labels[kept])
    lengths = [len(row) for row in labels]
    ragged = (
        tf.RaggedTensor.from_row_lengths(np.concatenate(values), lengths)
        for values in (boxes, labels)
    )
    return tf.data.Dataset.from_tensor_slices((paths, *ragged))


def _decoded(path: tf.Tensor, channels: int) -> tf.Tensor:
    picture = tf.io.decode_image(tf.io.read_file(path), channels, expand_animations=False)
    return tf.ensure_shape(picture, (None, None, channels))


def _drawn(scenes: DrawnScenes) -> tf.data.Dataset:
    """Returns each picture with its boxes."""

    def rows() -> Iterator[tuple[np.ndarray, ...]]:
        for image, scene in scenes.samples():
            yield image, scene.boxes, scene.labels

    signature = (
        tf.TensorSpec((*scenes.size_px, 3), tf.uint8),
        tf.TensorSpec((None, 4), tf.float32),
        tf.TensorSpec((None,), tf.int32),
    )
    drawn = tf.data.Dataset.from_generator(rows, output_signature=signature)
    return drawn.apply(tf.data.experimental.assert_cardinality(len(scenes)))


def _converted(picture: tf.Tensor, channels: int) -> tf.Tensor:
    return picture if channels == 3 else tf.image.rgb_to_grayscale(picture)
