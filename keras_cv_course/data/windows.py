"""Windows on images: one geometry for pixels, boxes, points and masks."""

from dataclasses import dataclass

import tensorflow as tf

GREY = 114.0
# In masks, what has no class.
IGNORE_VALUE = 255
# How much of a box must be left in a window, as a share of its area.
_LEAST_LEFT = 0.3

Labels = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Window:
    """The part of each image of a batch that is seen, which may reach out of the image.

    Attributes:
        start: float32 `(n, 2)`, xy of the window's corner in pixels of the image.
        side: float32 `(n, 2)`, xy of its width and height in parts of the image's.
        size_px: (height, width) of the images.
        seen_px: (height, width) in which the window is shown.
    """

    start: tf.Tensor
    side: tf.Tensor
    size_px: tuple[int, int]
    seen_px: tuple[int, int]

    @property
    def step(self) -> tf.Tensor:
        """Pixels of the image for one pixel of what is seen, float32 `(n, 2)` xy."""
        return self.side * _xy(self.size_px) / _xy(self.seen_px)

    def images(self, images: tf.Tensor) -> tf.Tensor:
        """Returns what is seen of images `(n, height, width, channels)`; grey around them."""
        return self._sampled(images, "bilinear", GREY)

    def masks(self, masks: tf.Tensor) -> tf.Tensor:
        """Returns what is seen of masks `(n, height, width)`, of the nearest pixel; 255 around."""
        seen = self._sampled(masks[..., None], "nearest", IGNORE_VALUE)
        return tf.cast(seen[..., 0], masks.dtype)

    def points(self, points: tf.Tensor) -> tf.Tensor:
        """Returns points `(n, points, 2)`, xy in pixels; NaN for those that are not seen."""
        moved = (points - self.start[:, None]) / self.step[:, None]
        inside = tf.reduce_all((moved >= 0) & (moved <= _xy(self.seen_px)), axis=-1, keepdims=True)
        return tf.where(inside, moved, float("nan"))

    def boxes(self, labels: Labels) -> Labels:
        """Returns "boxes", "labels" and "weights" of what is left of boxes.

        Those with at least 0.3 of their area left stay, clipped at the border.
        """
        moved = labels["boxes"] - tf.tile(self.start, (1, 2))[:, None]
        moved /= tf.tile(self.step, (1, 2))[:, None]
        boxes = tf.clip_by_value(moved, 0.0, tf.tile(_xy(self.seen_px), (2,)))
        left = tf.math.divide_no_nan(_area(boxes), _area(moved))
        kept = (labels["labels"] >= 0) & (left >= _LEAST_LEFT)
        return {
            "boxes": tf.where(kept[..., None], boxes, 0.0),
            "labels": tf.where(kept, labels["labels"], -1),
            "weights": tf.where(kept, labels["weights"], 0.0),
        }

    def labels(self, labels: Labels) -> Labels:
        """Returns what is known of the images: boxes, "points" and "masks", whatever is there."""
        seen = self.boxes(labels) if "boxes" in labels else {}
        for name, move in (("points", self.points), ("masks", self.masks)):
            if name in labels:
                seen[name] = move(labels[name])
        return seen

    def _sampled(self, images: tf.Tensor, method: str, around: float) -> tf.Tensor:
        pixels = _xy(self.size_px)
        # crop_and_resize puts the corners of the window on middles of pixels; here they are on
        # edges.
        first = self.start + (self.step - 1.0) / 2
        last = first + self.step * (_xy(self.seen_px) - 1.0)
        # A window inside the image does not see behind the middles of its outermost pixels.
        inside = self.side <= 1.0
        first = tf.where(inside, tf.maximum(first, 0.0), first)
        last = tf.where(inside, tf.minimum(last, pixels - 1.0), last)
        corners = tf.concat([first, last], axis=1) / tf.tile(pixels - 1.0, (2,))
        yxyx = tf.gather(corners, [1, 0, 3, 2], axis=1)
        rows = tf.range(tf.shape(images)[0])
        return tf.image.crop_and_resize(
            images, yxyx, rows, self.seen_px, method=method, extrapolation_value=around
        )


def _xy(size_px: tuple[int, int]) -> tf.Tensor:
    return tf.constant(size_px[::-1], tf.float32)


def _area(boxes: tf.Tensor) -> tf.Tensor:
    return tf.reduce_prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
