"""Float islands in the middle of a network: int8, float, int8 and float in one file."""

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from keras import layers, ops

from keras_cv_course.layers.detection_postprocess import DetectionPostProcess
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.quantization.islands import float_islands
from keras_cv_course.tflite import TFLiteModel, compare, convert, flatbuffer
from keras_cv_course.tflite.segments import cut

ANCHORS = np.random.default_rng(1).uniform(0.2, 0.6, (16, 4)).astype("float32")
INT8, FLOAT32 = schema.TensorType.INT8, schema.TensorType.FLOAT32


@keras.saving.register_keras_serializable(package="test_float_islands")
class Decode(layers.Layer):
    """Has a logarithm, which has no int8 form."""

    float_island = True

    def call(self, inputs):
        return ops.log(ops.square(inputs) + 0.25)


@keras.saving.register_keras_serializable(package="test_float_islands")
class DecodeAlone(Decode):
    converts_alone = True


@keras.saving.register_keras_serializable(package="test_float_islands")
class BestAlone(layers.Layer):
    """Two results, of which one has a hundred times the range of the other."""

    float_island = True
    converts_alone = True

    def call(self, inputs):
        largest = ops.max(inputs, axis=(1, 2))
        return {"small": largest / 100, "large": inputs * 3 + ops.log(ops.abs(inputs) + 1)}


def chain(first, second):
    """int8, float, int8, float; a map goes past the first island, too."""
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="stem")(image)
    passed = layers.Conv2D(4, 1, name="passed")(x)
    y = first(layers.Conv2D(4, 1, name="before")(x))
    y = layers.Concatenate(name="beside")([y, passed])
    y = layers.Flatten(name="flat")(layers.Conv2D(5, 3, name="middle")(y))
    return keras.Model(image, second(layers.Dense(7, name="dense")(y)), name="net")


def operators(path):
    """(name of the operator, types of the activations that go in and come out) of each."""
    model = flatbuffer.read(path.read_bytes())
    graph = model.subgraphs[0]
    names = {v: k for k, v in vars(schema.BuiltinOperator).items()}
    made = {int(i) for op in graph.operators for i in op.outputs} | set(map(int, graph.inputs))
    rows = []
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        types = [graph.tensors[i].type for i in (*op.inputs, *op.outputs) if int(i) in made]
        rows.append((names[max(code.builtinCode, code.deprecatedBuiltinCode)], types))
    return rows


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (32, 8, 8, 3)).astype("float32")


@pytest.mark.parametrize("kind", [Decode, DecodeAlone], ids=["inline", "alone"])
@pytest.mark.parametrize("quantize", ["none", "dynamic", "int8", "int8x16", "aware"])
def test_islands_in_the_middle_and_at_the_end_compute_in_float(kind, quantize, images, tmp_path):
    model = chain(kind(name="decode_1"), kind(name="decode_2"))
    assert float_islands(model) == ["decode_1", "decode_2"]
    calibration = images if quantize in ("int8", "int8x16") else None
    if quantize == "aware":
        model, quantize = quantize_aware(model, images), "int8"
    path = convert(model, tmp_path / "m.tflite", quantize, calibration_data=calibration).path
    file = TFLiteModel(path)
    assert [x.name for x in (*file.inputs, *file.outputs)] == ["image", "decode_2"]
    expected = model.predict(images, verbose=0)
    outputs = file.predict(images)
    tolerance = {"none": 1e-5, "dynamic": 0.05, "int8": 0.05, "int8x16": 0.01}[quantize]
    np.testing.assert_allclose(outputs, expected, atol=tolerance * np.ptp(expected))
    rows = operators(path)
    logs = [types for name, types in rows if name in ("LOG", "POW")]
    assert logs == [[FLOAT32, FLOAT32]] * 2
    if quantize != "int8":
        return
    convolutions = [types for name, types in rows if name in ("CONV_2D", "FULLY_CONNECTED")]
    assert convolutions == [[INT8, INT8]] * 5
    names = [name for name, _ in rows]
    # In, out and in again around the first island, and out before the second. The map that goes
    # past it may change its step, in integers.
    assert names.count("DEQUANTIZE") == 2
    assert sum(types == [FLOAT32, INT8] for name, types in rows if name == "QUANTIZE") == 2


@pytest.mark.parametrize("kind", [Decode, DecodeAlone], ids=["inline", "alone"])
def test_quantization_aware_islands_are_their_file(kind, images, tmp_path):
    model = quantize_aware(chain(kind(name="decode_1"), kind(name="decode_2")), images)
    model.compile("adam", "mse", run_eagerly=True)
    model.train_on_batch(images, np.zeros((32, 7)))
    path = convert(model, tmp_path / "m.tflite").path
    report = compare(model, path, images)
    assert report.outputs[0].worst_error < 1e-4
    assert report.worst_tensors


def test_results_of_an_island_have_a_range_each(images, tmp_path):
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="stem")(image)
    best = BestAlone(name="best")(x)
    small = layers.Dense(4, name="small")(best["small"])
    large = layers.Conv2D(4, 1, name="large")(best["large"])
    again = layers.Conv2D(2, 1, name="again")(x)
    model = keras.Model(image, {"a": small, "b": large, "c": again, "d": best["small"]})
    aware = quantize_aware(model, images)
    for network, data in ((model, images), (aware, None)):
        path = convert(network, tmp_path / "m.tflite", "int8", calibration_data=data).path
        file = TFLiteModel(path)
        assert [y.name for y in file.outputs] == ["a", "b", "c", "d"]
        outputs = file.predict(images)
        for name, expected in network.predict(images, verbose=0).items():
            # What an island gives is not rounded in the file where it is an output, too.
            share = 0.03 if data is not None else 0.51 / 255 if name == "d" else 1e-4
            span = max(0.0, expected.max()) - min(0.0, expected.min())
            np.testing.assert_allclose(outputs[name], expected, atol=share * span)


def test_suppression_in_the_middle_is_the_operator(images, tmp_path):
    """The boxes that it finds go through a dense layer; scores are an output, too."""
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(8, 3, 2, padding="same", activation="relu", name="stem")(image)
    codes = layers.Reshape((16, 4))(layers.Conv2D(4, 1, name="z_codes")(x))
    scores = layers.Reshape((16, 2))(layers.Conv2D(2, 1, activation="sigmoid", name="scores")(x))
    proposals = DetectionPostProcess(ANCHORS, 2, max_detections=5, name="proposals")(
        [codes, scores]
    )
    boxes = layers.Flatten()(proposals["boxes"])
    model = keras.Model(image, {"sizes": layers.Dense(3)(boxes), "scores": proposals["scores"]})
    for quantize, data in (("none", None), ("int8", images)):
        path = convert(model, tmp_path / "m.tflite", quantize, calibration_data=data).path
        assert [name for name, _ in operators(path)].count("CUSTOM") == 1
        outputs = TFLiteModel(path).predict(images)
        expected = model.predict(images, verbose=0)
        # An int8 network may choose boxes of nearly equal scores in another order.
        name, atol = ("sizes", 1e-4) if quantize == "none" else ("scores", 0.02)
        np.testing.assert_allclose(outputs[name], expected[name], atol=atol)


def test_islands_may_vanish_into_a_constant(images, tmp_path):
    """What does not depend on the input is a constant in the file."""

    class Constant(Decode):
        def call(self, inputs):
            return super().call(ops.zeros_like(inputs))

    x = image = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 1, name="conv")(x)
    model = keras.Model(image, layers.Add(name="sum")([y, Constant(name="constant")(y)]))
    path = convert(model, tmp_path / "m.tflite", "int8", calibration_data=images).path
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(TFLiteModel(path).predict(images), expected, atol=0.05)


def test_inputs_that_only_a_later_piece_reads(images, tmp_path, rng):
    later, image = keras.Input((4,), name="a_later"), keras.Input((8, 8, 3), name="image")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="stem")(image))
    x = layers.Concatenate()([DecodeAlone(name="decode")(x), later])
    model = keras.Model([image, later], layers.Dense(3, name="scores")(x))
    data = {"image": images, "a_later": rng.uniform(-2, 2, (32, 4)).astype("float32")}
    inputs = [data["image"], data["a_later"]]
    for quantize in ("none", "int8"):
        calibration = inputs if quantize == "int8" else None
        path = convert(model, tmp_path / "m.tflite", quantize, calibration_data=calibration).path
        file = TFLiteModel(path)
        assert [x.name for x in file.inputs] == ["image", "a_later"]
        expected = model.predict(inputs, verbose=0)
        np.testing.assert_allclose(file.predict(data), expected, atol=0.05 * np.ptp(expected))
    with pytest.raises(ValueError, match=r'"float32" for a model whose.*inputs \[\'a_later\'\]'):
        convert(model, path, "int8", "uint8", inputs)


def test_integers_in_and_out_around_an_island(images, tmp_path):
    image = keras.Input((8, 8, 3), name="image")
    x = DecodeAlone(name="decode")(layers.Conv2D(4, 3, name="stem")(image))
    model = keras.Model(image, layers.Dense(3, name="scores")(layers.Flatten()(x)))
    path = convert(model, tmp_path / "m.tflite", "int8", "uint8", images, input_range=(-1, 1)).path
    file = TFLiteModel(path)
    assert [x.dtype for x in (*file.inputs, *file.outputs)] == ["uint8", "uint8"]
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(file.predict(images), expected, atol=0.05 * np.ptp(expected))


def test_pieces_have_the_names_of_layers_in_between():
    pieces = cut(chain(DecodeAlone(name="decode_1"), DecodeAlone(name="decode_2")), ["y"])
    assert [p.island and p.island.layer.name for p in pieces] == [
        None,
        "decode_1",
        None,
        "decode_2",
    ]
    assert [p.outputs for p in pieces] == [("before", "passed"), ("decode_1",), ("dense",), ("y",)]
    assert [p.passed for p in pieces] == [(), ("passed",), (), ()]
