"""Outputs that one layer gives: each has a name of its own, the same in every kind of file."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course._unique_names import unique_names
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, compare, convert
from keras_cv_course.tflite.quantizers import SCHEMES

KINDS = ("aware", *SCHEMES)
NUMBERS = ("", "_1", "_2", "_3", "_4")


def shared_heads():
    """RetinaNet's form: one tower and two heads on five maps."""
    x = keras.Input((32, 32, 3))
    maps = [x]
    for level in range(3, 8):
        conv = layers.Conv2D(8, 3, 2, padding="same", activation="relu", name=f"P{level}")
        maps.append(conv(maps[-1]))
    tower = layers.Conv2D(8, 3, padding="same", activation="relu", name="tower")
    classes = layers.Conv2D(4, 3, padding="same", activation="sigmoid", name="classes")
    boxes = layers.Conv2D(4, 3, padding="same", name="boxes")
    features = [tower(p) for p in maps[1:]]
    return keras.Model(x, [head(p) for head in (classes, boxes) for p in features])


def siamese():
    """An encoder that is called twice, and both vectors are outputs."""
    x = keras.Input((8, 8, 1))
    h = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(x))
    encoder = keras.Model(x, layers.Dense(4, name="code")(h), name="encoder")
    pair = [keras.Input((8, 8, 1), name=name) for name in ("a", "b")]
    return keras.Model(pair, [encoder(x) for x in pair])


def test_a_number_is_none_that_another_name_has():
    assert unique_names(["cls", "cls", "cls_1", "box"]) == ("cls", "cls_2", "cls_1", "box")


@pytest.mark.parametrize("quantize", KINDS)
@pytest.mark.parametrize(
    ("build", "names"),
    [
        (shared_heads, [f"{head}{number}" for head in ("classes", "boxes") for number in NUMBERS]),
        (siamese, ["encoder", "encoder_1"]),
    ],
)
def test_every_output_of_a_shared_layer_is_in_the_file(build, names, quantize, rng, tmp_path):
    model = build()
    arrays = [rng.uniform(-1, 1, (6, *x.shape[1:])).astype("float32") for x in model.inputs]
    data = arrays if len(arrays) > 1 else arrays[0]
    calibration = data if SCHEMES.get(quantize, SCHEMES["none"]).calibrated else None
    if quantize == "aware":
        model, quantize = quantize_aware(model, data), "int8"
    path = convert(model, tmp_path / "m.tflite", quantize, calibration_data=calibration).path
    file = TFLiteModel(path, validate=False)
    inputs = dict(zip((x.name for x in model.inputs), arrays, strict=True))
    outputs = file.predict(inputs if len(arrays) > 1 else data)
    assert list(outputs) == [y.name for y in file.outputs] == names
    tolerance = 0.1 if quantize == "int4" else 0.02
    for y, expected in zip(outputs.values(), model.predict(data, verbose=0), strict=True):
        assert y.shape == expected.shape
        np.testing.assert_allclose(y, expected, atol=tolerance * max(1.0, np.ptp(expected)))
    report = compare(model, path, data)
    assert [y.name for y in report.outputs] == names
    # Two maps give different errors: none is compared in another's place.
    expected = model.predict(data, verbose=0)
    for row, y, wanted in zip(report.outputs, outputs.values(), expected, strict=True):
        assert row.worst_error == pytest.approx(np.abs(y - wanted).max(), abs=1e-7)


def test_heads_that_stay_in_float_have_the_same_names(rng, tmp_path):
    model = siamese()
    data = [rng.uniform(-1, 1, (6, 8, 8, 1)).astype("float32") for _ in range(2)]
    aware = quantize_aware(model, data, keep_float=["code"])
    path = convert(aware, tmp_path / "m.tflite").path
    report = compare(aware, path, data)
    assert [y.name for y in report.outputs] == ["encoder", "encoder_1"]
    assert [y.step for y in report.outputs] == [None, None]
    assert max(y.worst_error for y in report.outputs) < 1e-6
