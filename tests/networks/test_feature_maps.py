import keras
import numpy as np
import pytest

import keras_cv_course
from keras_cv_course import feature_maps

LEVELS = ("P1", "P2", "P3", "P4", "P5")
SIZES_224 = (112, 56, 28, 14, 7)
CHANNELS = {
    "MobileNet": (64, 128, 256, 512, 1024),
    "MobileNetV2": (16, 24, 32, 96, 320),
    "MobileNetV3Large": (16, 24, 40, 112, 160),
    "MobileNetV3Small": (16, 16, 24, 48, 96),
    "EfficientNetB0": (16, 24, 40, 112, 320),
    "EfficientNetLite0": (16, 24, 40, 112, 320),
}


def shapes(model):
    return [model.output[level].shape[1:] for level in LEVELS]


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", CHANNELS)
def test_sizes_and_channels_at_224(name):
    maps = feature_maps(getattr(keras_cv_course, name)(), LEVELS)
    expected = zip(SIZES_224, CHANNELS[name], strict=True)
    assert shapes(maps) == [(size, size, channels) for size, channels in expected]


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", CHANNELS)
def test_channels_of_a_model_of_free_size(name):
    maps = feature_maps(getattr(keras_cv_course, name)(include_top=False), LEVELS)
    assert [shape[-1] for shape in shapes(maps)] == list(CHANNELS[name])


def small(**options):
    return keras_cv_course.MobileNetV2((64, 64, 3), alpha=0.35, **options)


@pytest.mark.usefixtures("weightless")
def test_the_default_levels():
    assert list(feature_maps(small()).output) == ["P3", "P4", "P5"]
    assert list(feature_maps(small(), "P2").output) == ["P2"]


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("size", [33, 47, 65])
def test_odd_sizes(size):
    model = keras_cv_course.MobileNetV2((size, 2 * size, 3), alpha=0.35, include_top=False)
    maps = feature_maps(model, LEVELS)
    expected = [(-(-size // 2**n), -(-2 * size // 2**n)) for n in range(1, 6)]
    assert [shape[:2] for shape in shapes(maps)] == expected


def test_values_are_those_inside_the_network(rng):
    model = small(classes=3)
    images = rng.normal(size=(2, 64, 64, 3)).astype(np.float32)
    maps = feature_maps(model, ("P4", "P5"))(images)
    block = keras.Model(model.input, model.get_layer("stage7_block1_project_bn").output)
    np.testing.assert_array_equal(maps["P5"], block(images))
    block = keras.Model(model.input, model.get_layer("stage5_block3_add").output)
    np.testing.assert_array_equal(maps["P4"], block(images))


def test_shares_the_weights(rng):
    model = small(include_top=False)
    maps = feature_maps(model)
    images = rng.normal(size=(1, 64, 64, 3)).astype(np.float32)
    before = maps(images)["P3"]
    model.get_layer("stem_conv").kernel.assign(model.get_layer("stem_conv").kernel * 2 + 1)
    assert np.abs(before - maps(images)["P3"]).max() > 1e-3


def test_a_saved_and_loaded_model(tmp_path, rng):
    model = small(classes=3)
    model.save(tmp_path / "model.keras")
    loaded = keras_cv_course.load_model(tmp_path / "model.keras")
    images = rng.normal(size=(1, 64, 64, 3)).astype(np.float32)
    expected = feature_maps(model, LEVELS)(images)
    maps = feature_maps(loaded, LEVELS)(images)
    assert set(maps) == set(LEVELS)
    for level in LEVELS:
        np.testing.assert_array_equal(maps[level], expected[level])


def test_a_model_on_an_input_tensor(rng):
    image = keras.Input((64, 64, 3), name="pixels")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    model = keras_cv_course.MobileNetV2(input_tensor=scaled, alpha=0.35, include_top=False)
    maps = feature_maps(model)
    assert maps.inputs[0].name == "pixels"
    assert [maps.output[level].shape[1] for level in ("P3", "P4", "P5")] == [8, 4, 2]
    assert maps(rng.normal(size=(1, 64, 64, 3)))["P5"].shape == (1, 2, 2, 112)


@pytest.mark.usefixtures("weightless")
def test_unknown_levels_are_errors():
    with pytest.raises(ValueError, match=r"`levels` must be one of 'P1', .*'P5'. Received: 'P6'"):
        feature_maps(small(), ("P3", "P6"))
    with pytest.raises(ValueError, match=r"at least one of \['P1', .*\]. Received none"):
        feature_maps(small(), ())


def test_foreign_models_are_errors():
    image = keras.Input((8, 8, 3), name="image")
    model = keras.Model(image, keras.layers.Conv2D(2, 3)(image), name="foreign")
    with pytest.raises(ValueError, match=r"a network of this package.* Received: 'foreign'"):
        feature_maps(model)


def with_stem(*steps):
    """A network with the steps as its stem, and two blocks of which the second has stride 2."""
    x = image = keras.Input((64, 64, 3), name="image")
    for step in steps:
        x = step(x)
    x = keras.layers.Conv2D(8, 3, padding="same", name="stage1_block1_conv")(x)
    x = keras.layers.Conv2D(16, 3, 2, padding="same", name="stage2_block1_conv")(x)
    x = keras.layers.Activation("relu", name="stage2_block1_activation")(x)
    return keras.Model(image, keras.layers.Conv2D(32, 1, name="top_conv")(x))


def test_a_stem_that_halves_the_size_twice():
    """That of ResNet: a convolution and a pooling, both of stride 2."""
    model = with_stem(
        keras.layers.ZeroPadding2D(3, name="stem_pad"),
        keras.layers.Conv2D(4, 7, 2, name="stem_conv"),
        keras.layers.Activation("relu", name="stem_activation"),
        keras.layers.MaxPooling2D(3, 2, padding="same", name="stem_pool"),
    )
    maps = feature_maps(model, ("P1", "P2", "P3"))
    assert {level: x.shape[1:] for level, x in maps.output.items()} == {
        "P1": (32, 32, 4),
        "P2": (16, 16, 8),
        "P3": (8, 8, 16),
    }
    assert maps.output["P1"] is model.get_layer("stem_activation").output
    assert maps.output["P3"] is model.get_layer("stage2_block1_activation").output


def test_a_stem_of_stride_four_in_one_step_has_no_finer_level():
    model = with_stem(keras.layers.Conv2D(4, 4, 4, name="stem_patches"))
    with pytest.raises(ValueError, match=r"must be one of 'P2', 'P3'\. Received: 'P1'"):
        feature_maps(model, ("P1",))
