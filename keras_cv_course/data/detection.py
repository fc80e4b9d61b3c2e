"""Annotated images as batches for a detector, with boxes padded to a fixed number."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from keras_cv_course._validation import check_choice, check_whole
from keras_cv_course.data.annotations import Annotations
from keras_cv_course.data.dataset import check_input, rescale
from keras_cv_course.data.epochs import Epochs, shuffled
from keras_cv_course.data.framing import border
from keras_cv_course.data.photographs import or_empty, photograph_reader
from keras_cv_course.data.shapes import DrawnScenes
from keras_cv_course.specs.detection import RESIZINGS

BoundingBoxes = dict[str, tf.Tensor]
Batches = TypeVar("Batches", tf.data.Dataset, Epochs)


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
    """Returns images as pixels, and the boxes that are learned, in batches.

    Continue with `augmented_boxes`, `random_shapes` and `with_targets`. For runs that must resume
    exactly after a kill there is `detection_epochs`.

    Args:
        source: The images.
        input_shape: (height, width, channels) of the network input; 1 or 3 channels.
        batch_size: Images in a batch.
        max_boxes: Boxes of an image; those beyond are left out, padding has the label -1.
        resize: "stretch" fills the input, as SSD does; "pad" keeps the aspect ratio with the
            image in the middle of black borders.
        shuffle: Whether the order is another one each time they are read.
        seed: Decides the orders.
        use_difficult: Whether difficult objects are learned. Crowds never are.
        cache: Whether images are kept in memory once they are decoded and resized, as bytes: 3 MB
            for ten of 320 x 320. Without, they are read again in every epoch.

    Returns:
        Batches of `(images, bounding_boxes)`: float32 `(batch, height, width, channels)` in 0 to
        255, and a dict of "boxes" float32 `(batch, max_boxes, 4)` xyxy in pixels of the input,
        "labels" int32 `(batch, max_boxes)` and "weights" float32 `(batch, max_boxes)`, 1 for real
        boxes. Images are upright, see `read_photograph`. One that cannot be decoded raises
        tf.errors.InvalidArgumentError, which names it.

    Raises:
        FileNotFoundError: If an image is gone.
        ValueError: If an argument is out of its range, the header of an image cannot be read, or,
            with `shuffle` and `cache`, an image cannot be decoded.

    Example:
        >>> train = detection_batches(annotations, (320, 320, 3), shuffle=True)
        >>> train = with_targets(augmented_boxes(train), encode, input_range=(-1.0, 1.0))
        >>> model.fit(train, shuffle=False)  # it shuffles itself
    """
    options = (input_shape, batch_size, max_boxes, resize)
    if shuffle:
        return detection_epochs(source, *options, seed, use_difficult, cache).passes()
    read = _reader(source, *options, use_difficult)
    images = read(tf.range(len(source)))
    return (images.cache() if cache else images).batch(batch_size).map(_as_float)


def detection_epochs(
    source: Annotations | DrawnScenes,
    input_shape: tuple[int, int, int],
    batch_size: int = 16,
    max_boxes: int = 100,
    resize: str = "stretch",
    seed: int = 0,
    use_difficult: bool = True,
    cache: bool = True,
) -> Epochs:
    """Returns the batches of `detection_batches`, in an order that is a function of the epoch.

    Args:
        source: The images.
        input_shape: As in `detection_batches`, like the arguments that follow.
        batch_size: Images in a batch.
        max_boxes: Boxes of an image.
        resize: "stretch" or "pad".
        seed: Decides the orders.
        use_difficult: Whether difficult objects are learned.
        cache: Whether all images are decoded here, and kept in memory.

    Raises:
        FileNotFoundError: If an image is gone.
        ValueError: If an argument is out of its range, the header of an image cannot be read, or,
            with `cache`, an image cannot be decoded.

    Example:
        >>> epochs = augmented_boxes(detection_epochs(annotations, (320, 320, 3)), seed=1)
        >>> train = with_targets(epochs, encode, input_range=(-1.0, 1.0))
        >>> model.fit(train.since(7), steps_per_epoch=train.batches, initial_epoch=7, epochs=20)
    """
    read = _reader(source, input_shape, batch_size, max_boxes, resize, use_difficult)
    count = len(source)
    cached = _cached(source, read) if cache else None

    def at(epoch: tf.Tensor) -> tf.data.Dataset:
        order = shuffled(count, seed, epoch)
        if cached is None:
            return read(order).batch(batch_size)
        rows = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return rows.map(lambda row: tf.nest.map_structure(lambda x: tf.gather(x, row), cached))

    return Epochs(at, math.ceil(count / batch_size)).map(_as_float)


def with_targets(
    batches: Batches,
    encode: Callable[..., Any] | Mapping[tuple[int, int], Callable[..., Any]],
    input_range: tuple[float, float] = (0.0, 255.0),
) -> Batches:
    """Returns batches for `fit`, with the targets of the heads instead of boxes.

    Args:
        batches: Batches of `(images, bounding_boxes)`, as `detection_batches` gives them, or
            `detection_epochs`.
        encode: Takes boxes, labels and weights of one image and returns targets, e.g.
            `functools.partial(encode_anchor_targets, anchors=anchors)`. For images of several
            sizes, see `random_shapes`, one for each (height, width).
        input_range: Smallest and largest value that the model takes.

    Returns:
        Batches of `(images, targets)`, float32 in `input_range`; `Epochs` of `Epochs`.

    Example:
        >>> train = with_targets(batches, partial(encode_anchor_targets, anchors=anchors))
    """
    to_range = rescale(input_range)

    def targets_of(bounding_boxes: BoundingBoxes, encoder: Callable[..., Any]) -> Any:
        # One by one, see `target_encoding`.
        return keras.ops.map(
            lambda one: encoder(one["boxes"], one["labels"], one["weights"]), bounding_boxes
        )

    def to_targets(images: tf.Tensor, bounding_boxes: BoundingBoxes) -> tuple[tf.Tensor, Any]:
        if not isinstance(encode, Mapping):
            return to_range(images), targets_of(bounding_boxes, encode)
        sizes = tf.constant(list(encode))
        branch = tf.argmax(tf.reduce_all(sizes == tf.shape(images)[1:3], axis=1))
        encoders = [partial(targets_of, bounding_boxes, encoder) for encoder in encode.values()]
        return to_range(images), tf.switch_case(tf.cast(branch, tf.int32), encoders)

    if isinstance(batches, Epochs):
        return batches.map(to_targets)
    mapped = batches.map(to_targets, num_parallel_calls=tf.data.AUTOTUNE)
    return mapped.prefetch(tf.data.AUTOTUNE)


def padded(bounding_boxes: Mapping[str, tf.Tensor], max_boxes: int) -> BoundingBoxes:
    """Returns boxes with the real ones in front, cut or padded to a fixed number.

    Args:
        bounding_boxes: "boxes" `(..., n, 4)`, "labels" `(..., n)` and, if they are not all 1,
            "weights".
        max_boxes: How many there are afterwards.

    Returns:
        The three, with the label -1 and zeros for padding.
    """
    labels = tf.cast(bounding_boxes["labels"], tf.int32)
    weights = bounding_boxes.get("weights", tf.ones_like(labels, tf.float32))
    order = tf.argsort(tf.cast(labels < 0, tf.int32), axis=-1, stable=True)[..., :max_boxes]
    batch_dims = len(labels.shape) - 1
    boxes, labels, weights = (
        tf.gather(x, order, batch_dims=batch_dims, axis=batch_dims)
        for x in (bounding_boxes["boxes"], labels, weights)
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


def _reader(
    source: Annotations | DrawnScenes,
    input_shape: tuple[int, int, int],
    batch_size: int,
    max_boxes: int,
    resize: str,
    use_difficult: bool,
) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """Returns a function from numbers of images to these, resized, each with its boxes."""
    check_input(input_shape, (0.0, 1.0), batch_size)
    check_whole("max_boxes", max_boxes)
    check_choice("resize", resize, RESIZINGS)
    height, width, channels = input_shape
    resizing = keras.layers.Resizing(height, width, bounding_box_format="xyxy")
    rows: Callable[[tf.Tensor], tf.data.Dataset]
    image_of: Callable[[tf.Tensor], tf.Tensor]
    if isinstance(source, DrawnScenes):
        rows, image_of = _drawn(source), partial(_converted, channels=channels)
    else:
        rows, image_of = _listed(source, use_difficult), _named_reader(source, channels)

    def load(
        origin: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, BoundingBoxes]:
        image = image_of(origin)
        if resize == "pad":
            image, boxes = _bordered(image, boxes, (height, width))
        bounding_boxes = {"boxes": boxes, "labels": labels}
        resized = resizing({"images": image, "bounding_boxes": bounding_boxes})
        return resized["images"], padded(resized["bounding_boxes"], max_boxes)

    def read(order: tf.Tensor) -> tf.data.Dataset:
        return rows(order).map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    return read


def _cached(
    source: Annotations | DrawnScenes, read: Callable[[tf.Tensor], tf.data.Dataset]
) -> tuple[tf.Tensor, BoundingBoxes]:
    """Returns all images with their boxes as one batch."""
    count = len(source)
    try:
        return read(tf.range(count)).batch(count).get_single_element()
    except tf.errors.InvalidArgumentError:
        if isinstance(source, Annotations):
            for image in source.images:
                image.load()  # Raises a ValueError for the one that cannot be decoded.
        raise


def _listed(
    annotations: Annotations, use_difficult: bool
) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """Returns a function to the path of each image with the boxes that are learned."""
    paths, boxes, labels = [], [], []
    for image in annotations.images:
        learned = ~image.crowd & (use_difficult | ~image.difficult)
        paths.append(str(image.path))
        boxes.append(image.boxes[learned])
        labels.append(image.labels[learned])
    lengths = [len(row) for row in labels]
    ragged = (
        tf.RaggedTensor.from_row_lengths(np.concatenate(values), lengths)
        for values in (boxes, labels)
    )
    table = (tf.constant(paths), *ragged)
    return lambda order: tf.data.Dataset.from_tensor_slices(
        tuple(tf.gather(column, order) for column in table)
    )


def _named_reader(annotations: Annotations, channels: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from the path of an image to it, whose errors name the file."""
    files = [image.path for image in annotations.images]
    read = or_empty(photograph_reader(files, channels, annotations.max_pixels))

    def named(path: tf.Tensor) -> tf.Tensor:
        image = read(path)
        message = tf.strings.join([path, "cannot be decoded."], " ")
        with tf.control_dependencies([tf.debugging.Assert(tf.size(image) > 0, [message])]):
            return tf.identity(image)

    return named


def _drawn(scenes: DrawnScenes) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """Returns a function to datasets of images with their boxes, drawn when they are read."""

    def draw(order: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        for scene in map(scenes.__getitem__, order):
            yield scene.image, scene.boxes, scene.labels

    signature = (
        tf.TensorSpec((*scenes.size_px, 3), tf.uint8),
        tf.TensorSpec((None, 4), tf.float32),
        tf.TensorSpec((None,), tf.int32),
    )

    def rows(order: tf.Tensor) -> tf.data.Dataset:
        drawn = tf.data.Dataset.from_generator(draw, args=(order,), output_signature=signature)
        return drawn.apply(tf.data.experimental.assert_cardinality(len(scenes)))

    return rows


def _converted(image: tf.Tensor, channels: int) -> tf.Tensor:
    return image if channels == 3 else tf.image.rgb_to_grayscale(image)


def _bordered(
    image: tf.Tensor, boxes: tf.Tensor, frame_px: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    # Keras' layer rounds the border of boxes otherwise than that of pixels.
    height, width, _ = tf.unstack(tf.shape(image))
    top, left = border((height, width), frame_px, tf.maximum)
    full = tf.pad(image, [[top, top], [left, left], [0, 0]])
    moved = boxes + tf.cast([left, top, left, top], tf.float32)
    return tf.ensure_shape(full, (None, None, image.shape[-1])), moved


def _as_float(images: tf.Tensor, bounding_boxes: BoundingBoxes) -> tuple[tf.Tensor, BoundingBoxes]:
    return tf.cast(images, tf.float32), bounding_boxes
