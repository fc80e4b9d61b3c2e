import keras
import numpy as np
import pytest
from contracts.random_weights import copy_weights, parity, randomize
from keras.src.applications.resnet import ResNet, stack_residual_blocks_v2

from keras_cv_course import ResNetV2, complexity, feature_maps, models
from keras_cv_course.backbones.rows import BottleneckRow

# keras.applications': all parameters, those that are trained, multiply-adds at 224 pixels.
KERAS = {
    "ResNet50V2": (25_613_800, 25_568_360, 3_482_255_360),
    "ResNet101V2": (44_675_560, 44_577_896, 7_194_476_544),
    "ResNet152V2": (60_380_648, 60_236_904, 10_906_697_728),
}
REPEATS = (2, 3, 2, 2)
NARROW = tuple(
    (BottleneckRow(32 * s, 8 * s, repeats=n - 1), BottleneckRow(32 * s, 8 * s, strides=step))
    for s, (n, step) in enumerate(zip(REPEATS, (2, 2, 2, 1), strict=True), 3)
)


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if "50" in n else pytest.mark.slow) for n in KERAS]
)
def test_counts_are_those_of_keras_applications(name):
    counts = complexity(getattr(models, name)())
    assert (counts.parameters, counts.trainable_parameters, counts.mult_adds) == KERAS[name]


def applications_resnet(size):
    """A narrower ResNet by the functions of keras.applications."""

    def stages(x):
        for s, n in enumerate(REPEATS, 3):
            x = stack_residual_blocks_v2(x, 8 * s, n, 1 if s == 6 else 2, f"conv{s}")
        return x

    return ResNet(stages, True, True, False, None, None, (*size, 3), "avg")


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (64, 33)])
def test_equals_keras_applications(size, rng, float64):
    model = ResNetV2((*size, 3), NARROW, include_top=False, pooling="avg")
    images = rng.uniform(-1, 1, (2, *size, 3)).astype("float32")
    assert parity(applications_resnet(size), model, images, rng) < 1e-8
    other = applications_resnet(size)
    copy_weights(model, other)
    np.testing.assert_allclose(other(images), model(images), atol=1e-8)


@pytest.mark.slow
def test_the_published_one_equals_keras_applications(rng, float64):
    options = {"input_shape": (33, 33, 3), "classifier_activation": None, "weights": None}
    reference = keras.applications.ResNet50V2(**options)
    images = rng.uniform(-1, 1, (2, 33, 33, 3)).astype("float32")
    assert parity(reference, models.ResNet50V2(**options), images, rng) < 1e-5


def test_files_of_keras_applications(rng, float64, tmp_path):
    reference = applications_resnet((65, 65))
    images = rng.uniform(-1, 1, (2, 65, 65, 3)).astype("float32")
    randomize(reference, rng, images)
    reference.save_weights(tmp_path / "v2.weights.h5")
    options = {"include_top": False, "pooling": "avg", "weights": tmp_path / "v2.weights.h5"}
    model = ResNetV2((65, 65, 3), NARROW, **options)
    np.testing.assert_allclose(model(images), reference(images), atol=1e-6)


@pytest.mark.usefixtures("weightless")
def test_feature_maps_end_before_the_step():
    maps = feature_maps(models.ResNet50V2(include_top=False), ("P2", "P3", "P4", "P5")).output
    assert [x.shape[-1] for x in maps.values()] == [256, 512, 1024, 2048]
    names = [x._keras_history.operation.name for x in maps.values()]
    assert names == ["stage1_block2_add", "stage2_block3_add", "stage3_block5_add", names[3]]


def test_other_weights_are_not_on_the_net():
    with pytest.raises(ValueError, match=r"keras\.applications has ResNet50V2, ResNet101V2"):
        ResNetV2((32, 32, 3), NARROW, weights="imagenet")
