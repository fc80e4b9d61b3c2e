import keras
import pytest
from contracts.random_weights import parity

import keras_cv_course


def _both(builder, size, include_top, **options):
    options |= {"input_shape": (*size, 3), "include_top": include_top}
    if include_top:
        options["classifier_activation"] = None
    reference = getattr(keras.applications, builder)(weights=None, **options)
    return reference, getattr(keras_cv_course, builder)(**options)


@pytest.mark.parametrize(
    ("builder", "size", "include_top", "options"),
    [
        ("MobileNetV3Small", (32, 32), True, {"alpha": 0.75}),
        ("MobileNetV3Small", (33, 33), False, {"alpha": 1.5}),
        ("MobileNetV3Small", (47, 47), True, {"alpha": 1.5}),
        ("MobileNetV3Small", (96, 65), False, {}),
        ("MobileNetV3Small", (47, 47), True, {"minimalistic": True}),
        ("MobileNetV3Large", (32, 32), True, {"alpha": 0.75}),
        ("MobileNetV3Large", (47, 33), False, {"minimalistic": True}),
    ],
)
def test_equals_keras_applications(builder, size, include_top, options, rng, float64):
    reference, model = _both(builder, size, include_top, **options)
    images = rng.uniform(0, 255, (2, *size, 3)).astype("float32")
    assert parity(reference, model, images, rng) < 1e-5


def test_equals_keras_applications_at_a_free_size(rng, float64):
    options = {"include_top": False, "pooling": "avg"}
    reference = keras.applications.MobileNetV3Small(weights=None, **options)
    images = rng.uniform(0, 255, (2, 64, 96, 3)).astype("float32")
    model = keras_cv_course.MobileNetV3Small(**options)
    assert parity(reference, model, images, rng) < 1e-5


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    ("builder", "filters", "counts"),
    [
        ("MobileNetV3Small", [16, 24, 40, 48, 96], [1, 2, 3, 2, 3]),
        ("MobileNetV3Large", [16, 24, 40, 80, 112, 160], [1, 2, 3, 4, 2, 3]),
    ],
)
def test_stages_are_the_widths_of_the_paper(builder, filters, counts):
    model = getattr(keras_cv_course, builder)(include_top=False)
    blocks = [layer.name for layer in model.layers if layer.name.endswith("_project_conv")]
    stages = range(1, len(filters) + 1)
    assert [sum(b.startswith(f"stage{s}_") for b in blocks) for s in stages] == counts
    assert [model.get_layer(f"stage{s}_block1_project_conv").filters for s in stages] == filters


@pytest.mark.usefixtures("weightless")
def test_depth_coefficient_repeats_the_last_block_of_each_width():
    model = keras_cv_course.MobileNetV3Small((32, 32, 3), 1.0, 2.0, include_top=False)
    blocks = [layer.name for layer in model.layers if layer.name.endswith("_project_conv")]
    assert len(blocks) == 22
    assert model.output_shape == (None, 1, 1, 576)
    first, last = (model.get_layer(f"stage1_block{b}_depthwise_conv") for b in (1, 2))
    assert (first.strides, last.strides) == ((2, 2), (1, 1))
    shortened = keras_cv_course.MobileNetV3Small((32, 32, 3), 1.0, 0.5, include_top=False)
    assert sum(layer.name.endswith("_project_conv") for layer in shortened.layers) == 7
    assert shortened.output_shape == (None, 1, 1, 576)


@pytest.mark.usefixtures("weightless")
def test_minimalistic_does_without_what_is_slow():
    model = keras_cv_course.MobileNetV3Small((32, 32, 3), minimalistic=True)
    kinds = {type(layer).__name__ for layer in model.layers}
    assert "Multiply" not in kinds
    windows = {x.kernel_size for x in model.layers if isinstance(x, keras.layers.DepthwiseConv2D)}
    assert windows == {(3, 3)}


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0}, "`alpha` must be a number above 0"),
        ({"depth_coefficient": 0}, "`depth_coefficient` must be a number above 0"),
        ({"alpha": 0.5, "weights": "imagenet"}, "`alpha` 0.75 or 1"),
        (
            {"alpha": 0.75, "minimalistic": True, "weights": "imagenet"},
            "not available for this network",
        ),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        keras_cv_course.MobileNetV3Small(input_shape=(32, 32, 3), **options)


@pytest.mark.parametrize(
    ("builder", "last", "expanded"),
    [("MobileNetV3Large", 80, (672, 480, 480)), ("MobileNetV3Small", 48, (288, 288, 288))],
)
@pytest.mark.usefixtures("weightless")
def test_reduced_tail_halves_what_has_stride_32(builder, last, expanded):
    build = getattr(keras_cv_course, builder)
    whole, reduced = (
        build((64, 64, 3), include_top=False, reduced_tail=tail) for tail in (False, True)
    )
    projections = [
        [layer.filters for layer in model.layers if layer.name.endswith("_project_conv")]
        for model in (whole, reduced)
    ]
    assert projections[1][:-3] == projections[0][:-3]
    assert projections[1][-3:] == [last] * 3
    assert [2 * n for n in projections[1][-3:]] == projections[0][-3:]
    convolutions = [x for x in reduced.layers if x.name.endswith("_expand_conv")]
    wide = [x.filters for x in convolutions if "_se_" not in x.name]
    assert tuple(wide[-3:]) == expanded
    assert reduced.output_shape[-1] == 6 * last


def test_reduced_tail_has_no_imagenet_weights():
    with pytest.raises(ValueError, match="with its whole tail"):
        keras_cv_course.MobileNetV3Small((64, 64, 3), reduced_tail=True, weights="imagenet")
