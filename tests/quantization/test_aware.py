import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course import load_model
from keras_cv_course.quantization import (
    FreezeRanges,
    calibrate,
    quantize_aware,
    strip,
    summary,
)

SHAPE = (8, 8, 3)


def block(x, filters, name, strides=1):
    x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def classifier():
    image = keras.Input(SHAPE, name="image")
    x = block(image, 8, "stem", 2)
    x = layers.Add(name="sum")([x, block(x, 8, "branch")])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(4, name="scores")(x), name="net")


@pytest.fixture
def model(unsettle):
    return unsettle(classifier())


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (40, *SHAPE)).astype("float32")


@pytest.fixture
def labels(rng):
    return rng.integers(0, 4, 40)


@pytest.fixture
def aware(model, images):
    return quantize_aware(model, calibration_data=images)


def compiled(model, rate=1e-2):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss)
    return model


def ranges(model):
    return {row.layer: (row.low, row.high) for row in summary(model).rows if row.kind != "kernel"}


def weights(model):
    return {v.path: np.array(v) for v in model.trainable_variables}


def steps_of_noise(model, aware, data):
    """Returns the root mean square of what rounding changes, as a share of the outputs' range."""
    expected = model.predict(data, verbose=0)
    change = aware.predict(data, verbose=0) - expected
    return np.sqrt(np.mean(change**2)) / np.ptp(expected)


def test_outputs_are_the_float_models_but_for_rounding(model, aware, images):
    # Six roundings in a row, each of 1/255 of a range at most.
    assert 0 < steps_of_noise(model, aware, images) < 0.02
    assert len(np.unique(aware.predict(images, verbose=0))) <= 256


def test_model_is_left_alone(model, images, labels):
    before = weights(model)
    aware = quantize_aware(model, calibration_data=images)
    compiled(aware).fit(images, labels, verbose=0)
    for path, value in weights(model).items():
        np.testing.assert_array_equal(value, before[path])
    assert not {id(v) for v in model.variables} & {id(v) for v in aware.variables}


def test_weights_are_carried_over(model, aware):
    for layer in model.layers:
        if layer.weights:
            for old, new in zip(
                layer.get_weights(), aware.get_layer(inner_name(layer)).get_weights(), strict=True
            ):
                np.testing.assert_array_equal(old, new)


def inner_name(layer):
    return "scores_dense" if layer.name == "scores" else layer.name


def test_strip_gives_back_the_float_function_in_layers_of_keras(model, aware, images):
    stripped = strip(aware)
    np.testing.assert_array_equal(
        stripped.predict(images, verbose=0), model.predict(images, verbose=0)
    )
    assert all(type(layer).__module__.startswith("keras.") for layer in stripped.layers)
    assert [layer.name for layer in stripped.layers] == [layer.name for layer in model.layers]
    assert stripped.count_params() == model.count_params()
    assert stripped.name == "net"


def test_strip_gives_the_trained_weights(aware, model, images, labels):
    compiled(aware).fit(images, labels, epochs=2, verbose=0)
    stripped = strip(aware)
    for layer in stripped.layers:
        if layer.weights:
            pairs = zip(
                layer.get_weights(), aware.get_layer(inner_name(layer)).get_weights(), strict=True
            )
            for mine, trained in pairs:
                np.testing.assert_array_equal(mine, trained)
    assert not np.array_equal(stripped.get_layer("scores").kernel, model.get_layer("scores").kernel)
    assert steps_of_noise(stripped, aware, images) < 0.02


def test_training_lowers_the_loss(aware, images, labels):
    history = compiled(aware, 0.05).fit(images, labels, epochs=15, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]


def several_ends():
    image, extra = keras.Input(SHAPE, name="image"), keras.Input((3,), name="extra")
    x = layers.GlobalAveragePooling2D()(block(image, 4, "stem"))
    both = layers.Concatenate()([x, extra])
    ends = {
        "probabilities": layers.Dense(3, activation="softmax", name="probabilities")(both),
        "vector": layers.Activation("swish", name="vector")(both),
        "pooled": x,
    }
    return keras.Model({"image": image, "extra": extra}, ends)


def test_names_and_structures_of_several_ends_are_kept(unsettle, rng):
    model = unsettle(several_ends())
    data = {
        "image": rng.uniform(-1, 1, (20, *SHAPE)).astype("float32"),
        "extra": rng.uniform(-1, 1, (20, 3)).astype("float32"),
    }
    aware = quantize_aware(model, calibration_data=data)
    for other in (aware, strip(aware)):
        assert other.output_names == model.output_names
        assert [x.name for x in other.inputs] == [x.name for x in model.inputs]
        expected, outputs = model(data), other(data)
        assert outputs.keys() == expected.keys()
        for name, y in expected.items():
            np.testing.assert_allclose(outputs[name], y, atol=0.05)  # a few steps of 2/255
    # Each end has a range of its own; a softmax's is prescribed.
    assert ranges(aware)["probabilities"] == (0.0, 255 / 256)
    vector = model.predict(data, verbose=0)["vector"]
    np.testing.assert_allclose(ranges(aware)["vector"], (vector.min(), vector.max()), atol=0.02)


def test_one_tensor_as_two_outputs(images):
    x = keras.Input(SHAPE, name="image")
    y = layers.Conv2D(2, 1, name="maps")(x)
    model = keras.Model(x, [y, y])
    aware = quantize_aware(model, calibration_data=images)
    for other in (aware, strip(aware)):
        first, second = other.predict(images, verbose=0)
        np.testing.assert_array_equal(first, second)
        assert other.output_names == model.output_names


def test_input_as_output(images):
    x = keras.Input(SHAPE, name="image")
    model = keras.Model(x, [layers.Conv2D(2, 1, name="maps")(x), x])
    aware = quantize_aware(model, calibration_data=images)
    np.testing.assert_allclose(aware.predict(images, verbose=0)[1], images, atol=1 / 255)
    np.testing.assert_array_equal(strip(aware).predict(images, verbose=0)[1], images)


def test_saved_model_is_bit_equal_and_training_goes_on(aware, images, labels, tmp_path):
    compiled(aware).fit(images, labels, verbose=0, shuffle=False)
    aware.save(tmp_path / "aware.keras")
    again = load_model(tmp_path / "aware.keras")
    np.testing.assert_array_equal(again.predict(images), aware.predict(images))
    assert ranges(again) == ranges(aware)
    for one in (aware, again):
        one.fit(images, labels, epochs=2, verbose=0, shuffle=False)
    assert ranges(again) == ranges(aware)
    for mine, theirs in zip(again.get_weights(), aware.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_frozen_ranges_and_options_are_saved(model, images, labels, tmp_path):
    aware = quantize_aware(model, images, keep_float=["pool"], depthwise_per_channel=False)
    compiled(aware).fit(images, labels, verbose=0, callbacks=[FreezeRanges(0)])
    aware.save(tmp_path / "aware.keras")
    again = load_model(tmp_path / "aware.keras")
    before = ranges(again)
    assert before == ranges(aware)
    again.fit(images * 3, labels, verbose=0)
    assert ranges(again) == before


def test_freeze_ranges_stops_ranges_and_statistics_but_not_weights(aware, images, labels):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            moving = [np.array(v) for v in aware.variables if "moving" in v.path]
            seen.append((ranges(aware), moving, weights(aware)))

    compiled(aware).fit(
        3 * images, labels, epochs=4, verbose=0, callbacks=[FreezeRanges(2), Watch()]
    )
    (first, *_), (second, still, _), (third, later, before), (fourth, last, after) = seen
    assert first["image_range"] != second["image_range"]
    assert second == third == fourth
    for a, b, c in zip(still, later, last, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    for path, value in after.items():
        assert not np.array_equal(value, before[path]), path


def test_frozen_layers_stay_as_they_are(model, images, labels):
    for name in ("stem_conv", "stem_bn", "scores"):
        model.get_layer(name).trainable = False
    before = {name: model.get_layer(name).get_weights() for name in ("stem_conv", "stem_bn")}
    aware = quantize_aware(model, images)
    compiled(aware).fit(images, labels, epochs=2, verbose=0)
    for name, values in before.items():
        for old, new in zip(values, aware.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    kernel = model.get_layer("scores").kernel
    np.testing.assert_array_equal(aware.get_layer("scores_dense").kernel, kernel)
    moved = aware.get_layer("branch_conv").kernel
    assert not np.array_equal(moved, model.get_layer("branch_conv").kernel)


def test_layers_in_keep_float_are_not_rounded(model, images):
    kept = ["stem_conv", "stem_bn", "stem_relu", "branch_conv", "branch_bn", "branch_relu"]
    kept += ["sum", "pool", "scores"]
    aware = quantize_aware(model, images, keep_float=kept)
    floats = {row.layer for row in summary(aware).rows if row.kind == "float"}
    assert len(floats) == len(kept)
    step = np.ptp(images) / 255
    rounded = np.round(images / step) * step
    outputs = aware.predict(images, verbose=0)
    np.testing.assert_allclose(outputs, model.predict(rounded, verbose=0), atol=1e-3)
    np.testing.assert_array_equal(strip(aware)(images), model(images))


@keras.saving.register_keras_serializable()
class Cube(layers.Layer):
    def call(self, x):
        return x**3


def with_custom(layer):
    image = keras.Input(SHAPE, name="image")
    x = layer(layers.Conv2D(4, 1, name="before")(image))
    return keras.Model(image, layers.Conv2D(2, 1, name="after")(x))


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: Cube(name="odd"), "Cube"),
        (lambda: layers.Lambda(lambda x: x**3, name="odd"), "Lambda"),
        (lambda: layers.Activation("elu", name="odd"), "Activation with elu"),
        (lambda: layers.BatchNormalization(axis=1, name="odd"), "BatchNormalization"),
        (lambda: layers.LayerNormalization(name="odd"), "LayerNormalization"),
    ],
    ids=["custom", "lambda", "activation", "axis", "keras"],
)
def test_layer_without_int8_form_is_named_and_can_be_kept(make, kind, images):
    model = with_custom(make())
    message = rf"layer 'odd' of type {kind}\. .* with keep_float=\['odd'\]"
    with pytest.raises(ValueError, match=message):
        quantize_aware(model)
    aware = quantize_aware(model, images, keep_float=["odd"])
    assert "odd_float" in ranges(aware)
    assert steps_of_noise(model, aware, images) < 0.02
    np.testing.assert_array_equal(strip(aware)(images), model(images))


def test_subclassed_model_is_refused():
    class Mine(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(TypeError, match="the graph of a subclassed model cannot be read"):
        quantize_aware(Mine())
    image = keras.Input(SHAPE)
    with pytest.raises(TypeError, match="the graph of a subclassed model cannot be read"):
        quantize_aware(keras.Model(image, Mine()(image)))
    with pytest.raises(TypeError, match=r"must be a keras\.Model"):
        quantize_aware("net")


def test_mixed_precision_is_refused():
    image = keras.Input(SHAPE)
    half = layers.Conv2D(2, 1, dtype="mixed_float16", name="half")(image)
    with pytest.raises(
        ValueError, match=r"float32.*layer 'half' with dtype policy 'mixed_float16'"
    ):
        quantize_aware(keras.Model(image, half))


def test_aware_model_is_refused_and_float_model_has_no_ranges(aware, model, images):
    with pytest.raises(ValueError, match=r"must be a float model\. Received: 'net'.*strip"):
        quantize_aware(aware)
    for use in (strip, summary, lambda m: calibrate(m, images)):
        with pytest.raises(ValueError, match=r"must be quantization-aware\. Received: 'net'"):
            use(model)
    with pytest.raises(ValueError, match="must be quantization-aware"):
        compiled(model).fit(images, images[:, 0, 0, 0] > 0, verbose=0, callbacks=[FreezeRanges(0)])


def test_wrong_arguments_are_refused(model, aware, images):
    with pytest.raises(ValueError, match=r"`keep_float`.*'stem_convolution'"):
        quantize_aware(model, keep_float=["stem_convolution"])
    with pytest.raises(TypeError, match="`keep_float` must be a sequence of names"):
        quantize_aware(model, keep_float="stem_conv")
    with pytest.raises(ValueError, match=r"`after` must be .* 0 or more\. Received: -1"):
        FreezeRanges(-1)
    with pytest.raises(ValueError, match="must hold at least one sample"):
        calibrate(aware, images[:0])
    for bad in (np.nan, np.inf):
        data = images.copy()
        data[3, 2, 1, 0] = bad
        with pytest.raises(ValueError, match="finite values"):
            calibrate(aware, data)


@pytest.mark.slow
@pytest.mark.parametrize("legacy", [None, "0", "1"])
def test_process_is_as_before_tfmot(legacy):
    code = (
        "import os, keras\n"
        "from keras_cv_course.quantization import quantize_aware\n"
        "import numpy as np\n"
        "x = keras.Input((3,))\n"
        "model = keras.Model(x, keras.layers.Dense(2)(x))\n"
        "quantize_aware(model, np.ones((2, 3), 'float32'))\n"
        "import sys, tensorflow as tf\n"
        "assert 'tensorflow_model_optimization' in sys.modules\n"
        "print(os.environ.get('TF_USE_LEGACY_KERAS'), tf.keras.__name__.split('.')[0])\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    environment |= {} if legacy is None else {"TF_USE_LEGACY_KERAS": legacy}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(legacy), "tf_keras" if legacy == "1" else "keras"]
