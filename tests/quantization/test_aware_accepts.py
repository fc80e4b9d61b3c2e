"""What `quantize_aware` accepts becomes a file, and so does what its messages advise."""

import re

import keras
import numpy as np
import pytest
from keras import layers, ops
from PIL import Image

from keras_cv_course.quantization import calibrate, quantize_aware, strip, summary
from keras_cv_course.quantization.operations.training_only import TRAINING_ONLY
from keras_cv_course.tflite import TFLiteModel, convert, inspect

SHAPE = (6, 6, 3)
SIGNED = np.array([1.0, 0.5, -3.0], "float32")
POSITIVE = np.array([1.0, 2.0, 0.25], "float32")


def conv(filters=3):
    return layers.Conv2D(filters, 1)


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (16, *SHAPE)).astype("float32")


def network(build, **options):
    x = keras.Input(SHAPE, **({"name": "x"} | options))
    return keras.Model(x, build(x))


def check(model, data, folder, keep_float=(), **options):
    """Converts, and returns the operators of a file that computes what the aware model does."""
    aware = quantize_aware(model, data, keep_float=keep_float)
    path = convert(aware, folder / "m.tflite", **options).path
    expected, outputs = aware.predict(data, verbose=0), TFLiteModel(path).predict(data)
    floats = model.predict(data, verbose=0)
    # Behind what stays in float, a half can be rounded to the other side, which the convolution
    # passes on.
    steps = 2.1 if keep_float else 1.01
    np.testing.assert_allclose(outputs, expected, atol=steps * np.ptp(floats) / 255)
    np.testing.assert_allclose(expected, floats, atol=0.05 * np.ptp(floats))
    # Constants for channels stay on their int8 grid.
    stripped = strip(aware).predict(data, verbose=0)
    np.testing.assert_allclose(stripped, floats, atol=0.01 * np.ptp(floats))
    return inspect(path, validate=False).operators


TABLE = np.linspace(-1, 1, 108).reshape(SHAPE).astype("float32")
# In the kernels of convolutions before or behind, but for a factor a pixel and x * x.
CONSTANTS = {
    "times_an_array": (lambda x: conv()(conv()(x) * POSITIVE), []),
    "times_negative_numbers": (lambda x: conv()(conv()(x) * SIGNED), []),
    "array_times": (lambda x: conv()(ops.multiply(SIGNED, conv()(x))), []),
    "times_a_tensor": (lambda x: conv()(conv()(x) * ops.convert_to_tensor(SIGNED)), []),
    "times_minus_two": (lambda x: conv()(conv()(x) * -2.0), []),
    "by_an_array": (lambda x: conv()(conv()(x) / POSITIVE), []),
    "negative": (lambda x: conv()(-conv()(x)), []),
    "at_the_end": (lambda x: conv()(x) * SIGNED, []),
    "a_factor_for_each_pixel": (lambda x: conv()(conv()(x) * TABLE), ["MUL"]),
    "square": (lambda x: conv()(ops.square(conv()(x))), ["MUL"]),
    "power_of_2": (lambda x: conv()(conv()(x) ** 2), ["MUL"]),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_products_with_constants(name, images, tmp_path):
    build, operators = CONSTANTS[name]
    outputs = check(network(build), images, tmp_path)
    assert [op for op in outputs[1:-1] if op != "CONV_2D"] == operators


def test_times_0_is_0(images, tmp_path):
    aware = quantize_aware(network(lambda x: conv()(x) * 0.0), images)
    path = convert(aware, tmp_path / "m.tflite").path
    np.testing.assert_array_equal(TFLiteModel(path).predict(images), 0)


def test_part_of_a_split(images, tmp_path):
    check(network(lambda x: conv()(ops.split(conv()(x), 3, axis=-1)[0])), images, tmp_path)


@pytest.mark.parametrize("io_dtype", ["float32", "uint8"])
@pytest.mark.parametrize("begin", ["rescaling", "cast"])
def test_uint8_inputs_are_pixels(begin, io_dtype, rng, tmp_path):
    def build(x):
        x = layers.Rescaling(1 / 255)(x) if begin == "rescaling" else ops.cast(x, "float32") / 255.0
        return conv()(x)

    model = network(build, dtype="uint8", name="image")
    pixels = rng.integers(30, 200, (16, *SHAPE), np.uint8)
    aware = quantize_aware(model, pixels)
    rows = {row.layer: (row.low, row.high) for row in summary(aware).rows}
    assert rows["image_range"] == (0.0, 255.0)
    path = convert(aware, tmp_path / "m.tflite", io_dtype=io_dtype).path
    outputs = TFLiteModel(path).predict(pixels)
    np.testing.assert_allclose(outputs, aware.predict(pixels, verbose=0), atol=1e-6)
    expected = model.predict(pixels, verbose=0)
    np.testing.assert_allclose(outputs, expected, atol=0.02 * np.ptp(expected))


def test_other_integers_are_refused():
    model = network(lambda x: layers.Rescaling(0.5)(x), dtype="int32", name="numbers")
    with pytest.raises(ValueError, match=r"float32 or uint8\. Received: input 'numbers'.*int32"):
        quantize_aware(model)


OPTIONS = {
    layers.AlphaDropout: (0.5,),
    layers.Dropout: (0.5,),
    layers.GaussianDropout: (0.5,),
    layers.GaussianNoise: (0.5,),
    layers.RandomPosterization: (4,),
    layers.RandomTranslation: (0.1, 0.1),
    **dict.fromkeys(
        (
            layers.RandomBrightness,
            layers.RandomColorDegeneration,
            layers.RandomContrast,
            layers.RandomHue,
            layers.RandomRotation,
            layers.RandomSaturation,
            layers.RandomSharpness,
            layers.RandomZoom,
            layers.SpatialDropout1D,
            layers.SpatialDropout2D,
            layers.SpatialDropout3D,
        ),
        (0.1,),
    ),
}


@pytest.mark.parametrize("kind", TRAINING_ONLY, ids=lambda kind: kind.__name__)
def test_layers_of_training_return_their_inputs_in_inference(kind, rng):
    rank = {layers.SpatialDropout1D: 3, layers.SpatialDropout3D: 5}.get(kind, 4)
    data = rng.uniform(0, 255, (2, *(4,) * (rank - 2), 3)).astype("float32")
    layer = kind(*OPTIONS.get(kind, ()))
    arguments = {} if kind is layers.ActivityRegularization else {"training": False}
    np.testing.assert_array_equal(layer(data, **arguments), data)


@pytest.mark.parametrize("kind", [layers.RandomFlip, layers.RandomContrast, layers.RandomErasing])
def test_random_layers_train_and_are_not_in_the_file(kind, images, tmp_path):
    model = network(lambda x: conv()(kind(*OPTIONS.get(kind, ()))(x)))
    assert check(model, images, tmp_path) == ("QUANTIZE", "CONV_2D", "DEQUANTIZE")
    aware = quantize_aware(model, images)
    outputs = [np.array(aware(images, training=True)) for _ in range(8)]
    assert any(np.any(y != outputs[0]) for y in outputs)


def test_scale_goes_through_a_flip_into_the_kernel(rng, tmp_path):
    pixels = rng.uniform(0, 255, (16, *SHAPE)).astype("float32")

    def build(x):
        x = layers.RandomFlip()(layers.Rescaling(1 / 255)(x))
        return conv()(layers.RandomRotation(0.1, fill_mode="constant")(x))

    outputs = check(network(build), pixels, tmp_path)
    assert outputs == ("QUANTIZE", "CONV_2D", "DEQUANTIZE")


@pytest.mark.parametrize("name", ["my image", "image:0", "image"])
@pytest.mark.parametrize("quantize", ["int8", "none", "aware"])
def test_names_of_inputs(name, quantize, images, tmp_path):
    model = network(lambda x: conv()(x), name=name)
    if quantize == "aware":
        model = quantize_aware(model, images)
    options = {"int8": {"calibration_data": images}, "none": {"quantize": "none"}}
    path = convert(model, tmp_path / "m.tflite", **options.get(quantize, {})).path
    report = inspect(path)
    assert [x.name for x in report.inputs] == [name]
    outputs = TFLiteModel(path).predict({name: images})
    np.testing.assert_allclose(outputs, model.predict(images, verbose=0), atol=0.05)


@keras.saving.register_keras_serializable()
class Cube(layers.Layer):
    def call(self, x):
        return x**3


REFUSED = {
    "operator": lambda x: conv()(conv()(x) / (ops.abs(conv()(x)) + 1.0)),
    "power": lambda x: conv()(conv()(x) ** 3),
    "custom": lambda x: conv()(Cube()(conv()(x))),
    "exponential": lambda x: conv()(ops.exp(conv()(x))),
    "elu": lambda x: conv()(layers.Conv2D(3, 1, activation="elu")(x)),
    "normalization": lambda x: conv()(layers.LayerNormalization()(conv()(x))),
    "maximum": lambda x: conv()(layers.Maximum()([conv()(x), conv()(x)])),
}


@pytest.mark.parametrize("name", REFUSED)
def test_advice_leads_to_a_file(name, images, tmp_path):
    model = network(REFUSED[name])
    keep: list[str] = []
    for _ in range(3):
        try:
            quantize_aware(model, keep_float=keep)
            break
        except ValueError as error:
            keep += re.findall(r"keep_float=\['([\w]+)'\]", str(error))
    assert keep
    check(model, images, tmp_path, keep_float=keep)


def test_aware_model_inside_another_is_named(images, tmp_path):
    aware = quantize_aware(network(lambda x: layers.Flatten()(conv()(x))), images)
    x = keras.Input(SHAPE)
    outer = keras.Model(x, layers.Softmax()(aware(x)), name="outer")
    message = rf"Received: 'outer' with the quantization-aware model '{aware.name}' inside"
    for options in ({}, {"calibration_data": images}, {"quantize": "none"}):
        with pytest.raises(ValueError, match=message):
            convert(outer, tmp_path / "m.tflite", **options)
    with pytest.raises(ValueError, match=message):
        quantize_aware(outer)
    with pytest.raises(ValueError, match=message):
        convert(keras.Sequential([keras.Input(SHAPE), aware], name="outer"), tmp_path / "m.tflite")


@pytest.mark.parametrize("quantize", ["none", "float16", "int8"])
def test_mixed_precision_is_named_in_every_conversion(quantize, images, tmp_path):
    inner = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(2, 1, dtype="mixed_float16")])
    model = network(lambda x: layers.Conv2D(2, 1)(inner(x)))
    options = {"calibration_data": images} if quantize == "int8" else {}
    with pytest.raises(ValueError, match=r"layer 'conv2d\w*' with dtype policy 'mixed_float16'"):
        convert(model, tmp_path / "m.tflite", quantize, **options)


def test_calibration_with_a_folder(tmp_path, rng):
    model = network(lambda x: conv()(layers.Rescaling(1 / 255)(x)), name="image")
    for i in range(3):
        pixels = rng.integers(0, 256, (*SHAPE[:2], 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    aware = quantize_aware(model, tmp_path)
    low, high = next((r.low, r.high) for r in summary(aware).rows if r.layer == "image_range")
    assert low == 0.0
    assert 200 < high <= 255
    before = [float(limit) for row in summary(aware).rows for limit in (row.low, row.high)]
    calibrate(aware, tmp_path, input_range=(0.0, 255.0))
    assert before == [float(limit) for r in summary(aware).rows for limit in (r.low, r.high)]
    with pytest.raises(FileNotFoundError):
        quantize_aware(model, tmp_path / "nowhere")
    with pytest.raises(ValueError, match="say with `input_range`"):
        quantize_aware(network(lambda x: conv()(x)), tmp_path)
    signed = quantize_aware(network(lambda x: conv()(x)), tmp_path, input_range=(-1.0, 1.0))
    assert next(r.low for r in summary(signed).rows if r.layer == "x_range") == -1.0


def test_vectors_that_are_not_finite_are_counted(tmp_path):
    x = keras.Input((5,))
    data = np.zeros((4, 5), "float32")
    data[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"Received NaN or infinity in 1 of 4"):
        convert(keras.Model(x, layers.Dense(2)(x)), tmp_path / "m.tflite", calibration_data=data)
