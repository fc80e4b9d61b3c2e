import numpy as np
import tensorflow as tf

from keras_cv_course.data import Epochs
from keras_cv_course.data.largest_box import with_largest_box


def test_the_largest_box_is_taken_in_parts_of_the_image():
    boxes = np.zeros((3, 2, 4), np.float32)
    boxes[0] = [[0, 0, 4, 4], [8, 4, 16, 10]]
    boxes[1] = [[1, 2, 9, 8], [0, 0, 16, 16]]  # the second is padding
    bounding_boxes = {"boxes": boxes, "labels": np.int32([[2, 1], [3, -1], [-1, -1]])}
    images = np.full((3, 16, 16, 3), 255, np.float32)
    epochs = Epochs(lambda _: tf.data.Dataset.from_tensors((images, bounding_boxes)), 1)
    pixels, targets, weights = next(
        with_largest_box(epochs, (16, 16), (-1.0, 1.0)).since(0).as_numpy_iterator()
    )
    np.testing.assert_allclose(pixels, np.ones_like(images), atol=1e-6)
    expected = [[0.5, 0.25, 0.5, 0.375], [1 / 16, 1 / 8, 0.5, 0.375], [0, 0, 0, 0]]
    np.testing.assert_allclose(targets["boxes"], expected)
    assert targets["classes"].tolist() == [1, 3, 0]
    assert targets["objectness"].tolist() == [[1], [1], [0]]
    assert weights["boxes"].tolist() == weights["classes"].tolist() == [1, 1, 0]
    assert weights["objectness"].tolist() == [1, 1, 1]


def test_height_and_width_are_not_mixed_up():
    bounding_boxes = {"boxes": np.float32([[[4, 2, 8, 6]]]), "labels": np.int32([[0]])}
    data = tf.data.Dataset.from_tensors((np.zeros((1, 8, 32, 3), np.float32), bounding_boxes))
    _, targets, _ = next(
        with_largest_box(Epochs(lambda _: data, 1), (8, 32)).since(0).as_numpy_iterator()
    )
    np.testing.assert_allclose(targets["boxes"], [[0.125, 0.25, 0.125, 0.5]])
