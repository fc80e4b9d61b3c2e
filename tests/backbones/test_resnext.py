"""Other rows of ResNet: Wide ResNet, ResNeXt, SENet."""

import keras
import numpy as np
import pytest
from contracts.random_weights import randomize

from keras_cv_course import ResNet, complexity, models
from keras_cv_course.backbones.resnet import bottleneck_rows
from keras_cv_course.backbones.resnext import RESNET101_1X100D

# Trainable parameters and billions of multiply-adds at 224 pixels: torchvision's, or by arithmetic
# and timm's to two decimals.
COUNTS = {
    "WideResNet50x2": (68_883_240, 11.398),
    "WideResNet101x2": (126_886_696, 22.753),
    "ResNeXt50x32x4d": (25_028_904, 4.230),
    "ResNeXt101x32x4d": (44_177_704, 7.970),
    "ResNeXt101x32x8d": (88_791_336, 16.414),
    "ResNeXt101x64x4d": (83_455_272, 15.460),
    "ResNeXt101x2x64d": (84_198_184, 15.123),
    "SEResNet18": (11_778_592, 1.814),
    "SEResNet50": (28_088_024, 4.092),
    "SEResNet101": (49_326_872, 7.806),
    "SEResNet152": (66_821_848, 11.520),
    "SEResNeXt50x32x4d": (27_559_896, 4.233),
    "SEResNeXt101x32x4d": (48_955_416, 7.975),
}
FAST = {"WideResNet50x2", "ResNeXt50x32x4d", "SEResNet18", "SEResNeXt50x32x4d"}


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in COUNTS]
)
def test_counts(name):
    parameters, billions = COUNTS[name]
    counts = complexity(getattr(models, name)())
    assert counts.trainable_parameters == parameters
    assert counts.mult_adds / 1e9 == pytest.approx(billions, abs=5e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("weightless")
def test_senet154_counts_what_timm_counts():
    counts = complexity(models.SENet154())
    assert round(counts.trainable_parameters / 1e6, 2) == 115.09
    # timm counts other layers too.
    assert counts.mult_adds / 1e9 == pytest.approx(20.77, abs=0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("weightless")
def test_the_peer_of_one_group():
    """Table 4, arXiv:1611.05431: ResNet-101 1x100d."""
    assert complexity(ResNet(rows=RESNET101_1X100D)).trainable_parameters == 85_611_336


@pytest.mark.usefixtures("weightless")
def test_a_wide_bottleneck_and_a_grouped_one():
    """Figures 3 and 1: 1024 channels inside the last blocks; 70 144 weights of a block of 256."""
    wide = models.WideResNet50x2((32, 32, 3))
    assert wide.get_layer("stage4_block3_window_conv").filters == 1024
    assert wide.get_layer("stage4_block3_expand_conv").filters == 2048
    grouped = models.ResNeXt50x32x4d((32, 32, 3))
    parts = [f"stage1_block2_{part}_conv" for part in ("reduce", "window", "expand")]
    assert sum(grouped.get_layer(part).count_params() for part in parts) == 70_144


def test_groups_are_a_sum_of_branches(rng, float64):
    """Figure 3 of arXiv:1611.05431: (c), one grouped convolution, equals (a), a path a group."""
    rows = bottleneck_rows(1, groups=4, group_width=2)
    options = {"rows": rows, "include_top": False, "alpha": 0.5}
    model = ResNet((33, 33, 3), **options)
    pixels = rng.uniform(0, 255, (2, 33, 33, 3))
    randomize(model, rng, pixels)

    def part(name):
        return model.get_layer(f"stage1_block1_{name}")

    window = part("window_conv")
    assert window.groups == 4
    tensors = [
        part("reduce_activation").output,
        part("window_bn").output,
        part("expand_conv").output,
    ]
    x, normalized, expected = map(np.asarray, keras.Model(model.input, tensors)(pixels))
    kernel, expand = np.asarray(window.kernel), np.asarray(part("expand_conv").kernel)
    total = 0.0
    for g in range(4):
        members = slice(g, g + 1)
        path = keras.ops.conv(x[..., members], kernel[..., members], padding="same")
        path = np.maximum(np.asarray(part("window_bn")(pad(path, g)))[..., members], 0)
        total = total + path @ expand[0, 0, members]
    np.testing.assert_allclose(total, expected, atol=1e-8)
    assert normalized.shape[-1] == 4


def pad(path, g):
    """One of four channels, the others 0."""
    return np.pad(path, ((0, 0), (0, 0), (0, 0), (g, 3 - g)))


def test_squeeze_and_excitation_is_before_the_sum():
    model = models.SEResNet18((32, 32, 3), alpha=0.25)
    multiply = model.get_layer("stage1_block1_se_multiply")
    add = model.get_layer("stage1_block1_add")
    assert add.input[1] is multiply.output
    assert model.get_layer("stage4_block1_se_reduce_conv").filters == 128 // 16
