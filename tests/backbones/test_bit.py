import keras
import numpy as np
import pytest
from contracts.random_weights import randomize

from keras_cv_course import BiT, complexity, models
from keras_cv_course.backbones.resnet import bottleneck_rows
from keras_cv_course.layers.standardized_convolution import StandardizedConv2D
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert, inspect

# Trainable parameters with 1000 classes, and without a classifier.
COUNTS = {
    "BiTR50x1": (25_549_352, 23_500_352),
    "BiTR50x3": (217_319_080, 211_174_080),
    "BiTR101x1": (44_541_480, 42_492_480),
    "BiTR101x3": (387_934_888, 381_789_888),
    "BiTR152x2": (236_335_208, 232_238_208),
    "BiTR152x4": (936_533_224, 928_340_224),
}
TINY = bottleneck_rows(1, 1)


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "BiTR50x1" else pytest.mark.slow) for n in COUNTS]
)
def test_counts(name):
    builder = getattr(models, name)
    counts = complexity(builder())
    assert counts.parameters == counts.trainable_parameters == COUNTS[name][0]
    assert builder(include_top=False).count_params() == COUNTS[name][1]


def test_a_kernel_has_mean_0_and_variance_1_when_it_is_used(rng):
    layer = StandardizedConv2D(5, 3, padding="same")
    x = rng.normal(size=(2, 6, 6, 4)).astype("float32")
    layer.build(x.shape)
    kernel = np.asarray(layer.kernel, np.float64)
    flat = kernel.reshape(-1, 5)
    expected = ((flat - flat.mean(0)) / flat.std(0)).reshape(kernel.shape)
    plain = keras.layers.Conv2D(5, 3, padding="same")
    plain.build(x.shape)
    plain.set_weights([expected, np.zeros(5)])
    np.testing.assert_allclose(layer(x), plain(x), atol=1e-4)


def group_norm(x, groups, gamma, beta):
    """Group normalization in NumPy."""
    apart = x.reshape(*x.shape[:3], groups, -1)
    mean = apart.mean((1, 2, 4), keepdims=True)
    variance = apart.var((1, 2, 4), keepdims=True)
    return ((apart - mean) / np.sqrt(variance + np.float32(1e-5))).reshape(x.shape) * gamma + beta


def test_normalizes_groups_of_channels_of_each_image(rng, float64):
    model = BiT((33, 33, 3), TINY, 0.5, include_top=False)
    images = rng.uniform(-1, 1, (2, 33, 33, 3)).astype("float32")
    randomize(model, rng, images)
    norm = model.get_layer("stage1_block1_first_gn")
    assert norm.groups == 32
    outputs = [model.get_layer("stem_pool").output, norm.output]
    x, actual = map(np.asarray, keras.Model(model.input, outputs)(images))
    np.testing.assert_allclose(actual, group_norm(x, 32, *norm.get_weights()), atol=1e-8)


def test_with_batch_normalization_it_is_an_int8_file(unsettle, rng, tmp_path):
    model = unsettle(BiT((33, 33, 3), TINY, 0.25, "batch", classes=5, classifier_activation=None))
    images = rng.uniform(-1, 1, (16, 33, 33, 3)).astype("float32")
    path = convert(model, tmp_path / "m.tflite", "int8", "int8", images).path
    report = inspect(path)
    assert report.partitions == 1 or set(report.outside) == {"MAX_POOL_2D"}
    assert not {"SUB", "RSQRT", "SQUARED_DIFFERENCE"} & set(report.operators)
    expected = np.asarray(model(images))
    assert np.std(TFLiteModel(path).predict(images) - expected) < 0.1 * np.std(expected)
    aware = quantize_aware(model, images)
    assert not any(isinstance(layer, StandardizedConv2D) for layer in aware.layers)


def test_a_float_file_has_the_standardized_kernels(rng, tmp_path):
    model = BiT((33, 33, 3), TINY, 0.25, "batch", classes=5, classifier_activation=None)
    images = rng.uniform(-1, 1, (2, 33, 33, 3)).astype("float32")
    path = convert(model, tmp_path / "m.tflite", "none").path
    assert set(inspect(path).operators) <= {
        *("ADD", "CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "MEAN", "MUL", "PAD"),
    }
    np.testing.assert_allclose(TFLiteModel(path).predict(images), model(images), rtol=1e-5)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="`normalization` must be one of 'group', 'batch'"):
        BiT(normalization="layer")
    with pytest.raises(ValueError, match=r"keras\.applications has no BiT"):
        BiT((32, 32, 3), TINY, weights="imagenet")
