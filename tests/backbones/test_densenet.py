import keras
import numpy as np
import pytest
from contracts.random_weights import copy_weights, parity, randomize
from keras.src.applications import densenet as applications

from keras_cv_course import DenseNet, DenseNetBC, complexity, feature_maps, models
from keras_cv_course.blocks.stem_normalization import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    stem_normalization,
)

# All parameters, those that are trained, multiply-adds at 224 pixels: of keras.applications, and
# of DenseNet-264 by arithmetic.
COUNTS = {
    "DenseNet121": (8_062_504, 7_978_856, 2_834_161_664),
    "DenseNet169": (14_307_880, 14_149_480, 3_359_843_328),
    "DenseNet201": (20_242_984, 20_013_928, 4_291_365_888),
    "DenseNet264": (33_736_232, 33_337_704, 5_751_653_376),
}


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if "121" in n else pytest.mark.slow) for n in COUNTS]
)
def test_counts(name):
    counts = complexity(getattr(models, name)())
    assert (counts.parameters, counts.trainable_parameters, counts.mult_adds) == COUNTS[name]


@pytest.mark.usefixtures("weightless")
def test_a_growth_rate_of_48_has_torchvisions_161_layers():
    counts = complexity(DenseNet(repeats=(6, 12, 36, 24), growth_rate=48))
    assert counts.trainable_parameters == 28_681_000


@pytest.mark.usefixtures("weightless")
def test_cifar_counts():
    """Table 2, arXiv:1608.06993: 0.8 million parameters of 100 layers that add 12 channels each."""
    assert complexity(DenseNetBC(classes=10)).trainable_parameters == 769_162
    weights = [x for x in DenseNetBC(depth=40, classes=10).layers if hasattr(x, "kernel")]
    assert len(weights) == 40


def applications_densenet(size, **options):
    image = keras.Input((*size, 3))
    x = stem_normalization(image, IMAGENET_MEAN, IMAGENET_DEVIATION)
    options = {"weights": None, "input_tensor": x, **options}
    return keras.Model(image, applications.DenseNet([2, 1, 2, 1], **options).output)


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (64, 33)])
def test_equals_keras_applications(size, rng, float64):
    model = DenseNet((*size, 3), (2, 1, 2, 1), include_top=False, pooling="avg")
    pixels = rng.uniform(0, 255, (2, *size, 3)).astype("float32")
    reference = applications_densenet(size, include_top=False, pooling="avg")
    assert parity(reference, model, pixels, rng) < 1e-8
    other = applications_densenet(size, include_top=False, pooling="avg")
    copy_weights(model, other)
    np.testing.assert_allclose(other(pixels), model(pixels), atol=1e-8)


def test_files_of_keras_applications(rng, tmp_path, float64):
    reference = applications_densenet((65, 65), classes=5, classifier_activation=None)
    pixels = rng.uniform(0, 255, (2, 65, 65, 3)).astype("float32")
    randomize(reference, rng, pixels)
    reference.save_weights(tmp_path / "dense.weights.h5")
    options = {"classes": 5, "classifier_activation": None}
    model = DenseNet((65, 65, 3), (2, 1, 2, 1), weights=tmp_path / "dense.weights.h5", **options)
    np.testing.assert_allclose(model(pixels), reference(pixels), atol=1e-5)


@pytest.mark.slow
def test_imagenet_is_what_keras_downloads(monkeypatch, rng, tmp_path):
    reference = keras.applications.DenseNet121(weights=None, include_top=False)
    randomize(reference, rng, rng.uniform(-2, 2, (2, 64, 64, 3)))
    reference.save_weights(tmp_path / "downloaded.weights.h5")
    asked = []

    def get_file(name, *_, **__):
        asked.append(name)
        return str(tmp_path / "downloaded.weights.h5")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    model = models.DenseNet121(include_top=False, weights="imagenet")
    assert asked == ["densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5"]
    for own, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(own, theirs)


@pytest.mark.usefixtures("weightless")
def test_channels_of_blocks_and_transitions():
    """64 + 6 * 32 = 256, of which a transition leaves half; and so on."""
    model = models.DenseNet121()
    maps = feature_maps(model, ("P2", "P3", "P4")).output
    assert [x.shape[-1] for x in maps.values()] == [256, 512, 1024]
    transitions = [x for x in model.layers if x.name.endswith("_transition_conv")]
    assert [x.filters for x in transitions] == [128, 256, 512]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DenseNet(growth_rate=0), "`growth_rate`"),
        (lambda: DenseNetBC(depth=50), "`depth` must be 4 more than a multiple of 6.* 50.* 46"),
        (lambda: DenseNet(repeats=(1, 1), weights="imagenet"), "keras.applications has DenseNet"),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
