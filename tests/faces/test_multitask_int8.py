"""Int8 files of a multitask network, in the units of its tasks."""

import numpy as np
import pytest
from tiny_backbone import tiny_backbone

from keras_cv_course.faces.analysis import FaceAnalyzer
from keras_cv_course.faces.multitask import MultitaskFaceNetwork
from keras_cv_course.faces.multitask_training import compile_arguments
from keras_cv_course.faces.tasks import Age, Gender, Identity, Landmarks, Pose, Smile
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert, inspect

SHAPE = (32, 32, 3)
TASKS = (Landmarks(points=5, visibility=True), Pose(), Smile(), Gender(), Age(), Identity(people=6))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (24, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def model(images):
    """A network whose heads say different things of different images."""
    model = MultitaskFaceNetwork(tiny_backbone(), TASKS)
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if layer.name.endswith("_hidden_dense"):
            kernel, bias = layer.get_weights()
            layer.set_weights([30 * kernel, rng.uniform(0, 0.5, bias.shape)])
    return model


@pytest.fixture(scope="module")
def outputs(model, images):
    return model.predict(images, verbose=0)


def test_calibrated_file_has_an_output_with_a_range_of_its_own_for_each_task(
    model, images, outputs, tmp_path
):
    path = convert(model, tmp_path / "m.tflite", "int8", "int8", calibration_data=images).path
    file = TFLiteModel(path, validate=False)
    steps = {spec.name: spec.scale for spec in file.outputs}
    assert set(steps) == set(outputs)
    # Years, degrees, shares of the image: one step of each is fine in its unit.
    assert steps["age"] < 0.5
    assert steps["landmarks"] < 0.01
    assert steps["smile"] == steps["visibility"] == 1 / 256
    actual = file.predict(images)
    for name, values in outputs.items():
        spread = values.max() - values.min()
        assert np.abs(actual[name] - values).max() < max(0.2 * spread, 3 * steps[name]), name


def test_graph_has_neither_shape_arithmetic_nor_conversions_inside(model, images, tmp_path):
    path = convert(model, tmp_path / "m.tflite", "int8", "int8", calibration_data=images).path
    operations = inspect(path, validate=False).operators
    assert not {"SHAPE", "STRIDED_SLICE", "PACK", "PAD", "QUANTIZE", "DEQUANTIZE"} & set(operations)
    assert set(operations) <= {
        "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "LOGISTIC",
        "MEAN", "RESHAPE",
    }  # fmt: skip


@pytest.mark.slow
def test_quantization_aware_file_gives_what_was_trained(model, images, tmp_path):
    aware = quantize_aware(model, calibration_data=images)
    aware.compile("adam", **compile_arguments(TASKS))
    nan = np.full((24, 1), np.nan, np.float32)
    labels = {name: np.repeat(nan, size, 1) for name, size in
              (("landmarks", 10), ("visibility", 5), ("pose", 3), ("gender", 1), ("identity", 1))}  # fmt: skip
    labels["age"] = np.linspace(20, 60, 24, dtype=np.float32)[:, None]
    labels["smile"] = np.float32(np.arange(24) % 2)[:, None]
    losses = aware.fit(images, labels, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]

    path = convert(aware, tmp_path / "aware.tflite").path
    expected = aware.predict(images, verbose=0)
    file = TFLiteModel(path, validate=False)
    actual = file.predict(images)
    assert set(actual) == set(expected)
    for name, values in expected.items():
        # A step of rounding at most; the ranges are those that were trained.
        step = (values.max() - values.min()) / 255 + 1 / 256
        assert np.abs(actual[name] - values).max() <= max(step, 1e-6), name

    by_model, by_file = (
        FaceAnalyzer(predict, SHAPE).analyze(np.full((40, 50, 3), 90, np.uint8))
        for predict in (aware, file)
    )
    assert by_file["age"].value == pytest.approx(by_model["age"].value, abs=0.5)
    np.testing.assert_allclose(by_file["landmarks"].value, by_model["landmarks"].value, atol=0.5)
    assert by_file["gender"].value == by_model["gender"].value
