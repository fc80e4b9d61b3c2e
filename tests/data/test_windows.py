import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from keras_cv_course.data.box_augmentation import augmented_boxes, detection_mixup, mosaic
from keras_cv_course.data.windows import Window

SIZE = (8, 12)


def window(start, side, seen=SIZE):
    return Window(tf.constant([start], tf.float32), tf.constant([side], tf.float32), SIZE, seen)


def test_masks_are_what_indexing_gives(rng):
    masks = rng.integers(0, 5, (1, *SIZE), np.uint8)
    part = window([2, 4], [0.5, 0.5], (4, 6)).masks(tf.constant(masks))
    np.testing.assert_array_equal(part[0], masks[0, 4:8, 2:8])
    doubled = window([2, 4], [0.5, 0.5]).masks(tf.constant(masks))
    np.testing.assert_array_equal(doubled[0], masks[0, 4:8, 2:8].repeat(2, 0).repeat(2, 1))
    assert doubled.dtype == tf.uint8
    around = window([-6, -4], [2.0, 2.0], (16, 24)).masks(tf.constant(masks))
    np.testing.assert_array_equal(around[0, 4:12, 6:18], masks[0])
    assert (np.asarray(around) == 255).sum() == 16 * 24 - 8 * 12


def test_points_go_along_with_boxes_and_pixels():
    seen = window([2, 4], [0.5, 0.5])
    points = tf.constant([[[2.0, 4.0], [5.0, 6.0], [9.0, 6.0]]])
    moved = np.asarray(seen.points(points))[0]
    np.testing.assert_allclose(moved[:2], [[0, 0], [6, 4]])
    assert np.isnan(moved[2]).all()  # it lies outside
    bounding_boxes = {
        "boxes": tf.constant([[[2.0, 4.0, 5.0, 6.0]]]),
        "labels": tf.constant([[1]]),
        "weights": tf.ones((1, 1)),
    }
    np.testing.assert_allclose(seen.boxes(bounding_boxes)["boxes"][0, 0], [0, 0, 6, 4])
    assert set(seen.labels({**bounding_boxes, "points": points})) == {
        "boxes",
        "labels",
        "weights",
        "points",
    }


def scenes(count=6):
    """Images whose red says the class of each pixel."""
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 4, (count, 6, 8)).repeat(4, 1).repeat(4, 2).astype(np.uint8)
    images = np.stack([masks * 60.0] * 3, -1).astype(np.float32)
    return tf.constant(images), {"masks": tf.constant(masks)}


@pytest.mark.parametrize("steps", [("flip",), ("window", "flip"), ("mosaic",)])
def test_masks_stay_with_their_images(steps):
    images, targets = scenes()
    source = tf.data.Dataset.from_tensors((images, targets))
    ((changed, seen),) = augmented_boxes(source, steps, seed=1, window_sides=(0.5, 1.3))
    masks = np.asarray(seen["masks"])
    assert masks.dtype == np.uint8
    assert not np.array_equal(masks, targets["masks"])
    inside = masks != 255
    # Between two classes an image shows what lies between their greys.
    same = np.abs(np.asarray(changed)[..., 0] - masks * 60.0) < 1
    around = {"size": (1, 3, 3), "mode": "constant", "cval": 254}
    smooth = ndimage.minimum_filter(masks, **around) == ndimage.maximum_filter(masks, **around)
    assert smooth.sum() > 500
    assert same[smooth & inside].all()


def test_a_mosaic_keeps_boxes_and_masks_together():
    images, targets = scenes()
    boxes = tf.constant([[[0.0, 0.0, 32.0, 24.0]]] * 6)
    targets |= {"boxes": boxes, "labels": tf.zeros((6, 1), tf.int32), "weights": tf.ones((6, 1))}
    seen = mosaic(images, targets, tf.constant([1, 2]))[1]
    assert seen["masks"].shape == (6, 24, 32)
    assert seen["boxes"].shape == (6, 1, 4)


def test_what_has_no_meaning_for_masks_and_points_is_refused():
    images, targets = scenes()
    with pytest.raises(ValueError, match=r"\"mixup\" blends images, and a pixel of a mask"):
        detection_mixup(images, targets, tf.constant([1, 2]))
    source = tf.data.Dataset.from_tensors((images, {"points": tf.zeros((6, 2, 2))}))
    with pytest.raises(ValueError, match=r"\"flip\" cannot take \"points\" along"):
        augmented_boxes(source, ("flip",))
