"""Ranges that integer kernels would refuse."""

import logging

import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course import MobileNetV3Small
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert, flatbuffer, inspect
from keras_cv_course.tflite.flatbuffer import output_steps

SHAPE = (6, 6, 4)


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (16, *SHAPE)).astype("float32")


def written(model, data, folder, aware, **options):
    """Returns the file, and the model that computes as it should."""
    if aware:
        model = quantize_aware(model, data)
        return convert(model, folder / "m.tflite", **options).path, model
    return convert(model, folder / "m.tflite", calibration_data=data, **options).path, model


def sum_of(weight, kind=layers.Add):
    """x + weight * (a mixture of x's channels), of which nothing else is read."""
    image = keras.Input(SHAPE, name="image")
    small = layers.Conv2D(4, 1, use_bias=False, name="small")(image)
    model = keras.Model(image, kind(name="sum")([image, small]))
    model.get_layer("small").set_weights([weight * np.eye(4)[np.newaxis, np.newaxis]])
    return model


def term_ratios(path):
    """Returns the steps of terms by those of the sum."""
    graph = flatbuffer.read(path.read_bytes()).subgraphs[0]
    (operator,) = (op for op in graph.operators if len(op.inputs) == 2)
    step = [float(graph.tensors[i].quantization.scale[0]) for i in operator.inputs]
    return [s / float(graph.tensors[operator.outputs[0]].quantization.scale[0]) for s in step]


@pytest.mark.parametrize("aware", [False, True])
@pytest.mark.parametrize("kind", [layers.Add, layers.Subtract])
def test_small_terms_stay_within_what_a_sum_takes(kind, aware, images, tmp_path, caplog):
    path, model = written(sum_of(1e-5, kind), images, tmp_path, aware, io_dtype="int8")
    ratios = sorted(term_ratios(path))
    np.testing.assert_allclose(ratios, [2**-10, 1.0], rtol=2e-3)
    assert ratios[0] >= 2**-10
    report = inspect(path, validate=False)
    assert (report.partitions, report.outside) == (1, ())
    (step,) = output_steps(path.read_bytes())
    expected = model.predict(images, verbose=0)
    outputs = TFLiteModel(path, validate=False).predict(images)
    # As the input is on the grid of the sum, the file gives it back.
    np.testing.assert_allclose(outputs, expected, atol=1e-6 if aware else 0.51 * step)
    assert "keeps little" not in caplog.text


def test_terms_that_are_large_enough_keep_their_range(images, tmp_path):
    path, _ = written(sum_of(0.01), images, tmp_path, aware=False)
    small = images.max() * 0.01 - images.min() * 0.01
    np.testing.assert_allclose(min(term_ratios(path)), small / np.ptp(images * 1.01), rtol=0.01)


@pytest.mark.parametrize("aware", [False, True])
def test_fresh_mobilenet_v3_is_one_partition_but_for_its_softmax(aware, tmp_path, rng, caplog):
    model = MobileNetV3Small((32, 32, 3), alpha=0.75, classes=4)
    images = rng.uniform(0, 255, (4, 32, 32, 3)).astype("float32")
    with caplog.at_level(logging.WARNING):
        path, model = written(model, images, tmp_path, aware)
    report = inspect(path, validate=False)
    assert report.partitions <= 2
    assert set(report.outside) <= {"SOFTMAX", "QUANTIZE", "DEQUANTIZE"}
    outputs = TFLiteModel(path, validate=False).predict(images)
    np.testing.assert_allclose(outputs, model.predict(images, verbose=0), atol=1 / 256)
    assert aware or "int8 keeps little" in caplog.text


def unsettled(variance):
    """A lone batch normalization whose first channel has seen next to no variance."""
    image = keras.Input(SHAPE, name="image")
    x = layers.BatchNormalization(epsilon=1e-12, name="norm")(image)
    model = keras.Model(image, layers.Conv2D(2, 1, name="scores")(x))
    variances = np.array([variance, 1.0, 1.0, 1.0])
    model.get_layer("norm").set_weights([np.ones(4), np.zeros(4), np.zeros(4), variances])
    return model


@pytest.mark.parametrize("aware", [False, True])
def test_multipliers_that_no_kernel_has_are_named(aware, images, tmp_path):
    images[..., 0] = 0.0  # as its variance says
    message = r"norm \(inputs over a range of 2, outputs over 2: a multiplier of .*settle them"
    with pytest.raises(ValueError, match=message):
        written(unsettled(1e-12), images, tmp_path, aware)
    assert not list(tmp_path.iterdir())
    path, _ = written(unsettled(1e-2), images, tmp_path, aware)
    assert inspect(path, validate=False).partitions == 1


@pytest.mark.parametrize("aware", [False, True])
def test_output_that_is_always_0(aware, images, tmp_path):
    """A ReLU that no image gets through: the file opens, and gives 0."""
    image = keras.Input(SHAPE, name="image")
    dead = layers.Conv2D(3, 1, activation="relu", name="dead")(image)
    model = keras.Model(image, layers.Concatenate()([dead, image]))
    model.get_layer("dead").set_weights([np.ones((1, 1, 4, 3)), np.full(3, -9.0)])
    path, model = written(model, images, tmp_path, aware)
    outputs = TFLiteModel(path, validate=False).predict(images)
    np.testing.assert_array_equal(outputs[..., :3], 0)
    np.testing.assert_allclose(outputs[..., 3:], images, atol=1 / 127)


@pytest.mark.parametrize("aware", [False, True])
def test_softmax_of_logits_that_are_almost_equal(aware, images, tmp_path):
    image = keras.Input(SHAPE, name="image")
    x = layers.Dense(3, name="line")(layers.Flatten()(image))
    model = keras.Model(image, layers.Softmax(name="probabilities")(x))
    kernel, bias = model.get_layer("line").get_weights()
    model.get_layer("line").set_weights([1e-9 * kernel, bias])
    path, model = written(model, images, tmp_path, aware)
    outputs = TFLiteModel(path, kernels="reference", validate=False).predict(images)
    np.testing.assert_array_equal(outputs, 85 / 256)
    np.testing.assert_allclose(model.predict(images, verbose=0), outputs, atol=1 / 256)
