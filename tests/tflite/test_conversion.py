import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from keras_cv_course.tflite import convert, flatbuffer, inspect, quantizers
from keras_cv_course.tflite.freezing import freeze
from keras_cv_course.tflite.runtime import TFLiteModel

CALIBRATED = ("int8", "int8x16")


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(8, 3, 2, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", bias_initializer="normal", name="spread")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(4, name="scores")(x), name="net")


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (12, 16, 16, 3)).astype("float32")


def calibration(quantize, images):
    return images if quantize in CALIBRATED else None


def operators(path):
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    return [op["op_name"] for op in interpreter._get_ops_details() if op["op_name"] != "DELEGATE"]


@pytest.mark.parametrize(
    ("quantize", "tolerance"),
    [
        ("none", 1e-5),
        ("float16", 2e-3),
        ("int8x16", 0.01),
        ("dynamic", 0.03),
        ("int8", 0.03),
        ("int4", 0.3),
    ],
)
def test_file_computes_what_the_model_does(quantize, tolerance, model, images, tmp_path):
    """Tolerance: share of the outputs' range, by the number of bits."""
    result = convert(
        model, tmp_path / "m.tflite", quantize, calibration_data=calibration(quantize, images)
    )
    expected = model.predict(images, verbose=0)
    outputs = TFLiteModel(result.path, validate=False).predict(images)
    np.testing.assert_allclose(outputs, expected, atol=tolerance * np.ptp(expected))
    assert result.size_bytes == result.path.stat().st_size
    assert set(result.seconds) == {"rewrite", "freeze", "translate", "quantize", "write", "open"}


@pytest.mark.parametrize("io_dtype", ["float32", "uint8", "int8"])
def test_inputs_and_outputs_have_the_type_asked_for(io_dtype, model, images, tmp_path):
    convert(model, tmp_path / "m.tflite", "int8", io_dtype, images)
    report = TFLiteModel(tmp_path / "m.tflite", validate=False)
    assert [x.dtype for x in (*report.inputs, *report.outputs)] == [io_dtype, io_dtype]
    assert [x.name for x in (*report.inputs, *report.outputs)] == ["image", "scores"]
    assert report.inputs[0].shape == (1, 16, 16, 3)


def test_ranges_are_those_of_tensorflows_own_calibrator(model, images, tmp_path):
    convert(model, tmp_path / "m.tflite", "int8", "int8", images)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([freeze(model).function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8

    def scales(**source):
        interpreter = Interpreter(**source)
        interpreter.allocate_tensors()
        details = interpreter.get_tensor_details()
        return np.array(sorted(d["quantization"] for d in details if d["quantization"][0]))

    ours, theirs = scales(model_path=str(tmp_path / "m.tflite")), converter.convert()
    assert len(ours) == 5
    np.testing.assert_allclose(ours, scales(model_content=theirs), rtol=1e-5)


def test_nothing_is_printed(model, images, tmp_path, capfd):
    convert(model, tmp_path / "m.tflite", "int8", calibration_data=images)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") <= 1


def test_named_inputs_and_outputs(tmp_path, rng):
    a, b = keras.Input((4,), name="first"), keras.Input((4,), name="second")
    model = keras.Model({"first": a, "second": b}, {"sum": a + b, "gap": a - 2.0 * b})
    data = {k: rng.normal(size=(6, 4)).astype("float32") for k in ("first", "second")}
    for quantize in ("none", "int8"):
        convert(
            model,
            tmp_path / "m.tflite",
            quantize,
            calibration_data=None if quantize == "none" else data,
        )
        outputs = TFLiteModel(tmp_path / "m.tflite", validate=False).predict(data)
        assert set(outputs) == {"sum", "gap"}
        np.testing.assert_allclose(outputs["gap"], data["first"] - 2 * data["second"], atol=0.1)


def test_keep_float_leaves_the_layer_in_float(model, images, tmp_path):
    convert(model, tmp_path / "m.tflite", "int8", "int8", images, keep_float=["spread"])
    assert operators(tmp_path / "m.tflite") == [
        "CONV_2D",
        "DEQUANTIZE",
        "DEPTHWISE_CONV_2D",
        "QUANTIZE",
        "MEAN",
        "FULLY_CONNECTED",
    ]
    assert inspect(tmp_path / "m.tflite").to_dict()["float_operators"]


@pytest.mark.parametrize("quantize", ["dynamic", "int4", "int8x16"])
def test_keep_float_with_recipes(quantize, model, images, tmp_path):
    sizes = [
        convert(
            model,
            tmp_path / "m.tflite",
            quantize,
            calibration_data=calibration(quantize, images),
            keep_float=kept,
        ).size_bytes
        for kept in ([], ["stem"])
    ]
    assert sizes[1] > sizes[0] + 8 * 27  # a byte more for each weight, at the least


def test_class_names_travel_in_the_file(model, tmp_path):
    names = ["cat", "dog", "Ärger", "日本"]
    convert(model, tmp_path / "m.tflite", "none", class_names=names)
    assert list(TFLiteModel(tmp_path / "m.tflite", validate=False).class_names) == names


def test_calibration_from_a_dataset_and_a_limit(model, images, tmp_path):
    dataset = tf.data.Dataset.from_tensor_slices((images, np.zeros(12))).batch(5)
    sizes = {
        convert(model, tmp_path / f"{i}.tflite", "int8", calibration_data=data).path.read_bytes()
        for i, data in enumerate((dataset, images))
    }
    assert len(sizes) == 1
    limited = convert(
        model, tmp_path / "l.tflite", "int8", calibration_data=images, calibration_count=1
    )
    assert limited.path.read_bytes() not in sizes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quantize": "int7"}, "`quantize` must be one of.*Did you mean 'int8'"),
        ({"quantize": "none", "io_dtype": "uint8"}, 'with quantize="none"'),
        ({"quantize": "int8x16", "calibration_data": "images", "io_dtype": "int8"}, "`io_dtype`"),
        ({"quantize": "int8"}, "`calibration_data` must be given"),
        ({"quantize": "dynamic", "calibration_data": "images"}, "`calibration_data` must be None"),
        ({"quantize": "none", "keep_float": ["stem"]}, "`keep_float` must be empty"),
        ({"quantize": "dynamic", "keep_float": ["sten"]}, "Did you mean 'stem'"),
        ({"quantize": "dynamic", "keep_float": ["stem_bn"]}, "operations of their own"),
        ({"quantize": "none", "class_names": ["a", "b"]}, "2 names for outputs of"),
        ({"quantize": "int8", "calibration_data": "wide"}, r"\(n, 16, 16, 3\)"),
        ({"quantize": "int8", "calibration_data": "empty"}, "with n at least 1"),
        ({"quantize": "int8", "calibration_data": "nan"}, "must be finite"),
    ],
)
def test_contradictions_are_refused(arguments, message, model, images, tmp_path):
    data = {
        "images": images,
        "wide": np.zeros((2, 16, 20, 3)),
        "empty": images[:0],
        "nan": np.full_like(images, np.nan),
    }
    if "calibration_data" in arguments:
        arguments = {**arguments, "calibration_data": data[arguments["calibration_data"]]}
    with pytest.raises(ValueError, match=message):
        convert(model, tmp_path / "m.tflite", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_unknown_size_is_refused(tmp_path):
    image = keras.Input((None, None, 3), name="image")
    model = keras.Model(image, layers.GlobalAveragePooling2D()(image))
    with pytest.raises(ValueError, match=r"input 'image' of shape \(None, None, None, 3\)"):
        convert(model, tmp_path / "m.tflite", "none")


def test_subclassed_model_is_refused(tmp_path):
    class Mine(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(TypeError, match="subclassed model"):
        convert(Mine(), tmp_path / "m.tflite", "none")


class Bessel(layers.Layer):
    def call(self, x):
        return tf.math.bessel_i0e(x)

    def compute_output_shape(self, shape):
        return shape


def test_operation_without_builtin_form_is_named_with_its_layer(tmp_path):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, Bessel(name="odd_one")(layers.Dense(3, name="dense")(x)))
    old = tmp_path / "m.tflite"
    old.write_bytes(b"old")
    with pytest.raises(ValueError, match="BesselI0e in layer odd_one"):
        convert(model, old, "none")
    assert old.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["m.tflite"]


def test_failure_after_the_conversion_leaves_the_old_file(model, tmp_path, monkeypatch):
    old = tmp_path / "m.tflite"
    old.write_bytes(b"old")
    monkeypatch.setattr(quantizers, "to_float", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        convert(model, old, "none")
    assert old.read_bytes() == b"old"


@pytest.fixture
def pixel_model():
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(4, 3, name="stem")(layers.Rescaling(1 / 127.5, -1.0)(image))
    return keras.Model(image, layers.GlobalAveragePooling2D(name="scores")(x))


@pytest.mark.parametrize(
    ("limits", "message"),
    [((0, 1), "range of pixels divided by 255"), ((-1, 1), "values from -1 to 1|values from -0.9")],
)
def test_images_of_another_range_are_refused(limits, message, pixel_model, rng, tmp_path):
    images = rng.uniform(*limits, (4, 16, 16, 3))
    with pytest.raises(ValueError, match=message):
        convert(pixel_model, tmp_path / "m.tflite", "int8", calibration_data=images)


def test_range_can_be_given(model, rng, tmp_path):
    images = rng.uniform(0, 1, (4, 16, 16, 3))
    convert(model, tmp_path / "m.tflite", "int8", calibration_data=images, input_range=(0, 1))
    with pytest.raises(ValueError, match="range of pixels divided by 255"):
        convert(model, tmp_path / "m.tflite", "int8", calibration_data=images, input_range=(0, 255))


def test_folder_of_images_calibrates(model, pixel_model, rng, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(4):
        pixels = rng.integers(0, 256, (20, 20, 3))
        keras.utils.save_img(folder / f"{i}.png", pixels, scale=False)
    result = convert(pixel_model, tmp_path / "m.tflite", "int8", "uint8", str(folder))
    (image,) = TFLiteModel(result.path, validate=False).inputs
    np.testing.assert_allclose(image.scale * 255, 255, rtol=0.1)
    with pytest.raises(ValueError, match="`input_range`"):
        convert(model, tmp_path / "n.tflite", "int8", "uint8", folder)
    convert(model, tmp_path / "n.tflite", "int8", "uint8", folder, input_range=(-1.0, 1.0))


def test_tensors_are_named_after_layers(model, images, tmp_path):
    convert(model, tmp_path / "m.tflite", "int8", calibration_data=images)
    interpreter = Interpreter(str(tmp_path / "m.tflite"))
    names = {detail["name"] for detail in interpreter.get_tensor_details()}
    assert {"image", "scores", "stem_relu/Relu6", "pool/Mean"} <= names


def test_equal_vectors_are_stored_once():
    model = schema.ModelT(
        version=3,
        buffers=[schema.BufferT(data=np.arange(100, dtype=np.uint8)) for _ in range(50)],
        subgraphs=[],
        operatorCodes=[],
    )
    data = flatbuffer.write(model)
    assert data.count(bytes(range(100))) == 1
    again = schema.ModelT.InitFromPackedBuf(data)
    assert [bytes(bytearray(b.data)) for b in again.buffers] == [bytes(range(100))] * 50
    assert data.index(bytes(range(100))) % flatbuffer.BUFFER_ALIGNMENT == 0


def test_pixels_of_an_integer_input(rng, tmp_path):
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = layers.Conv2D(2, 3)(layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, layers.GlobalAveragePooling2D(name="scores")(x))
    images = rng.integers(0, 256, (4, 8, 8, 3)).astype("uint8")
    convert(model, tmp_path / "m.tflite", "int8", calibration_data=images)
    outputs = TFLiteModel(tmp_path / "m.tflite", validate=False).predict(images)
    np.testing.assert_allclose(outputs, model(images), atol=0.05)


def test_output_that_is_an_input_or_there_twice_is_refused(tmp_path):
    x = keras.Input((3,), name="x")
    y = layers.Dense(2)(x)
    for outputs in ({"y": y, "same": x}, {"y": y, "again": y}):
        with pytest.raises(ValueError, match="is an input or is there twice"):
            convert(keras.Model(x, outputs), tmp_path / "m.tflite", "none")


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"must be a keras\.Model\. Received: NoneType"):
        convert(None, tmp_path / "m.tflite", "none")


def test_uint8_inputs_are_pixels_where_the_range_is_given(model, images, tmp_path):
    darker = images[:8] / 2  # Their own range is half of what the model takes.
    convert(model, tmp_path / "m.tflite", "int8", "uint8", darker, input_range=(-1, 1))
    (spec,) = TFLiteModel(tmp_path / "m.tflite", validate=False).inputs
    assert spec.scale == pytest.approx(2 / 255)
    assert spec.zero_point in (127, 128)


@pytest.mark.parametrize("limits", [(1.0, 2.0), (0.0, 0.0), (1.0, -1.0)])
def test_range_without_0_is_refused(limits, model, images, tmp_path):
    with pytest.raises(ValueError, match="`input_range` must be the smallest and the largest"):
        convert(model, tmp_path / "m.tflite", "int8", calibration_data=images, input_range=limits)
