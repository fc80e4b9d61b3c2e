import keras
import numpy as np
import pytest
from contracts.random_weights import randomize

from keras_cv_course import GoogLeNet, complexity, feature_maps
from keras_cv_course.backbones.googlenet import googlenet_stages

TINY = {"input_shape": (32, 32, 3), "alpha": 0.125, "classes": 4, "dropout_rate": 0.0}


@pytest.mark.usefixtures("weightless")
def test_counts_of_the_paper_and_of_torchvision():
    paper = complexity(GoogLeNet(normalization="none"))
    assert paper.parameters == 6_998_552
    assert paper.mult_adds / 1e9 == pytest.approx(1.583, abs=5e-4)
    torchvision = complexity(GoogLeNet(modules=googlenet_stages(3)))
    assert torchvision.trainable_parameters == 6_624_904
    assert torchvision.mult_adds == 1_498_376_192


def longest(tensor, seen):
    """Number of layers with kernels on the longest way from the image to a tensor."""
    operation = tensor._keras_history.operation
    if operation not in seen:
        inputs = operation._inbound_nodes[0].input_tensors
        before = max((longest(x, seen) for x in inputs), default=0)
        seen[operation] = before + hasattr(operation, "kernel")
    return seen[operation]


@pytest.mark.usefixtures("weightless")
def test_57_convolutions_of_which_21_and_the_classifier_are_in_a_row():
    """The slides' "57 layers including 21 Conv and 1 FC", X02."""
    model = GoogLeNet(normalization="none")
    kinds = [type(x) for x in model.layers if hasattr(x, "kernel")]
    assert kinds.count(keras.layers.Conv2D) == 57
    assert kinds.count(keras.layers.Dense) == 1
    assert longest(model.output, {}) == 22


@pytest.mark.usefixtures("weightless")
def test_maps_have_the_sizes_of_the_paper():
    """Table 1: 28x28x480 after 3b, 14x14x832 after 4e, 7x7x1024 after 5b."""
    maps = feature_maps(GoogLeNet((224, 224, 3), include_top=False)).output
    sizes = [tuple(maps[name].shape[1:]) for name in ("P3", "P4", "P5")]
    assert sizes == [(28, 28, 480), (14, 14, 832), (7, 7, 1024)]


def test_a_module_is_its_four_branches_side_by_side(rng):
    model = GoogLeNet(**TINY, normalization="none")
    randomize(model, rng, rng.uniform(-1, 1, (2, 32, 32, 3)).astype("float32"))
    name = "stage1_block1"
    concat = model.get_layer(f"{name}_concat")
    x = rng.uniform(0, 1, (1, 4, 4, model.get_layer("stem_part4_activation").output.shape[-1]))
    x = np.asarray(x, np.float32)

    def conv(x, part):
        layer = model.get_layer(f"{name}_{part}_conv")
        return keras.ops.relu(layer(x))

    expected = [
        conv(x, "branch1_part1"),
        conv(conv(x, "branch2_part1"), "branch2_part2"),
        conv(conv(x, "branch3_part1"), "branch3_part2"),
        conv(keras.ops.max_pool(x, 3, 1, "same"), "branch4_part2"),
    ]
    module = keras.Model(model.get_layer("stem_part5_pool").output, concat.output)
    np.testing.assert_allclose(module(x), np.concatenate(expected, -1), atol=1e-6)
    assert model.get_layer(f"{name}_branch3_part2_conv").kernel_size == (5, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalization": "group"}, "`normalization`"),
        ({"alpha": 0}, "`alpha`"),
        ({"weights": "imagenet"}, "There are none of GoogLeNet"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GoogLeNet(**{**TINY, **options})
