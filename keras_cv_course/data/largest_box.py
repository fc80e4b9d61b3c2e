"""Images of one object each: of several boxes the largest is taken."""

import tensorflow as tf

from keras_cv_course.data.dataset import rescale
from keras_cv_course.data.epochs import Epochs


def with_largest_box(
    epochs: Epochs, size_px: tuple[int, int], input_range: tuple[float, float] = (0.0, 255.0)
) -> Epochs:
    """Returns batches for `fit` of a `Localizer`, with the largest box of each image.

    Args:
        epochs: Batches of `(images, bounding_boxes)`, as `detection_epochs` gives them.
        size_px: (height, width) of the images.
        input_range: Smallest and largest value that the model takes.

    Returns:
        Batches of `(images, targets, weights)`. Targets are "boxes" float32 `(batch, 4)`, (x, y,
        width, height) in parts of the image's size, "classes" int32 `(batch,)` and "objectness"
        float32 `(batch, 1)`. Weights are 0 for the box and the class of an image without an object.

    Example:
        >>> train = with_largest_box(detection_epochs(annotations, (96, 96, 3)), (96, 96))
        >>> model.fit(train.since(0), steps_per_epoch=train.batches, epochs=20)
    """
    height, width = size_px
    scale = tf.constant([width, height], tf.float32)
    to_range = rescale(input_range)

    def take(
        images: tf.Tensor, bounding_boxes: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        real = bounding_boxes["labels"] >= 0  # (batch, boxes)
        corners, ends = (
            bounding_boxes["boxes"][..., :2] / scale,
            bounding_boxes["boxes"][..., 2:] / scale,
        )
        areas = tf.where(real, tf.reduce_prod(ends - corners, axis=-1), -1.0)
        row = tf.argmax(areas, axis=1)[:, None]
        there = tf.reduce_any(real, axis=1)
        boxes = tf.gather(tf.concat([corners, ends - corners], -1), row, batch_dims=1)[:, 0]
        labels = tf.gather(bounding_boxes["labels"], row, batch_dims=1)[:, 0]
        weights = tf.cast(there, tf.float32)
        targets = {
            "boxes": tf.where(there[:, None], boxes, 0.0),
            "classes": tf.maximum(labels, 0),
            "objectness": weights[:, None],
        }
        shares = {"boxes": weights, "classes": weights, "objectness": tf.ones_like(weights)}
        return to_range(images), targets, shares

    return epochs.map(take)
