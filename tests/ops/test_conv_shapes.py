import keras
import pytest

from keras_cv_course import conv_output_shape, conv_params, pool_output_shape


def test_published_layers():
    assert conv_output_shape((227, 227, 3), 96, 11, 4) == (55, 55, 96)
    assert pool_output_shape((55, 55, 96), 3, 2) == (27, 27, 96)
    assert conv_output_shape((27, 27, 96), 256, 5, 1, 2) == (27, 27, 256)
    assert conv_params(3, 96, 11) == 34_944
    assert conv_params(3, 96, 11, use_bias=False) == 34_848


@pytest.mark.parametrize("seed", range(20))
def test_keras_has_the_same_shapes_and_parameters(rng, seed):
    rng = type(rng)(type(rng.bit_generator)(seed))
    height, width, channels = (int(n) for n in rng.integers(9, 24, 3))
    kernel, strides = (tuple(int(n) for n in rng.integers(1, 6, 2)) for _ in range(2))
    padding = tuple(int(n) for n in rng.integers(0, 3, 2))
    image = keras.Input((height, width, channels))
    x = keras.layers.ZeroPadding2D(padding)(image)
    # One stride for both axes is what Keras on TensorFlow takes.
    conv = keras.layers.Conv2D(5, kernel, strides[0])
    assert conv(x).shape[1:] == conv_output_shape(
        (height, width, channels), 5, kernel, strides[0], padding
    )
    assert conv.count_params() == conv_params(channels, 5, kernel)
    pool = keras.layers.MaxPooling2D(kernel, strides)
    assert pool(image).shape[1:] == pool_output_shape((height, width, channels), kernel, strides)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"`kernel_size` must fit into the input\. Received: 7"):
        conv_output_shape((4, 9, 3), 8, 7, padding=1)
    with pytest.raises(ValueError, match=r"`padding` must be 0 or more"):
        conv_output_shape((4, 9, 3), 8, 3, padding=-1)
    with pytest.raises(ValueError, match=r"`strides` must be a whole number above 0"):
        pool_output_shape((4, 9, 3), 2, 0)
    with pytest.raises(ValueError, match=r"`kernel_size` must be a whole number above 0"):
        conv_params(3, 8, (3, 0))
