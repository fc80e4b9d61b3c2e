import keras
import numpy as np
import pytest
from contracts.random_weights import copy_weights, randomize
from keras import layers

from keras_cv_course import CifarResNet, ResNet8, WideResNet, complexity, models
from keras_cv_course.backbones.cifar_resnet import cifar_rows

# Trainable parameters with 10 classes. The paper prints 0.27 to 1.7 million for shortcuts without
# projection, which has 2 752 parameters less.
COUNTS = {
    "ResNet20": (272_474, 0.27),
    "ResNet32": (466_906, 0.46),
    "ResNet44": (661_338, 0.66),
    "ResNet56": (855_770, 0.85),
    "ResNet110": (1_730_714, 1.7),
}
WIDE = {(16, 8): 10_961_370, (28, 10): 36_479_194, (40, 4): 8_949_210}


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_the_paper(name):
    parameters = complexity(getattr(models, name)(classes=10)).trainable_parameters
    exact, millions = COUNTS[name]
    assert parameters == exact
    assert (parameters - 2752) / 1e6 == pytest.approx(
        millions, abs=0.05 if millions == 1.7 else 0.006
    )


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(("depth", "width"), WIDE)
def test_counts_of_wide_networks(depth, width):
    model = WideResNet(depth=depth, width=width, classes=10)
    assert complexity(model).trainable_parameters == WIDE[depth, width]
    # The paper counts the three projections.
    assert sum(isinstance(x, layers.Conv2D) for x in model.layers) == depth


def mlperf_tiny():
    """The network of MLPerf Tiny's reference, by its description."""

    def convolution(x, filters, strides=1, size=3):
        return layers.Conv2D(filters, size, strides, "same")(x)

    x = image = keras.Input((32, 32, 3))
    x = layers.ReLU()(layers.BatchNormalization()(convolution(x, 16)))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.ReLU()(layers.BatchNormalization()(convolution(x, filters, strides)))
        y = layers.BatchNormalization()(convolution(y, filters))
        x = x if strides == 1 else convolution(x, filters, strides, 1)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def test_resnet8_equals_mlperf_tinys(rng, float64, tmp_path):
    reference = mlperf_tiny()
    assert reference.count_params() == ResNet8(classes=10).count_params() == 78_666
    pixels = rng.uniform(0, 255, (3, 32, 32, 3)).astype("float32")
    randomize(reference, rng, pixels)
    model = ResNet8(classes=10, preprocessing=False)
    copy_weights(reference, model)
    expected = np.asarray(reference(pixels))
    assert np.ptp(expected, axis=0).max() > 0.03
    np.testing.assert_allclose(model(pixels), expected, atol=1e-8)
    reference.save_weights(tmp_path / "reference.weights.h5")
    options = {"classes": 10, "preprocessing": False, "weights": tmp_path / "reference.weights.h5"}
    np.testing.assert_allclose(ResNet8(**options)(pixels), expected, atol=1e-6)


@pytest.mark.usefixtures("weightless")
def test_a_wide_networks_dropped_blocks_and_widths():
    model = WideResNet(depth=10, width=2, drop_connect_rate=0.3)
    assert [x.rate for x in model.layers if x.name.endswith("_drop")] == pytest.approx([0.1, 0.2])
    sizes = [x.filters for x in model.layers if x.name.endswith("_third_conv")]
    assert sizes == [32, 64, 128]
    assert model.get_layer("stem_conv").filters == 16


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: WideResNet(depth=27), r"`depth` must be 4 more .* 27\. Nearest: 28"),
        (lambda: WideResNet(width=0), "`width` must be a number above 0"),
        (lambda: CifarResNet(form="v1"), "`form` must be one of"),
        (lambda: CifarResNet(rows=cifar_rows(1), weights="imagenet"), "of CIFAR's size"),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
