import keras
import numpy as np
import pytest

from keras_cv_course.blocks.space_to_depth import space_to_depth


def test_each_2x2_pixels_become_one(rng):
    x = keras.Input((4, 6, 3))
    model = keras.Model(x, space_to_depth(x, "fold"))
    images = rng.normal(size=(2, 4, 6, 3)).astype(np.float32)
    outputs = np.asarray(model(images))
    assert outputs.shape == (2, 2, 3, 12)
    for row in range(2):
        for column in range(3):
            pixels = images[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            np.testing.assert_array_equal(outputs[:, row, column], pixels.reshape(2, 12))


@pytest.mark.parametrize("shape", [(3, 4, 2), (4, 5, 2), (None, 4, 2)])
def test_odd_and_unknown_sizes_are_refused(shape):
    with pytest.raises(ValueError, match="`x` must have an even height and width"):
        space_to_depth(keras.Input(shape), "fold")
