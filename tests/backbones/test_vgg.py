import keras
import numpy as np
import pytest
from contracts.random_weights import copy_weights, randomize

from keras_cv_course import VGG, complexity, feature_maps, models
from keras_cv_course.backbones.vgg import VGG16_ROWS, vgg_stages
from keras_cv_course.blocks.stem_normalization import CAFFE_MEAN

# Parameters; multiply-adds at 224 pixels. Of keras.applications (16, 19) and torchvision (11, 13).
COUNTS = {
    "VGG11": (132_863_336, 7_609_090_048),
    "VGG13": (133_047_848, 11_308_466_176),
    "VGG16": (138_357_544, 15_470_264_320),
    "VGG19": (143_667_240, 19_632_062_464),
}


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    model = getattr(models, name)()
    counts = complexity(model)
    assert (counts.parameters, counts.mult_adds) == COUNTS[name]
    layers = [x for x in model.layers if hasattr(x, "kernel")]
    assert len(layers) == int(name[3:])


def randomize_deep(model, rng):
    """With kernels of twice the variance, for signals to live through 16 layers of ReLU."""
    randomize(model, rng)
    for variable in model.weights:
        if variable.path.endswith("kernel"):
            variable.assign(variable * 2**0.5)


def coloured(rng, size):
    """Images in RGB, and as keras.applications' VGGs take them: exact in float32, both."""
    centred = rng.integers(-60, 4, (2, *size, 3)).astype(float)
    return centred + np.float32(CAFFE_MEAN), centred[..., ::-1]


@pytest.mark.parametrize("size", [(32, 32), (51, 65)])
def test_equals_keras_applications(size, rng, float64):
    model = models.VGG16((*size, 3), include_top=False)
    options = {"include_top": False, "input_shape": (*size, 3)}
    reference = keras.applications.VGG16(weights=None, **options)
    pixels, bgr = coloured(rng, size)
    randomize_deep(reference, rng)
    copy_weights(reference, model)
    first = model.get_layer("stage1_block1_conv")
    first.kernel.assign(first.kernel.numpy()[:, :, ::-1])
    expected = np.asarray(reference(bgr))
    assert np.abs(expected[0] - expected[1]).max() > 0.1
    np.testing.assert_allclose(model(pixels), expected, atol=1e-8)


@pytest.mark.slow
def test_files_of_keras_applications(rng, tmp_path):
    options = {"classes": 5, "classifier_activation": None}
    reference = keras.applications.VGG19(weights=None, input_shape=(32, 32, 3), **options)
    randomize_deep(reference, rng)
    reference.save_weights(tmp_path / "vgg.weights.h5")
    model = models.VGG19((32, 32, 3), weights=tmp_path / "vgg.weights.h5", **options)
    pixels, bgr = coloured(rng, (32, 32))
    expected = np.asarray(reference(bgr))
    assert np.abs(expected[0] - expected[1]).max() > 0.1
    np.testing.assert_allclose(model(pixels), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.slow
def test_imagenet_is_what_keras_downloads(monkeypatch, rng, tmp_path):
    reference = keras.applications.VGG16(weights=None, include_top=False)
    randomize(reference, rng)
    reference.save_weights(tmp_path / "downloaded.weights.h5")
    asked = []

    def get_file(name, *_, **__):
        asked.append(name)
        return str(tmp_path / "downloaded.weights.h5")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    model = models.VGG16(include_top=False, weights="imagenet")
    assert asked == ["vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"]
    (first, *others), (kernel, *expected) = model.get_weights(), reference.get_weights()
    np.testing.assert_array_equal(first, kernel[:, :, ::-1])
    for own, theirs in zip(others, expected, strict=True):
        np.testing.assert_array_equal(own, theirs)


@pytest.mark.usefixtures("weightless")
def test_feature_maps_have_the_channels_of_the_paper():
    maps = feature_maps(models.VGG16(include_top=False), ("P1", "P2", "P3", "P4", "P5")).output
    assert [x.shape[-1] for x in maps.values()] == [128, 256, 512, 512, 512]


@pytest.mark.usefixtures("weightless")
def test_stages_at_the_size_of_ssd():
    image = keras.Input((300, 300, 3))
    maps = vgg_stages(image, VGG16_ROWS, pool_padding="same")
    sizes = [x.shape[1:] for x in maps.values()]
    assert sizes == [(300, 300, 64), (150, 150, 128), (75, 75, 256), (38, 38, 512), (19, 19, 512)]
    assert keras.Model(image, maps["stage5"]).count_params() == 14_714_688


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: VGG(alpha=0), "`alpha`"),
        (
            lambda: VGG((32, 32, 3), alpha=0.125, weights="imagenet"),
            "keras.applications has VGG16 and VGG19",
        ),
        (lambda: VGG((None, None, 3)), "number of weights depends on them"),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
