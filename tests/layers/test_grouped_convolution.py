import keras
import numpy as np
import pytest

from keras_cv_course.layers.grouped_convolution import GroupedConv2D

# groups, channels, filters, and options: groups of few channels, and of many.
CASES = [
    (4, 8, 12, {"padding": "same"}),
    (8, 8, 8, {"strides": 2, "padding": "same"}),
    (2, 32, 6, {"padding": "same"}),
    (2, 24, 4, {"strides": 2, "padding": "valid", "use_bias": False}),
    (4, 8, 8, {"dilation_rate": 2, "padding": "same", "activation": "relu"}),
    (1, 4, 4, {}),
]


def reference(x, kernel, bias, groups, strides, dilation):
    """A dense convolution of each group by itself, in NumPy, of what is padded already."""
    size = len(kernel)
    reach = dilation * (size - 1) + 1
    rows, columns = ((n - reach) // strides + 1 for n in x.shape[1:3])
    each, members = kernel.shape[-1] // groups, kernel.shape[2]
    y = np.zeros((len(x), rows, columns, kernel.shape[-1]))
    for g in range(groups):
        inputs, outputs = slice(g * members, (g + 1) * members), slice(g * each, (g + 1) * each)
        for i in range(size):
            for j in range(size):
                part = x[:, i * dilation :: strides, j * dilation :: strides, inputs]
                y[..., outputs] += part[:, :rows, :columns] @ kernel[i, j, :, outputs]
    return y + bias


@pytest.mark.parametrize(("groups", "channels", "filters", "options"), CASES)
def test_equals_a_convolution_of_each_group(groups, channels, filters, options, rng):
    layer = GroupedConv2D(filters, 3, groups=groups, **options)
    x = rng.normal(size=(2, 7, 9, channels)).astype("float32")
    layer.build(x.shape)
    assert layer.kernel.shape == (3, 3, channels // groups, filters)
    layer.kernel.assign(rng.normal(size=layer.kernel.shape))
    bias = np.zeros(filters)
    if layer.use_bias:
        bias = rng.normal(size=filters)
        layer.bias.assign(bias)
    strides, dilation = layer.strides[0], layer.dilation_rate[0]
    padded = np.pad(x, ((0, 0), *[(dilation, dilation)] * 2, (0, 0)))
    source = padded if layer.padding == "same" else x
    expected = reference(source, np.asarray(layer.kernel), bias, groups, strides, dilation)
    if options.get("activation"):
        expected = np.maximum(expected, 0)
    outputs = np.asarray(layer(x))
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
    assert layer.compute_output_shape(x.shape) == outputs.shape


def test_gradients_are_those_of_a_convolution_of_each_group(rng):
    x = rng.normal(size=(2, 6, 6, 8)).astype("float32")
    for groups in (4, 1):  # by channels; and a dense one of the same weights
        layer = GroupedConv2D(8, 3, groups=groups, padding="same", use_bias=False)
        layer.build(x.shape)
        if groups == 4:
            kernel = rng.normal(size=layer.kernel.shape).astype("float32")
            layer.kernel.assign(kernel)
            grouped = gradient(layer, x)
        else:
            dense = np.zeros((3, 3, 8, 8), "float32")
            for g in range(4):
                dense[:, :, 2 * g : 2 * g + 2, 2 * g : 2 * g + 2] = kernel[..., 2 * g : 2 * g + 2]
            layer.kernel.assign(dense)
            full = gradient(layer, x)
    for g in range(4):
        members = slice(2 * g, 2 * g + 2)
        expected = full[:, :, members, members]
        np.testing.assert_allclose(grouped[..., members], expected, rtol=1e-4, atol=1e-4)


def gradient(layer, x):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(x)))
    return tape.gradient(loss, layer.kernel.value).numpy()


@pytest.mark.parametrize("channels", [8, 32])
def test_images_of_any_size(channels, rng):
    image = keras.Input((None, None, channels))
    model = keras.Model(image, GroupedConv2D(8, 3, groups=2, padding="same")(image))
    assert model(rng.normal(size=(1, 5, 6, channels))).shape == (1, 5, 6, 8)
    assert model.predict(rng.normal(size=(3, 7, 4, channels)), verbose=0).shape == (3, 7, 4, 8)


def test_it_is_saved_with_its_groups(rng, tmp_path):
    image = keras.Input((5, 5, 4))
    model = keras.Model(image, GroupedConv2D(4, 3, groups=2)(image))
    model.save(tmp_path / "m.keras")
    x = rng.normal(size=(1, 5, 5, 4)).astype("float32")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(x), model(x))


def test_other_layouts_are_refused():
    with pytest.raises(
        ValueError, match=r"`strides` the same in both directions\. Received: .*2, 1"
    ):
        GroupedConv2D(4, 3, groups=2, strides=(2, 1))
    with pytest.raises(ValueError, match="'channels_first'"):
        GroupedConv2D(4, 3, groups=2, data_format="channels_first")
