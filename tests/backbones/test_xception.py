import keras
import numpy as np
import pytest
from contracts.random_weights import copy_weights, parity, randomize

from keras_cv_course import Xception, complexity


@pytest.mark.usefixtures("weightless")
def test_counts():
    counts = complexity(Xception())
    assert (counts.parameters, counts.trainable_parameters) == (22_910_480, 22_855_952)
    assert counts.mult_adds == 8_357_403_496


@pytest.mark.slow
def test_equals_keras_applications(rng, float64):
    """At odd and even sizes of the maps: 71 pixels give 35, 33, 17, 9, 5 and 3."""
    options = {"classes": 5, "classifier_activation": None, "input_shape": (71, 96, 3)}
    reference = keras.applications.Xception(weights=None, **options)
    model = Xception(**options)
    images = rng.uniform(-1, 1, (2, 71, 96, 3))
    assert parity(reference, model, images, rng) < 1e-8
    copy_weights(model, reference)
    np.testing.assert_allclose(reference(images), model(images), atol=1e-8)


@pytest.mark.slow
def test_imagenet_is_what_keras_downloads(monkeypatch, rng, tmp_path):
    reference = keras.applications.Xception(weights=None, include_top=False)
    randomize(reference, rng, rng.uniform(-1, 1, (2, 71, 71, 3)))
    reference.save_weights(tmp_path / "downloaded.weights.h5")
    asked = []

    def get_file(name, *_, **__):
        asked.append(name)
        return str(tmp_path / "downloaded.weights.h5")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    model = Xception(include_top=False, weights="imagenet")
    assert asked == ["xception_weights_tf_dim_ordering_tf_kernels_notop.h5"]
    for own, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(own, theirs)


def test_only_the_first_block_reads_what_is_activated():
    model = Xception((32, 32, 3), alpha=0.125, include_top=False)
    names = {layer.name for layer in model.layers}
    assert "stage1_block1_activation1" not in names
    assert {"stage1_block1_activation2", "stage2_block1_activation1"} <= names
    assert sum(isinstance(layer, keras.layers.Add) for layer in model.layers) == 12


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Xception(alpha=0), "`alpha`"),
        (
            lambda: Xception((32, 32, 3), alpha=0.125, weights="imagenet"),
            "keras.applications has Xception",
        ),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
