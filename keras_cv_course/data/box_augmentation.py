"""Changes of images, their boxes and masks: flip, crop, zoom, colour, mosaic and mixup.

Flip and colour are Keras' own layers. Two of Keras' layers do not keep boxes, and are not used:
`RandomCrop` shifts them along the wrong axes, and `MixUp` cannot be called with boxes in tf.data
(both in Keras 3.15). `RandomZoom` and `RandomTranslation` keep boxes of which a sliver is left.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_cv_course._validation import check_choice, check_positive, check_rate
from keras_cv_course.data.augmentation import colour_jitter
from keras_cv_course.data.detection import Batches, BoundingBoxes, padded
from keras_cv_course.data.epochs import Epochs, as_epochs
from keras_cv_course.data.windows import Labels, Window

STEPS = ("mosaic", "mixup", "window", "flip", "colour")
_DEFAULT_STEPS = ("window", "flip", "colour")
# Of the image's side: from a close look to a distant one, with a border around.
_WINDOW_SIDES = (0.5, 1.3)
_WINDOW_STRETCH = 1.3
# Of the side of four images side by side.
_MOSAIC_SIDES = (0.45, 0.9)
MIXUP_ALPHA = 1.5


def augmented_boxes(
    batches: Batches,
    steps: Sequence[str] = _DEFAULT_STEPS,
    seed: int = 0,
    share: float = 1.0,
    window_sides: tuple[float, float] = _WINDOW_SIDES,
    mixup_alpha: float = MIXUP_ALPHA,
) -> Batches:
    """Returns batches whose images, boxes and masks are augmented differently in every epoch.

    Args:
        batches: Batches of `(images, labels)`, as `detection_epochs` and `segmentation_epochs` give
            them, or `detection_batches`, shuffled. `labels` hold bounding boxes, "masks", uint8
            `(n, height, width)` with 255 for what has no class, or both.
        steps: Some of these, which are done in this order: "mosaic" makes one image of four,
            "mixup" blends two, "window" crops and zooms, "flip" mirrors left and right, "colour"
            changes brightness, contrast, saturation and hue.
        seed: Decides all that is random, with the epoch and the number of the batch.
        share: Share of the batches that get "mosaic" and "mixup"; the others are left to the other
            steps.
        window_sides: Smallest and largest side of "window", as a share of the image's. Near 1 is
            for objects of one size, as under a microscope.
        mixup_alpha: Both parameters of the Beta distribution of the shares of "mixup".

    Returns:
        Batches of the same shapes; with "mosaic" or "mixup" boxes beyond the padded number are left
        out. `Epochs` of `Epochs`.

    Raises:
        ValueError: If a step is unknown, `share` is not in [0, 1], `window_sides` do not grow from
            above 0, the number of batches is not known, masks are to be blended or points mirrored.

    Example:
        >>> train = augmented_boxes(train, ("mosaic", "flip", "colour"))

    Reference:
        "SSD: Single Shot MultiBox Detector", arXiv:1512.02325, section 2.2 (crops and zoom);
        "YOLOv4", arXiv:2004.10934, section 3.3 (mosaic); "Bag of Freebies for Training Object
        Detection Neural Networks", arXiv:1902.04103, section 3.1 (mixup).
    """
    for step in steps:
        check_choice("steps", step, STEPS)
    if share != 1.0:
        check_rate("share", share)
    if not 0 < window_sides[0] <= window_sides[1]:
        raise ValueError(
            "`window_sides` must be two shares above 0, the smaller first, e.g. (0.8, 1.2). "
            f"Received: {window_sides!r}."
        )
    mixing: dict[str, Callable[..., tuple[tf.Tensor, Labels]]] = {
        "mosaic": mosaic,
        "mixup": partial(detection_mixup, alpha=mixup_alpha),
    }

    def change(key: tf.Tensor, images: tf.Tensor, labels: Labels) -> tuple[tf.Tensor, Labels]:
        # The first would be drawn from by Keras' layers too, see `map_random`.
        window, *own = tf.unstack(tf.random.split(key, 2 + len(mixing)))[1:]
        chosen = tf.random.stateless_uniform((), tf.random.fold_in(key, 1)) < share
        for (step, mix), drawn in zip(mixing.items(), own, strict=True):
            if step in steps:
                images, labels = tf.cond(
                    chosen,
                    partial(mix, images, labels, drawn),
                    lambda i=images, b=labels: (i, b),
                )
        if "window" in steps:
            images, labels = random_window(images, labels, window, window_sides)
        return images, labels

    layers = [_layer(step) for step in ("flip", "colour") if step in steps]
    changed = as_epochs(batches).map_with_key(change, seed)
    if layers:
        changed = changed.map_random(partial(_through, layers), layers, seed)
    return changed if isinstance(batches, Epochs) else changed.passes()


def random_window(
    images: tf.Tensor,
    labels: Labels,
    seed: tf.Tensor,
    sides: tuple[float, float] = _WINDOW_SIDES,
    stretch: float = _WINDOW_STRETCH,
    size: tuple[int, int] | None = None,
) -> tuple[tf.Tensor, Labels]:
    """Returns a random part of each image, enlarged, or the image made smaller in grey.

    Boxes go along, and so do points and masks, see `Window`. Boxes with at least 0.3 of their area
    left stay, clipped at the border.

    Args:
        images: float32 `(n, height, width, channels)` in 0 to 255.
        labels: Boxes, labels and weights, padded; "points"; "masks".
        seed: Whole numbers `(2,)`, for `tf.random.stateless_uniform`.
        sides: Smallest and largest side of the window, as a share of the image's.
        stretch: Largest factor by which the aspect ratio changes; at least 1.
        size: (height, width) of the result; None is that of `images`.

    Returns:
        Images and boxes of the same numbers.
    """
    height, width = images.shape[1:3]
    batch = tf.shape(images)[0]
    scale_seed, ratio_seed, place_seed = tf.unstack(tf.random.split(seed, 3))
    scale = tf.random.stateless_uniform((batch, 1), scale_seed, *sides)
    log = tf.math.log(float(stretch)) / 2
    ratio = tf.exp(tf.random.stateless_uniform((batch, 1), ratio_seed, -log, log))
    side = tf.concat([scale * ratio, scale / ratio], axis=1)  # (batch, xy), in parts
    place = tf.random.stateless_uniform((batch, 2), place_seed)
    start = place * (1.0 - side)  # Below 0 where the window is larger than the image.
    pixels = tf.constant([width, height], tf.float32)
    window = Window(start * pixels, side, (height, width), size or (height, width))
    return window.images(images), window.labels(labels)


def mosaic(images: tf.Tensor, labels: Labels, seed: tf.Tensor) -> tuple[tf.Tensor, Labels]:
    """Returns images that show parts of four of the batch each, side by side.

    Four images make one of twice the height and width, and a window of about its half is cut
    out of it, so that objects are mostly smaller than before.

    Args:
        images: float32 `(n, height, width, channels)` in 0 to 255.
        labels: Boxes, labels and weights, padded; "points"; "masks".
        seed: Whole numbers `(2,)`.

    Returns:
        Images and boxes of the same shapes; boxes beyond the padded number are left out.

    Reference:
        "YOLOv4", arXiv:2004.10934, section 3.3 and figure 3.
    """
    height, width = images.shape[1:3]
    together: Labels = {}
    if "masks" in labels:
        together["masks"] = _four(labels["masks"])
    if "boxes" in labels:
        together |= _boxes_of_four(labels, height, width)
    images, seen = random_window(_four(images), together, seed, _MOSAIC_SIDES, size=(height, width))
    if "boxes" in labels:
        seen |= padded(seen, labels["labels"].shape[1])
    return images, seen


def _four(maps: tf.Tensor) -> tf.Tensor:
    """Returns each map of a batch with the three before it, two by two."""
    four = [maps] + [tf.roll(maps, shift, axis=0) for shift in (1, 2, 3)]
    return tf.concat([tf.concat(four[:2], axis=2), tf.concat(four[2:], axis=2)], axis=1)


def _boxes_of_four(boxes: BoundingBoxes, height: int, width: int) -> BoundingBoxes:
    names = ("boxes", "labels", "weights")
    parts = []
    for shift, (x, y) in enumerate(((0, 0), (width, 0), (0, height), (width, height))):
        part = {name: tf.roll(boxes[name], shift, axis=0) for name in names}
        parts.append(part | {"boxes": part["boxes"] + tf.constant([x, y, x, y], tf.float32)})
    return {name: tf.concat([part[name] for part in parts], axis=1) for name in names}


def detection_mixup(
    images: tf.Tensor, bounding_boxes: BoundingBoxes, seed: tf.Tensor, alpha: float = MIXUP_ALPHA
) -> tuple[tf.Tensor, BoundingBoxes]:
    """Returns blends of two images of the batch each, with the boxes of both.

    Nothing is resized: images of a batch have one canvas. The share of an image is the weight
    of its boxes.

    Args:
        images: float32 `(n, height, width, channels)`.
        bounding_boxes: Boxes, labels and weights, padded.
        seed: Whole numbers `(2,)`.
        alpha: Both parameters of the Beta distribution that the shares are drawn from.

    Returns:
        Images and boxes of the same shapes; boxes beyond the padded number are left out.

    Reference:
        "Bag of Freebies for Training Object Detection Neural Networks", arXiv:1902.04103, section
        3.1: shares of a Beta distribution with both parameters 1.5.
    """
    if "masks" in bounding_boxes:
        raise ValueError(
            '"mixup" blends images, and a pixel of a mask has one class. Leave it out of `steps`.'
        )
    max_boxes = bounding_boxes["labels"].shape[1]
    batch = tf.shape(images)[0]
    first, second = (
        tf.random.stateless_gamma((batch,), own, alpha)
        for own in tf.unstack(tf.random.split(seed, 2))
    )
    share = first / (first + second)  # Beta, from two Gammas.
    blended = blend(images, tf.roll(images, 1, axis=0), share[:, None, None, None])
    other = {name: tf.roll(value, 1, axis=0) for name, value in bounding_boxes.items()}
    both = {name: tf.concat([bounding_boxes[name], other[name]], axis=1) for name in bounding_boxes}
    shares = [bounding_boxes["weights"] * share[:, None], other["weights"] * (1.0 - share)[:, None]]
    both["weights"] = tf.concat(shares, axis=1)
    return tf.ensure_shape(blended, images.shape), padded(both, max_boxes)


def blend(first: tf.Tensor, second: tf.Tensor, share: Any) -> tf.Tensor:
    """Returns two images laid over each other, on a canvas that holds both.

    Args:
        first: float32 `(..., height, width, channels)`.
        second: Another, of the same number of channels.
        share: Of the first, in [0, 1].

    Returns:
        float32 of the larger height and the larger width; both images are in the upper left
        corner, so that their boxes stay where they are.
    """
    sizes = [tf.shape(image)[-3:-1] for image in (first, second)]
    canvas = tf.maximum(*sizes)
    on_canvas = [
        tf.pad(
            image,
            [(0, 0)] * (len(image.shape) - 3)
            + [(0, canvas[0] - size[0]), (0, canvas[1] - size[1]), (0, 0)],
        )
        for image, size in zip((first, second), sizes, strict=True)
    ]
    return share * on_canvas[0] + (1.0 - share) * on_canvas[1]


def random_shapes(
    batches: Batches, sizes: Sequence[int], divisor: int = 32, seed: int = 0
) -> Batches:
    """Returns batches each resized to a random height and width, for networks of any input size.

    Args:
        batches: Batches of `(images, bounding_boxes)`, a dataset or `Epochs`.
        sizes: Heights and widths in pixels to choose from, e.g. (224, 256, 288).
        divisor: What the sizes must be multiples of, the largest stride of the network.
        seed: Decides the sizes, with the epoch and the number of the batch.

    Returns:
        Batches with square images. For `with_targets` give an encoder for each size.

    Raises:
        ValueError: If there is no size, or one is not a multiple of `divisor`.

    Example:
        >>> train = random_shapes(train, (224, 256, 288))
        >>> train = with_targets(train, {(s, s): encoder_for(s) for s in (224, 256, 288)})

    Reference:
        "YOLO9000: Better, Faster, Stronger", arXiv:1612.08242, section 2, "Multi-Scale Training".
    """
    check_positive("divisor", divisor)
    if not sizes or any(size <= 0 or size % divisor for size in sizes):
        raise ValueError(
            f"`sizes` must be multiples of {divisor}, the largest stride. Received: {tuple(sizes)}."
        )
    choices = tf.constant(tuple(sizes), tf.int32)

    def resize(
        key: tf.Tensor, images: tf.Tensor, bounding_boxes: BoundingBoxes
    ) -> tuple[tf.Tensor, BoundingBoxes]:
        row = tf.random.stateless_uniform((), key, 0, len(sizes), tf.int32)
        size = tf.repeat(choices[row], 2)
        factor = tf.cast(size / tf.shape(images)[1:3], tf.float32)  # (yx,)
        boxes = bounding_boxes["boxes"] * tf.gather(factor, [1, 0, 1, 0])
        return tf.image.resize(images, size), bounding_boxes | {"boxes": boxes}

    resized = as_epochs(batches).map_with_key(resize, seed)
    return resized if isinstance(batches, Epochs) else resized.passes()


def _layer(step: str) -> keras.layers.Layer:
    if step == "flip":
        return keras.layers.RandomFlip("horizontal", bounding_box_format="xyxy")
    return colour_jitter(bounding_box_format="xyxy")


def _through(
    layers: Sequence[keras.layers.Layer], images: tf.Tensor, labels: Labels
) -> tuple[tf.Tensor, Labels]:
    data = {"images": images}
    if "boxes" in labels:
        data["bounding_boxes"] = {name: labels[name] for name in ("boxes", "labels")}
    if "masks" in labels:
        # A layer of float32 holds class numbers to 255 exactly.
        data["segmentation_masks"] = labels["masks"][..., None]
    if "points" in labels and any(isinstance(x, keras.layers.RandomFlip) for x in layers):
        raise ValueError(
            '"flip" cannot take "points" along: it would have to know which of them change names, '
            "as a left eye does. Leave it out of `steps`."
        )
    for layer in layers:
        data = layer(data, training=True)
    changed = dict(labels)
    if "boxes" in labels:
        boxes = data["bounding_boxes"] | {"weights": labels["weights"]}
        changed |= padded(boxes, labels["labels"].shape[1])
    if "masks" in labels:
        changed["masks"] = tf.cast(data["segmentation_masks"][..., 0], labels["masks"].dtype)
    return data["images"], changed
