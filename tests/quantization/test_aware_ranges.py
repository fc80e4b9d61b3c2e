"""Ranges and the arithmetic of rounding, by hand, by NumPy and by tfmot itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_cv_course.quantization import calibrate, quantize_aware, strip, summary, tfmot
from keras_cv_course.quantization.fake_quantization import FakeQuantize
from keras_cv_course.quantization.operations.leaky_relu import QuantizedPReLU
from keras_cv_course.quantization.operations.linear import (
    QuantizedConv2D,
    QuantizedConv2DTranspose,
    QuantizedDense,
    QuantizedDepthwiseConv2D,
)

MAP = (6, 6, 4)


def rows(model, kind="activation"):
    return {r.layer: (r.low, r.high, r.count) for r in summary(model).rows if r.kind == kind}


def tiny():
    """relu(2x + 1), relu(-x): weights that lie on their int8 grids."""
    x = keras.Input((1,), name="x")
    y = layers.ReLU(name="y")(layers.Dense(2, name="line")(x))
    model = keras.Model(x, y, name="tiny")
    model.get_layer("line").set_weights([np.array([[2.0, -1.0]]), np.array([1.0, 0.0])])
    return model


def column(*values):
    return np.array(values, "float32")[:, np.newaxis]


def test_calibration_takes_the_extremes_of_all_batches():
    data = np.zeros((70, 1), "float32")
    data[5], data[66] = -1.0, 3.0
    aware = quantize_aware(tiny(), calibration_data=data)
    assert rows(aware) == {"x_range": (-1.0, 3.0, 1), "y": (0.0, 7.0, 1)}


def test_range_holds_0():
    assert rows(quantize_aware(tiny(), column(0.5, 3.0)))["x_range"] == (0.0, 3.0, 1)
    assert rows(quantize_aware(tiny(), column(-2.0, -1.0)))["x_range"] == (-2.0, 0.0, 1)


@pytest.mark.parametrize("targets", [False, True])
def test_calibration_forgets_and_takes_datasets(targets):
    aware = quantize_aware(tiny(), calibration_data=column(-9.0, 9.0))
    values = column(-1.0, 2.0, 3.0)
    data = tf.data.Dataset.from_tensor_slices((values, values) if targets else values)
    calibrate(aware, data.batch(2))
    assert rows(aware) == {"x_range": (-1.0, 3.0, 1), "y": (0.0, 7.0, 1)}


def test_calibration_changes_nothing_but_ranges():
    aware = quantize_aware(tiny())
    weights = aware.get_layer("line").get_weights()
    calibrate(aware, column(-1.0, 3.0))
    for old, new in zip(weights, aware.get_layer("line").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    # 4/255 and 7/255 are the steps; 2x + 1 takes twice the error of x.
    outputs = aware.predict(column(-0.3, 1.7), verbose=0)
    np.testing.assert_allclose(outputs, [[0.4, 0.3], [4.4, 0.0]], atol=4 / 255 + 3.5 / 255)


def test_range_starts_with_the_first_batch_and_is_an_average_then():
    aware = quantize_aware(tiny())
    aware.compile(keras.optimizers.SGD(0.0), "mse")
    assert rows(aware) == {"x_range": (0.0, 0.0, 1), "y": (0.0, 0.0, 1)}
    # Steps of 0.02, 50 of them below 0: rounding does not change -1, 0 and 4.1.
    aware.train_on_batch(column(-1.0, 4.1), np.zeros((2, 2)))
    summary_rows = rows(aware)
    np.testing.assert_allclose(summary_rows["x_range"], (-1.0, 4.1, 1), rtol=1e-6)
    np.testing.assert_allclose(summary_rows["y"], (0.0, 9.2, 1), atol=1e-5)
    aware.train_on_batch(column(1.0, 5.1), np.zeros((2, 2)))
    summary_rows = rows(aware)
    # 0.999 of before and 0.001 of the batch, whose extremes are 0 and 5.1.
    np.testing.assert_allclose(summary_rows["x_range"], (-0.999, 4.101, 1), atol=1e-6)
    # 5.1 is cut off at 4.101, so that 2x + 1 is 9.202 and the average 9.200002.
    np.testing.assert_allclose(summary_rows["y"], (0.0, 9.2, 1), atol=1e-4)
    aware.predict(column(-50.0, 50.0), verbose=0)
    aware.evaluate(column(-50.0, 50.0), np.zeros((2, 2)), verbose=0)
    assert rows(aware) == summary_rows


def concatenated():
    x = keras.Input(MAP, name="x")
    wide = layers.Conv2D(2, 1, name="wide")(x)
    narrow = layers.ReLU(6.0, name="narrow")(layers.Conv2D(3, 1, name="inner")(x))
    both = layers.Concatenate(name="both")([wide, narrow])
    return keras.Model(x, layers.Conv2D(2, 1, name="y")(both))


def union(*parts):
    return min(0.0, *(p.min() for p in parts)), max(0.0, *(p.max() for p in parts))


def test_concatenated_tensors_have_the_union_of_their_ranges(rng):
    model = concatenated()
    model.get_layer("wide").set_weights([-3 * np.ones((1, 1, 4, 2)), np.zeros(2)])
    data = rng.uniform(0, 1, (50, *MAP)).astype("float32")
    aware = quantize_aware(model, calibration_data=data)
    (shared,) = (r for r in rows(aware).values() if r[2] == 2)
    float_both = keras.Model(model.inputs, model.get_layer("both").output).predict(data, verbose=0)
    np.testing.assert_allclose(shared[:2], union(float_both), rtol=0.01)
    assert len(rows(aware)) == 3  # x, the shared one and y


def test_each_concatenated_tensor_moves_its_own_extremes_in_training(rng):
    aware = quantize_aware(concatenated())
    aware.compile(keras.optimizers.SGD(0.0), "mse")
    data = rng.uniform(0, 1, (8, *MAP)).astype("float32")
    aware.train_on_batch(data, np.zeros((8, 6, 6, 2)))
    (layer,) = (r for r in aware.layers if isinstance(r, FakeQuantize) and r.sites == 2)
    low, high = (np.array(extremes) for extremes in (layer.weights[:2], layer.weights[2:]))
    aware.train_on_batch(2 * data, np.zeros((8, 6, 6, 2)))
    assert np.any(np.array(layer.weights[:2]) != low) or np.any(np.array(layer.weights[2:]) != high)
    limits = tuple(float(limit) for limit in layer.range())
    lows, highs = np.array(layer.weights[:2]), np.array(layer.weights[2:])
    assert limits == (lows.min(), highs.max())


def encoder():
    x = keras.Input(MAP, name="image")
    y = layers.ReLU(name="act")(layers.Conv2D(3, 3, name="conv")(x))
    return keras.Model(x, layers.Dense(4, name="code")(layers.Flatten()(y)), name="encoder")


def siamese():
    left, right = keras.Input(MAP, name="left"), keras.Input(MAP, name="right")
    encode = encoder()
    return keras.Model([left, right], layers.Subtract(name="gap")([encode(left), encode(right)]))


def test_encoder_that_is_called_twice_has_one_set_of_kernels_and_ranges(rng):
    model = siamese()
    small = rng.uniform(-1, 1, (40, *MAP)).astype("float32")
    aware = quantize_aware(model, calibration_data=[small, 3 * small])
    assert set(rows(aware, "kernel")) == {"conv", "code"}
    assert len(aware.trainable_variables) == len(model.trainable_variables)
    # Left and right share a range; one more each for act, code and the difference.
    assert sorted(r[2] for r in rows(aware).values()) == [1, 1, 1, 2]
    (images,) = (r for r in rows(aware).values() if r[2] == 2)
    np.testing.assert_allclose(images[:2], union(3 * small), rtol=1e-6)
    np.testing.assert_array_equal(aware.predict([small, small], verbose=0), 0)
    expected = model.predict([small, 3 * small], verbose=0)
    outputs = aware.predict([small, 3 * small], verbose=0)
    np.testing.assert_allclose(outputs, expected, atol=0.03 * np.ptp(expected))
    np.testing.assert_array_equal(strip(aware)([small, small]), model([small, small]))


def test_encoder_trains_on_both_of_its_calls(rng):
    aware = quantize_aware(siamese())
    aware.compile(keras.optimizers.SGD(0.0), "mse")
    small = rng.uniform(-1, 1, (8, *MAP)).astype("float32")
    aware.train_on_batch([small, 3 * small], np.zeros((8, 4)))
    (images,) = (r for r in rows(aware).values() if r[2] == 2)
    np.testing.assert_allclose(images[:2], union(3 * small), rtol=1e-6)


def test_backbone_in_a_model_in_a_model(rng):
    middle_in = keras.Input(MAP, name="image")
    middle = keras.Model(middle_in, layers.Dense(3, name="dense")(encoder()(middle_in)), name="mid")
    x = keras.Input(MAP, name="x")
    model = keras.Model(x, layers.Dense(2, name="dense")(middle(x)), name="outer")
    data = rng.uniform(-1, 1, (40, *MAP)).astype("float32")
    aware = quantize_aware(model, calibration_data=data)
    assert len(rows(aware, "kernel")) == 4
    assert not any(isinstance(layer, keras.Model) for layer in aware.layers)
    expected = model.predict(data, verbose=0)
    outputs = aware.predict(data, verbose=0)
    np.testing.assert_allclose(outputs, expected, atol=0.03 * np.ptp(expected))
    np.testing.assert_array_equal(strip(aware)(data), model(data))
    assert aware.output_names == model.output_names


def test_summary_lists_each_range():
    x = keras.Input((1,), name="x")
    y = layers.Softmax(name="y")(layers.Dense(2, name="line")(x))
    model = keras.Model(x, y, name="tiny")
    model.get_layer("line").set_weights([np.array([[2.0, -1.0]]), np.array([1.0, 0.0])])
    report = summary(quantize_aware(model, column(-1.0, 3.0)))
    table = [(r.layer, r.kind, r.low, r.high, r.count) for r in report.rows]
    assert table == [
        ("x_range", "activation", -1.0, 3.0, 1),
        ("line", "kernel", -2.0, 2.0, 2),
        ("line_range", "activation", -3.0, 7.0, 1),
        ("y", "prescribed", 0.0, 255 / 256, 1),
    ]
    np.testing.assert_allclose([r.step for r in report.rows], [4 / 255, 4 / 254, 10 / 255, 1 / 256])
    assert report.to_dict()["rows"][1]["layer"] == "line"
    assert all(word in str(report) for word in ("tiny: 4 ranges", "line_range", "prescribed"))


def rounded(kernel, axes):
    """NumPy's rounding to -127..127, with one range over `axes`."""
    step = np.max(np.abs(kernel), axis=axes, keepdims=True) / 127
    return np.round(kernel / step) * step


LAYERS = {
    "conv": (QuantizedConv2D, layers.Conv2D, (5, 3), {}, (0, 1, 2)),
    "grouped": (QuantizedConv2D, layers.Conv2D, (4, 3), {"groups": 2}, (0, 1, 2)),
    "dense": (QuantizedDense, layers.Dense, (5,), {}, (0,)),
    "transpose": (QuantizedConv2DTranspose, layers.Conv2DTranspose, (5, 3, 2), {}, (0, 1, 3)),
    "depthwise": (
        QuantizedDepthwiseConv2D,
        layers.DepthwiseConv2D,
        (3,),
        {"depth_multiplier": 2},
        (0, 1),
    ),
    "depthwise_per_tensor": (
        QuantizedDepthwiseConv2D,
        layers.DepthwiseConv2D,
        (3,),
        {"per_channel": False},
        (0, 1, 2, 3),
    ),
}


def pair(name, rng):
    """Returns a quantized layer, its float form and weights for both."""
    quantized, kind, args, options, axes = LAYERS[name]
    layer = quantized(*args, **options)
    other = kind(*args, **{k: v for k, v in options.items() if k != "per_channel"})
    for each in (layer, other):
        each.build((None, *MAP))
    kernel = rng.normal(size=layer.kernel.shape).astype("float32")
    bias = rng.normal(size=layer.bias.shape).astype("float32")
    layer.set_weights([kernel, bias])
    other.set_weights([rounded(kernel, axes), bias])
    return layer, other, kernel


@pytest.mark.parametrize("name", LAYERS)
def test_kernels_are_rounded_as_numpy_does(name, rng):
    layer, other, kernel = pair(name, rng)
    x = rng.normal(size=(2, *MAP)).astype("float32")
    np.testing.assert_allclose(layer(x), other(x), atol=2e-5)  # sums of 36 products
    np.testing.assert_array_equal(layer.kernel, kernel)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_pass_the_rounding_of_kernels(name, rng):
    layer, other, _ = pair(name, rng)
    x = rng.normal(size=(2, *MAP)).astype("float32")
    gradients = []
    for each in (layer, other):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(each(x)))
        gradients.append(tape.gradient(loss, each.kernel.value))
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-2)  # sums to 1000


@pytest.mark.parametrize("per_channel", [True, False])
def test_kernels_are_rounded_as_tfmot_does(per_channel, rng):
    layer = QuantizedDepthwiseConv2D(3, per_channel=per_channel, use_bias=False)
    layer.build((None, *MAP))
    flat = rng.normal(size=(3, 3, 1, 4)).astype("float32")
    layer.set_weights([flat.reshape(layer.kernel.shape)])
    quantizer = tfmot.of_weights(per_channel)
    shape = (4,) if per_channel else ()
    extremes = {name: tf.Variable(tf.zeros(shape)) for name in ("min_var", "max_var")}
    expected = np.asarray(quantizer(tf.constant(flat), True, extremes)).reshape(layer.kernel.shape)
    one_hot = np.zeros((1, 5, 5, 4), "float32")
    one_hot[0, 2, 2] = 1.0  # gives back the kernel, turned over
    outputs = np.asarray(layer(one_hot))[0, ::-1, ::-1]
    np.testing.assert_allclose(outputs, expected[..., 0], rtol=1e-6)


def test_filter_of_zeros_stays_one(rng):
    layer = QuantizedConv2D(2, 1)
    layer.build((None, *MAP))
    kernel = rng.normal(size=(1, 1, 4, 2))
    kernel[..., 0] = 0.0
    layer.set_weights([kernel, np.array([0.5, 0.0])])
    np.testing.assert_array_equal(np.asarray(layer(np.ones((1, *MAP))))[..., 0], 0.5)


def test_slopes_of_prelu_are_rounded_with_0_on_the_grid():
    layer = QuantizedPReLU(shared_axes=[1, 2])
    layer.build((None, *MAP))
    layer.set_weights([np.array([[[-0.5, 0.1, 0.3333, 2.0]]])])
    slopes = -np.asarray(layer(-np.ones((1, *MAP), "float32")))[0, 0, 0]
    step = 2.5 / 255
    np.testing.assert_allclose(slopes, np.round(slopes / step) * step, atol=1e-6)
    np.testing.assert_allclose(slopes, [-0.5, 0.1, 0.3333, 2.0], atol=step)
    np.testing.assert_array_equal(layer(np.ones((1, *MAP))), 1.0)


@pytest.mark.parametrize("training", [True, False])
def test_activations_are_rounded_as_numpy_does_and_gradients_stop_outside(training):
    layer = FakeQuantize(frozen=True)
    layer.build((None, 5))
    layer.set_weights([np.float32(-1.0), np.float32(3.0)])
    x = np.array([[-2.0, -0.503, 0.0, 1.234, 3.5]], "float32")
    step = 4 / 255
    zero = np.round(1 / step)  # 63.75 -> 64: the range moves by a quarter of a step
    expected = (np.clip(np.round(x / step) + zero, 0, 255) - zero) * step
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=training)
    np.testing.assert_allclose(y, expected, atol=1e-6)
    np.testing.assert_array_equal(tape.gradient(y, x), [[0, 1, 1, 1, 0]])


def test_prescribed_range_has_no_weights_and_does_not_move():
    layer = FakeQuantize(fixed_range=(0.0, 255 / 256))
    x = np.array([[0.0, 0.3, 1.5]], "float32")
    expected = [[0.0, 77 / 256, 255 / 256]]
    for training in (False, True):
        np.testing.assert_allclose(layer(x, training=training), expected, atol=1e-6)
    assert not layer.weights


def test_a_given_input_range_is_not_measured():
    aware = quantize_aware(tiny(), column(0.0, 0.25), input_range=(-1.0, 1.0))
    assert rows(aware, "prescribed")["x_range"][:2] == (-1.0, 1.0)
    with pytest.raises(ValueError, match="`input_range` must be"):
        quantize_aware(tiny(), input_range=(0.5, 1.0))
