import dataclasses

import keras
import numpy as np
import pytest
from contracts.random_weights import copy_weights, randomize

import keras_cv_course
from keras_cv_course import feature_maps
from keras_cv_course.backbones import rows
from keras_cv_course.backbones.rows import ConvRow, InvertedResidualRow, SeparableRow, blocks

KINDS = (ConvRow, InvertedResidualRow, SeparableRow, rows.ResidualRow)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_begin_and_end_alike(kind):
    names = [field.name for field in dataclasses.fields(kind)]
    assert names[0] == "filters"
    assert names[-3:] == ["repeats", "strides", "dilation"]


def laid_out(*args, **kwargs):
    return [(b.name, b.row.filters, b.strides, b.dilation) for b in blocks(*args, **kwargs)]


def test_blocks_of_a_table():
    table = (SeparableRow(8), SeparableRow(16, repeats=2, strides=2))
    assert laid_out(table) == [
        ("stage1_block1", 8, 1, 1),
        ("stage2_block1", 16, 2, 1),
        ("stage2_block2", 16, 1, 1),
    ]
    assert [(block.index, block.count) for block in blocks(table)] == [(0, 3), (1, 3), (2, 3)]


def test_depth_adds_blocks_behind_the_last_and_leaves_out_from_there():
    stage = [ConvRow(8, strides=2), ConvRow(16, 5)]
    assert laid_out([stage], depth=1.5) == [
        ("stage1_block1", 8, 2, 1),
        ("stage1_block2", 16, 1, 1),
        ("stage1_block3", 16, 1, 1),
    ]
    assert laid_out([stage], depth=0.5) == [("stage1_block1", 8, 2, 1)]
    one = ConvRow(8, strides=2)
    assert [strides for _, _, strides, _ in laid_out([one, one], [2, 1])] == [2, 1, 2]


def test_dilation_takes_the_place_of_strides():
    stages = [SeparableRow(8, 2, strides=2) for _ in range(4)]  # strides 4, 8, 16, 32
    assert [(s, d) for *_, s, d in laid_out(stages, output_stride=8)] == [
        *((2, 1), (1, 1), (2, 1), (1, 1)),
        *((1, 1), (1, 2)),  # the block that loses its stride reads as those before it
        *((1, 2), (1, 4)),
    ]
    dilated = [SeparableRow(8, strides=2), SeparableRow(8, dilation=3)]
    assert [d for *_, d in laid_out(dilated, output_stride=4, stem_stride=4)] == [1, 6]


def test_output_strides_are_checked():
    with pytest.raises(ValueError, match=r"`output_stride` must be one of 4, 8, 16, 32\..* 12"):
        keras_cv_course.MobileNetV2((64, 64, 3), output_stride=12)


SIZE = (64, 96, 3)
# Without squeeze-and-excitation, whose mean is over other pixels in a larger map.
BUILDERS = {
    "MobileNet": {"alpha": 0.25},
    "MobileNetV2": {"alpha": 0.35},
    "MobileNetV3Small": {"minimalistic": True},
    "EfficientNetLite0": {},
}


def pair(name, output_stride, **options):
    builder = getattr(keras_cv_course, name)
    options = {**BUILDERS.get(name, {}), **options, "input_shape": SIZE, "include_top": False}
    return builder(**options), builder(output_stride=output_stride, **options)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", BUILDERS)
def test_a_dilated_network_sees_what_the_strided_one_sees(name, rng):
    """Each pixel of the strided one's last map is one of the larger map, the last of each square."""
    strided, dilated = pair(name, 8)
    images = rng.uniform(*(0, 255) if "V3" in name else (-1, 1), (2, *SIZE))
    randomize(strided, rng, images)
    copy_weights(strided, dilated)
    expected, values = np.asarray(strided(images)), np.asarray(dilated(images))
    assert values.shape[1:3] == (8, 12)
    assert np.abs(expected[0] - expected[1]).max() > 0.1
    np.testing.assert_allclose(values[:, 3::4, 3::4], expected, atol=1e-8)


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    "name", [*BUILDERS, "MobileNetV3Small", "MobileNetV3Large", "EfficientNetB0"]
)
@pytest.mark.parametrize("output_stride", [8, 16])
def test_feature_maps_of_a_dilated_network(name, output_stride):
    strided, dilated = pair(name, output_stride)
    last = f"P{output_stride.bit_length() - 1}"
    maps = feature_maps(dilated, ("P2", last)).output
    before = feature_maps(strided, ("P2", "P5")).output
    assert maps["P2"].shape == before["P2"].shape
    assert maps[last].shape[1:3] == (SIZE[0] // output_stride, SIZE[1] // output_stride)
    assert maps[last].shape[-1] == before["P5"].shape[-1]
    with pytest.raises(ValueError, match=r"Received: 'P5'"):
        feature_maps(dilated, ("P5",))
    weights = [[(w.name, w.shape) for w in model.weights] for model in (strided, dilated)]
    assert weights[0] == weights[1]


def test_rows_make_another_network():
    """As a search over architectures does it."""
    from keras_cv_course.backbones.mobilenet_v2 import MOBILENET_V2
    from keras_cv_course.blocks.convolution import ConvStyle
    from keras_cv_course.blocks.inverted_residual import inverted_residual

    other = [dataclasses.replace(row, kernel_size=5, repeats=1) for row in MOBILENET_V2]
    x = image = keras.Input((32, 32, 8))
    for block in blocks(other):
        filters, expanded = block.row.filters // 8, 8 * int(block.row.expand_ratio)
        place = ConvStyle(), block.name, block.strides
        x = inverted_residual(x, filters, expanded, block.row.kernel_size, *place)
    model = keras.Model(image, x)
    assert model.output_shape == (None, 2, 2, 40)
    assert model.get_layer("stage7_block1_depthwise_conv").kernel_size == (5, 5)
