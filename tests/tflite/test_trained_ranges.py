import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course.quantization import quantize_aware
from keras_cv_course.quantization.fake_quantization import FakeQuantize
from keras_cv_course.quantization.grid import grid
from keras_cv_course.tflite import TFLiteModel, convert, flatbuffer, inspect

SHAPE = (8, 8, 4)


def small(*middle):
    x = image = keras.Input(SHAPE, name="image")
    for layer in middle:
        x = layer(x)
    return keras.Model(image, layers.Conv2D(3, 1, name="scores")(x))


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (16, *SHAPE)).astype("float32")


def test_pooling_of_one_pixel_that_the_converter_leaves_out(images, tmp_path):
    model = small(layers.Conv2D(4, 8), layers.GlobalAveragePooling2D(keepdims=True))
    aware = quantize_aware(model, images)
    path = convert(aware, tmp_path / "m.tflite").path
    assert inspect(path, validate=False).operators == (
        "QUANTIZE",
        "CONV_2D",
        "CONV_2D",
        "DEQUANTIZE",
    )
    outputs = TFLiteModel(path, validate=False).predict(images)
    np.testing.assert_allclose(outputs, aware.predict(images, verbose=0), atol=1e-6)


def test_pooling_of_one_pixel_to_a_vector_stays_in_integers(images, tmp_path):
    image = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 8)(image))
    model = keras.Model(image, layers.Dense(3)(x))
    report = inspect(convert(quantize_aware(model, images), tmp_path / "m.tflite").path)
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(report.operators[1:-1])


def test_ranges_that_have_seen_no_data_are_named(tmp_path):
    aware = quantize_aware(small())
    with pytest.raises(ValueError, match=r"range of 'image_range', which has seen no data"):
        convert(aware, tmp_path / "m.tflite")
    assert not (tmp_path / "m.tflite").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantize": "float16"}, r'`quantize` must be "int8".*strip'),
        ({"calibration_data": np.zeros((1, *SHAPE))}, r"`calibration_data` must be left out"),
        ({"keep_float": ["scores"]}, r"`keep_float` must be left out.*quantize_aware"),
    ],
    ids=["quantize", "calibration_data", "keep_float"],
)
def test_options_that_contradict_the_model(options, message, images, tmp_path):
    with pytest.raises(ValueError, match=message):
        convert(quantize_aware(small(), images), tmp_path / "m.tflite", **options)


def test_depthwise_kernels_with_one_range_do_not_convert(images, tmp_path):
    model = small(layers.DepthwiseConv2D(3, name="maps"))
    aware = quantize_aware(model, images, depthwise_per_channel=False)
    with pytest.raises(ValueError, match=r"depthwise_per_channel=True.*'maps'"):
        convert(aware, tmp_path / "m.tflite")


def test_steps_are_those_that_the_model_computes_with(tmp_path, rng):
    """To the bit: a step that is one float beside it moves one sum in ten thousand."""
    image = x = keras.Input((4,), name="image")
    for _ in range(60):
        x = layers.Add()([x, image])
    aware = quantize_aware(keras.Model(image, x))
    rounders = [layer for layer in aware.layers if isinstance(layer, FakeQuantize)]
    for layer in rounders:
        low, high = layer.weights
        low.assign(-rng.uniform(0, 9))
        high.assign(rng.uniform(0.1, 9))
    graph = flatbuffer.read(convert(aware, tmp_path / "m.tflite").path.read_bytes()).subgraphs[0]
    quantized = (tensor.quantization.scale for tensor in graph.tensors)
    in_file = {float(scale[0]) for scale in quantized if scale is not None}
    assert {float(grid(*layer.range()).stored) for layer in rounders} == in_file


@pytest.mark.parametrize("aware", [False, True])
def test_last_layer_can_stay_in_float(aware, images, tmp_path):
    model, kept = small(layers.Conv2D(4, 3, activation="relu")), ["scores"]
    if aware:
        model = quantize_aware(model, images, keep_float=kept)
    options = {} if aware else {"calibration_data": images, "keep_float": kept}
    path = convert(model, tmp_path / "m.tflite", **options).path
    report = inspect(path, validate=False)
    assert report.outputs[0].name == "scores"
    last = report.operators.index("DEQUANTIZE")
    assert report.operators[last:] == ("DEQUANTIZE", "CONV_2D")
    outputs, expected = (
        TFLiteModel(path, validate=False).predict(images),
        model.predict(images, verbose=0),
    )
    np.testing.assert_allclose(outputs, expected, atol=1e-5 if aware else 0.05)
    if aware:
        with pytest.raises(ValueError, match=r'must be "float32".* output .scores.'):
            convert(model, path, io_dtype="uint8")
