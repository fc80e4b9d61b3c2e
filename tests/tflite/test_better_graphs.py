"""Operations that XNNPACK leaves to slower kernels, in the form in which it runs them."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert, inspect
from keras_cv_course.tflite.conversion import rewrite
from keras_cv_course.tflite.flatbuffer import output_steps

SHAPE = (12, 12, 6)


def conv(x, filters=6, size=1, **options):
    return layers.Conv2D(filters, size, padding="same", bias_initializer="normal", **options)(x)


def relu_beside_a_sum(x):
    total = layers.Add()([x, conv(x)])
    return layers.Add()([total, conv(layers.ReLU()(total), size=3)])


def relu6_of_a_concatenation(x):
    return conv(layers.ReLU(6.0)(layers.Concatenate()([x, conv(x)])))


def strided_shortcut(x):
    return layers.Add()([layers.MaxPooling2D(1, 2)(x), conv(x, size=3, strides=2)])


def relu_behind_a_transposed_convolution(x):
    x = layers.BatchNormalization()(layers.Conv2DTranspose(6, 2, 2)(x))
    return conv(layers.ReLU()(x))


def many_are_concatenated(x):
    return conv(layers.Concatenate()([conv(x, 2) for _ in range(12)]))


FORMS = {
    "relu_beside_a_sum": relu_beside_a_sum,
    "relu6_of_a_concatenation": relu6_of_a_concatenation,
    "strided_shortcut": strided_shortcut,
    "relu_behind_a_transposed_convolution": relu_behind_a_transposed_convolution,
    "many_are_concatenated": many_are_concatenated,
    "average": lambda x: conv(layers.AveragePooling2D(3, 2)(layers.ReLU()(x))),
    "average_that_needs_no_padding": lambda x: conv(layers.AveragePooling2D(2, padding="same")(x)),
    "transition": lambda x: conv(layers.AveragePooling2D(2)(conv(x, 4))),
    "twice": lambda x: conv(layers.UpSampling2D()(x), size=3),
    "three_times": lambda x: conv(layers.UpSampling2D(3)(x), size=3),
}


@pytest.fixture(params=FORMS)
def model(request):
    keras.utils.set_random_seed(1)
    x = keras.Input(SHAPE, name="x")
    model = keras.Model(x, FORMS[request.param](conv(x)))
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_variance.assign([0.3, 0.5, 0.7, 1.0, 1.2, 0.2])
            layer.beta.assign([0.1, -0.2, 0.3, 0.0, -0.1, 0.2])
    return model


@pytest.fixture
def data(rng):
    return rng.uniform(-1, 1, (16, *SHAPE)).astype("float32")


def test_float_results_are_the_same(model, data):
    expected = np.asarray(model(data))
    np.testing.assert_allclose(rewrite(model)(data), expected, atol=1e-5 * np.abs(expected).max())


def test_files_are_one_partition(model, data, tmp_path):
    expected = np.asarray(model(data))
    path = convert(model, tmp_path / "m.tflite", calibration_data=data).path
    report = inspect(path, validate=False)
    assert (report.partitions, report.outside) == (1, ())
    assert report.operators.count("QUANTIZE") == report.operators.count("DEQUANTIZE") == 1
    # Five roundings in a row, of one step each at most.
    apart = np.abs(TFLiteModel(path, validate=False).predict(data) - expected)
    (step,) = output_steps(path.read_bytes())
    assert apart.max() <= 5 * step
    aware = quantize_aware(model, data)
    path = convert(aware, tmp_path / "a.tflite").path
    report = inspect(path, validate=False)
    assert (report.partitions, report.outside) == (1, ())
    outputs = TFLiteModel(path, validate=False).predict(data)
    (step,) = output_steps(path.read_bytes())
    assert np.abs(outputs - aware.predict_on_batch(data)).max() <= 1.01 * step


def test_a_transition_is_one_convolution():
    """By hand: the average of 4 pixels, times 3, plus 1."""
    x = keras.Input((2, 2, 1))
    line = layers.Conv2D(1, 1)
    model = keras.Model(x, layers.AveragePooling2D(2)(line(x)))
    line.set_weights([np.full((1, 1, 1, 1), 3.0), np.array([1.0])])
    written = rewrite(model)
    (merged,) = [layer for layer in written.layers if layer.weights]
    np.testing.assert_allclose(merged.kernel[..., 0, 0], np.full((2, 2), 0.75))
    np.testing.assert_allclose(merged.bias, [1.0])
    assert float(written(np.float32([[[[1], [2]], [[3], [6]]]]))[0, 0, 0, 0]) == 10.0


def test_pixels_stay_where_they_are():
    """By hand: nearest pixels, by channels that become pixels."""
    x = keras.Input((1, 2, 1))
    written = rewrite(keras.Model(x, layers.UpSampling2D()(x)))
    assert any(type(o).__name__ == "DepthToSpace" for o in written.operations)
    rows = np.asarray(written(np.float32([[[[5], [7]]]])))[0, ..., 0]
    np.testing.assert_array_equal(rows, [[5, 5, 7, 7], [5, 5, 7, 7]])


@pytest.mark.parametrize("name", ["average", "transition"])
def test_what_is_kept_in_float_stays_whole(name):
    x = keras.Input(SHAPE)
    pooled = layers.AveragePooling2D(2, name="average")(layers.Conv2D(4, 1, name="transition")(x))
    model = rewrite(keras.Model(x, pooled), keep_float=[name])
    assert (
        type(model.get_layer(name)).__name__
        == {
            "average": "AveragePooling2D",
            "transition": "Conv2D",
        }[name]
    )


def test_padded_averages_stay(data):
    """Keras leaves padding out of the mean, which a convolution cannot."""
    x = keras.Input(SHAPE)
    model = keras.Model(x, layers.AveragePooling2D(3, 1, padding="same")(x))
    assert any(isinstance(layer, layers.AveragePooling2D) for layer in rewrite(model).layers)


def test_moves_between_channels_and_pixels(data, tmp_path):
    x = keras.Input(SHAPE, name="x")
    y = ops.depth_to_space(conv(ops.space_to_depth(conv(x), 2), 8), 2)
    aware = quantize_aware(keras.Model(x, conv(y)), data)
    path = convert(aware, tmp_path / "m.tflite").path
    assert {"DEPTH_TO_SPACE", "SPACE_TO_DEPTH"} <= set(inspect(path, validate=False).operators)
    (step,) = output_steps(path.read_bytes())
    apart = TFLiteModel(path, validate=False).predict(data) - aware.predict_on_batch(data)
    assert np.abs(apart).max() <= 1.01 * step
