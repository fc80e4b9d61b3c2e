import keras
import numpy as np
import pytest
from contracts.random_weights import parity

from keras_cv_course import MobileNet


@pytest.mark.parametrize(
    ("size", "alpha", "include_top"),
    [
        ((32, 32), 0.25, True),
        ((33, 33), 0.25, False),
        ((47, 47), 1.3, True),
        ((64, 64), 0.25, False),
        ((96, 65), 0.25, True),
    ],
)
def test_equals_keras_applications(size, alpha, include_top, rng, float64):
    options = {"input_shape": (*size, 3), "alpha": alpha, "include_top": include_top}
    reference = keras.applications.MobileNet(weights=None, **options)
    images = rng.uniform(-1, 1, (2, *size, 3)).astype("float32")
    assert parity(_logits(reference), _logits(MobileNet(**options)), images, rng) < 1e-5


def test_equals_keras_applications_at_a_free_size(rng, float64):
    options = {"alpha": 0.25, "include_top": False, "pooling": "max"}
    reference = keras.applications.MobileNet(weights=None, **options)
    model = MobileNet(**options)
    assert model.input_shape == (None, None, None, 3)
    for size in ((64, 64), (47, 66)):
        images = rng.uniform(-1, 1, (2, *size, 3)).astype("float32")
        assert parity(reference, model, images, rng) < 1e-5


def test_depth_multiplier_equals_keras_applications(rng, float64):
    options = {"input_shape": (32, 32, 3), "alpha": 0.25, "depth_multiplier": 2}
    reference = keras.applications.MobileNet(weights=None, include_top=False, **options)
    images = rng.uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    model = MobileNet(include_top=False, **options)
    assert parity(reference, model, images, rng) < 1e-5


def _logits(model):
    """Returns the model up to its softmax, whose thousand outputs are too small to compare."""
    if model.layers[-1].name != "predictions":
        return model
    return keras.Model(model.input, model.layers[-2].output)


@pytest.mark.usefixtures("weightless")
def test_full_convolution_network_of_the_paper():
    model = MobileNet(separable=False)
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == 29_294_088
    kinds = {type(layer).__name__ for layer in model.layers}
    assert "DepthwiseConv2D" not in kinds


@pytest.mark.usefixtures("weightless")
def test_feature_maps_have_the_sizes_of_the_paper():
    model = MobileNet()
    last = {f"stage{s}": b for s, b in ((1, 1), (2, 2), (3, 2), (4, 6), (5, 2))}
    shapes = [
        model.get_layer(f"{stage}_block{b}_pointwise_activation").output.shape[1:]
        for stage, b in last.items()
    ]
    assert shapes == [(112, 112, 64), (56, 56, 128), (28, 28, 256), (14, 14, 512), (7, 7, 1024)]


@pytest.mark.usefixtures("weightless")
def test_sizes_of_one_parity_need_no_padding_layer():
    for size in ((64, 64, 3), (97, 97, 3)):
        kinds = [type(layer).__name__ for layer in MobileNet(size, alpha=0.25).layers]
        assert "ZeroPadding2D" not in kinds


@pytest.mark.usefixtures("weightless")
def test_depth_coefficient_repeats_the_blocks_of_each_width():
    model = MobileNet((32, 32, 3), alpha=0.25, depth_coefficient=1.4, include_top=False)
    blocks = {name.rsplit("_", 2)[0] for name in _names(model) if "_block" in name}
    counts = [sum(block.startswith(f"stage{s}_") for block in blocks) for s in range(1, 6)]
    assert counts == [2, 3, 3, 9, 3]
    strides = [layer.strides for layer in model.layers if hasattr(layer, "strides")]
    assert strides.count((2, 2)) == 5


def _names(model):
    return [layer.name for layer in model.layers]


@pytest.mark.usefixtures("weightless")
def test_activation_and_momentum_reach_every_layer():
    model = MobileNet((32, 32, 3), 0.25, activation="relu", batch_norm_momentum=0.9)
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    relus = [x for x in model.layers if isinstance(x, keras.layers.ReLU)]
    assert len(norms) == len(relus) == 27
    assert {norm.momentum for norm in norms} == {0.9}
    assert {relu.max_value for relu in relus} == {None}


@pytest.mark.usefixtures("weightless")
def test_width_multiplier_rounds_down_as_in_keras():
    model = MobileNet((32, 32, 3), alpha=0.3, include_top=False)
    assert model.output_shape[-1] == 307
    assert model.get_layer("stem_conv").filters == 9


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0}, "`alpha` must be a number above 0"),
        ({"alpha": 0.01}, "`alpha` must leave at least one of 32 filters"),
        ({"depth_multiplier": 0}, "`depth_multiplier` must be a whole number above 0"),
        ({"depth_multiplier": 2, "separable": False}, "`separable=False` has none"),
        ({"depth_coefficient": -1}, "`depth_coefficient` must be a number above 0"),
        ({"dropout_rate": 1}, "`dropout_rate` must be at least 0 and below 1"),
        ({"activation": "relu7"}, "`activation` must be one of"),
        ({"batch_norm_momentum": 1.5}, "`batch_norm_momentum` must be at least 0"),
        ({"alpha": 0.3, "weights": "imagenet"}, "`alpha` 0.25, 0.5, 0.75 or 1"),
        ({"separable": False, "weights": "imagenet"}, "not available for this network"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MobileNet(input_shape=(32, 32, 3), **options)
