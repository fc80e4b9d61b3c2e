import keras
import pytest
from contracts.random_weights import parity

from keras_cv_course import MobileNetV2


@pytest.mark.parametrize(
    ("size", "alpha", "include_top"),
    [
        ((32, 32), 0.35, True),
        ((33, 33), 0.35, False),
        ((47, 47), 1.4, True),
        ((96, 65), 0.35, False),
    ],
)
def test_equals_keras_applications(size, alpha, include_top, rng, float64):
    options = {"input_shape": (*size, 3), "alpha": alpha, "include_top": include_top}
    logits = {"classifier_activation": None} if include_top else {}
    reference = keras.applications.MobileNetV2(weights=None, **options, **logits)
    images = rng.uniform(-1, 1, (2, *size, 3)).astype("float32")
    assert parity(reference, MobileNetV2(**options, **logits), images, rng) < 1e-5


def test_equals_keras_applications_at_a_free_size(rng, float64):
    options = {"alpha": 0.35, "include_top": False, "pooling": "avg"}
    reference = keras.applications.MobileNetV2(weights=None, **options)
    images = rng.uniform(-1, 1, (2, 64, 96, 3)).astype("float32")
    assert parity(reference, MobileNetV2(**options), images, rng) < 1e-5


@pytest.mark.usefixtures("weightless")
def test_stages_are_the_rows_of_the_paper():
    model = MobileNetV2(include_top=False)
    blocks = [layer.name for layer in model.layers if layer.name.endswith("_project_bn")]
    counts = [sum(name.startswith(f"stage{s}_") for name in blocks) for s in range(1, 8)]
    assert counts == [1, 2, 3, 4, 3, 3, 1]
    assert [model.get_layer(f"stage{s}_block1_project_conv").filters for s in range(1, 8)] == [
        16, 24, 32, 64, 96, 160, 320,
    ]  # fmt: skip


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("depth", [2, 4])
def test_depth_coefficient_repeats_the_blocks(depth):
    model = MobileNetV2((32, 32, 3), 0.35, depth, include_top=False)
    blocks = [layer.name for layer in model.layers if layer.name.endswith("_project_bn")]
    assert len(blocks) == 17 * depth
    strides = [layer.strides for layer in model.layers if hasattr(layer, "strides")]
    assert strides.count((2, 2)) == 5


@pytest.mark.usefixtures("weightless")
def test_batch_norm_momentum():
    def momenta(**options):
        model = MobileNetV2((32, 32, 3), 0.35, **options)
        return {layer.momentum for layer in model.layers if hasattr(layer, "momentum")}

    assert momenta() == {0.999}
    assert momenta(batch_norm_momentum=0.9) == {0.9}


@pytest.mark.usefixtures("weightless")
def test_dropout_only_when_asked_for():
    names = [layer.name for layer in MobileNetV2((32, 32, 3), 0.35, dropout_rate=0.2).layers]
    assert "top_dropout" in names
    assert "top_dropout" not in [layer.name for layer in MobileNetV2((32, 32, 3), 0.35).layers]


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1}, "`alpha` must be a number above 0"),
        ({"depth_coefficient": 0}, "`depth_coefficient` must be a number above 0"),
        ({"alpha": 0.6, "weights": "imagenet"}, "0.35, 0.5, 0.75, 1.0, 1.3, 1.4"),
        ({"depth_coefficient": 2, "weights": "imagenet"}, "at its plain depth"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MobileNetV2(input_shape=(32, 32, 3), **options)
