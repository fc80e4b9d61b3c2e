import keras
import numpy as np
import pytest

from keras_cv_course.layers.grouped_convolution import GroupedConv2D
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.quantization.grouped import with_plain_groups
from keras_cv_course.tflite import TFLiteModel, convert, inspect


@pytest.fixture
def model():
    """Two grouped convolutions, by channels and by groups, one of them called twice."""
    image = keras.Input((8, 8, 8), name="image")
    shared = GroupedConv2D(8, 3, groups=4, padding="same", name="shared")
    x = keras.layers.ReLU()(shared(keras.layers.ReLU()(shared(image))))
    x = keras.layers.Concatenate()([x] * 3)
    x = GroupedConv2D(12, 3, groups=2, strides=2, padding="same", use_bias=False)(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return keras.Model(image, x)


@pytest.fixture
def images(rng):
    return rng.normal(size=(8, 8, 8, 8)).astype("float32")


def test_a_model_without_groups_is_left_as_it_is():
    image = keras.Input((8, 8, 2))
    model = keras.Model(image, keras.layers.Conv2D(4, 3, groups=2)(image))
    assert with_plain_groups(model) is model


def test_the_pass_leaves_the_function(model, images):
    plain = with_plain_groups(model)
    assert not any(isinstance(layer, GroupedConv2D) for layer in plain.layers)
    assert [x.groups for x in plain.layers if isinstance(x, keras.layers.Conv2D)] == [4, 2]
    # In one tf.function: the layer by layer way compiles each shape of a grouped convolution.
    np.testing.assert_allclose(plain.predict(images, verbose=0), model(images), atol=1e-5)


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_a_file_has_one_convolution_for_each(quantize, model, images, tmp_path):
    data = images if quantize == "int8" else None
    path = convert(model, tmp_path / "m.tflite", quantize, calibration_data=data).path
    report = inspect(path)
    assert report.operators.count("CONV_2D") == 3
    assert not set(report.operators) - {"CONV_2D", "CONCATENATION", "QUANTIZE", "DEQUANTIZE"}
    assert report.partitions == 1
    atol = 1e-5 if data is None else 0.05 * np.abs(model(images)).max()
    np.testing.assert_allclose(TFLiteModel(path).predict(images), model(images), atol=atol)


def test_quantization_aware_it_trains_by_the_same_kernels(model, images, tmp_path):
    aware = quantize_aware(model, images)
    assert any(isinstance(layer, GroupedConv2D) for layer in aware.layers)
    aware.compile(keras.optimizers.SGD(1e-3), "mse", run_eagerly=True)
    aware.train_on_batch(images, np.zeros((8, 4, 4, 12)))
    path = convert(aware, tmp_path / "m.tflite").path
    assert inspect(path).operators.count("CONV_2D") == 3
    np.testing.assert_array_equal(TFLiteModel(path).predict(images), aware(images))
