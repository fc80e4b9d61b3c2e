import keras
import numpy as np
import pytest
from contracts.random_weights import copy_weights, parity, randomize

from keras_cv_course import InceptionV3, complexity, feature_maps


@pytest.mark.usefixtures("weightless")
def test_counts():
    counts = complexity(InceptionV3())
    assert (counts.parameters, counts.trainable_parameters) == (23_851_784, 23_817_352)
    assert counts.mult_adds == 5_713_216_096


@pytest.mark.usefixtures("weightless")
def test_maps_have_the_sizes_of_the_paper():
    """Table 1: 35x35x288, 17x17x768 and 8x8x2048 for 299 pixels."""
    maps = feature_maps(InceptionV3((299, 299, 3), include_top=False)).output
    sizes = [tuple(x.shape[1:]) for x in maps.values()]
    assert sizes == [(35, 35, 288), (17, 17, 768), (8, 8, 2048)]


@pytest.mark.slow
def test_equals_keras_applications(rng, float64):
    options = {"classes": 5, "classifier_activation": None, "input_shape": (75, 96, 3)}
    reference = keras.applications.InceptionV3(weights=None, **options)
    model = InceptionV3(**options)
    images = rng.uniform(-1, 1, (2, 75, 96, 3))
    assert parity(reference, model, images, rng) < 1e-8
    copy_weights(model, reference)
    np.testing.assert_allclose(reference(images), model(images), atol=1e-8)


@pytest.mark.slow
def test_imagenet_is_what_keras_downloads(monkeypatch, rng, tmp_path):
    reference = keras.applications.InceptionV3(weights=None, include_top=False)
    randomize(reference, rng, rng.uniform(-1, 1, (2, 75, 75, 3)))
    reference.save_weights(tmp_path / "downloaded.weights.h5")
    asked = []

    def get_file(name, *_, **__):
        asked.append(name)
        return str(tmp_path / "downloaded.weights.h5")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    model = InceptionV3(include_top=False, weights="imagenet")
    assert asked == ["inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"]
    for own, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(own, theirs)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: InceptionV3(alpha=0), "`alpha`"),
        (
            lambda: InceptionV3((75, 75, 3), alpha=0.125, weights="imagenet"),
            "keras.applications has that of `INCEPTION_V3`",
        ),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
