"""Batches of changing size, so that a network learns things of every size."""

from collections.abc import Sequence

import tensorflow as tf

from keras_cv_course.data.epochs import Epochs


def random_batch_sizes(epochs: Epochs, sizes_px: Sequence[int], seed: int = 0) -> Epochs:
    """Returns batches, each resized to a height and a width drawn for it.

    Height and width are drawn independently, so that images are also stretched a little. The model
    must take images of any size: build it with `input_shape=(None, None, 3)`.

    Args:
        epochs: Batches of `(images, labels)`, `(batch, height, width, channels)`.
        sizes_px: What is drawn from with equal chances, e.g. (224, 256, 288).
        seed: Decides, with the epoch and the number of the batch, what is drawn.

    Raises:
        ValueError: If `sizes_px` is empty.

    Example:
        >>> model.fit(random_batch_sizes(data.epochs, (224, 256, 288)).passes())

    Reference:
        Bag of Freebies for Training Object Detection Neural Networks, Z. Zhang et al.,
        arXiv:1902.04103, section 3.5.
    """
    if not sizes_px:
        raise ValueError("`sizes_px` must name at least one size, e.g. (224, 256, 288).")
    sizes = tf.constant(list(sizes_px), tf.int32)

    def resize(key: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        draws = tf.random.stateless_uniform([2], key, maxval=len(sizes_px), dtype=tf.int32)
        resized = tf.image.resize(images, tf.gather(sizes, draws))
        return tf.ensure_shape(resized, [None, None, None, images.shape[-1]]), labels

    return epochs.map_with_key(resize, seed)
