import keras
import numpy as np
import pytest

from keras_cv_course.layers.bilinear import BilinearInitializer


@pytest.mark.parametrize(("kernel", "strides"), [(4, 2), (3, 2), (16, 8), (64, 32)])
def test_ramps_stay_ramps(kernel, strides):
    layer = keras.layers.Conv2DTranspose(
        2, kernel, strides, "same", use_bias=False, kernel_initializer=BilinearInitializer()
    )
    y, x = np.mgrid[0:8, 0:10].astype("float32")
    maps = np.stack([2 * x - y, 3 + y], -1)[None]
    outputs = np.asarray(layer(maps))[0]
    inside = outputs[strides:-strides, strides:-strides]
    for values, slopes in ((inside[..., 0], (-1, 2)), (inside[..., 1], (1, 0))):
        for axis, slope in enumerate(slopes):
            np.testing.assert_allclose(np.diff(values, axis=axis), slope / strides, atol=1e-4)
    if kernel % 2 == 0:  # Half a pixel lies between the old grid and the new one.
        corner = outputs[strides, strides]
        place = 1 + (0.5 - strides / 2) / strides
        np.testing.assert_allclose(corner, [place, 3 + place], atol=1e-4)


def test_it_is_saved_and_needs_a_filter_for_each_channel(tmp_path):
    again = keras.initializers.deserialize(keras.initializers.serialize(BilinearInitializer()))
    np.testing.assert_array_equal(again((4, 4, 2, 2)), BilinearInitializer()((4, 4, 2, 2)))
    with pytest.raises(ValueError, match=r"Received: 2 filters for 3 channels"):
        BilinearInitializer()((4, 4, 2, 3))
