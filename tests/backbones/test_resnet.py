import keras
import numpy as np
import pytest
from contracts.random_weights import copy_weights, parity, randomize
from keras.src.applications import resnet as applications
from keras.src.applications.resnet import stack_residual_blocks_v1

from keras_cv_course import ResNet, ResNet18, ResNet50, complexity, models
from keras_cv_course.backbones.resnet import RESNET18, RESNET50, bottleneck_rows
from keras_cv_course.backbones.rows import BottleneckRow
from keras_cv_course.blocks.stem_normalization import CAFFE_MEAN

# Trainable parameters: torchvision's `num_params` of 18 and 50 layers, timm's to two decimals of
# the others; multiply-adds at 224 pixels.
COUNTS = {
    "ResNet18": (11_689_512, 1.814),
    "ResNet34": (21_797_672, 3.664),
    "ResNet50": (25_557_032, 4.089),
    "ResNet101": (44_549_160, 7.801),
    "ResNet152": (60_192_808, 11.514),
    "ResNet200": (64_673_832, 15.007),
}
# keras.applications': all parameters, those that are trained, multiply-adds at 224 pixels.
KERAS = {
    "ResNet50": (25_636_712, 25_583_592, 3_857_973_248),
    "ResNet101": (44_707_176, 44_601_832, 7_570_194_432),
    "ResNet152": (60_419_944, 60_268_520, 11_282_415_616),
}


def counted(names):
    large = {"ResNet101", "ResNet152", "ResNet200"}
    return [pytest.param(n, marks=pytest.mark.slow if n in large else ()) for n in names]


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", counted(COUNTS))
def test_counts_are_those_of_the_papers(name):
    parameters, billions = COUNTS[name]
    counts = complexity(getattr(models, name)(variant="v1.5"))
    assert counts.trainable_parameters == parameters
    assert counts.mult_adds / 1e9 == pytest.approx(billions, abs=5e-4)


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", counted(KERAS))
def test_counts_are_those_of_keras_applications(name):
    counts = complexity(getattr(models, name)())
    assert (counts.parameters, counts.trainable_parameters, counts.mult_adds) == KERAS[name]


@pytest.mark.usefixtures("weightless")
def test_resnet_d_counts_what_timm_counts():
    counts = complexity(models.ResNet50D())
    assert round(counts.trainable_parameters / 1e6, 2) == 25.58
    # timm counts other layers too: 4.11 billion of ResNet-50's 4.09, and 4.35 of these.
    assert counts.mult_adds / 1e9 == pytest.approx(4.33, abs=5e-3)


def coloured(rng, size):
    """Images in RGB, and as keras.applications' ResNets take them: exact in float32, both."""
    centred = rng.integers(-60, 4, (2, *size, 3)).astype(float)
    return centred + np.float32(CAFFE_MEAN), centred[..., ::-1]


def reverse_colours(model):
    kernel, *others = model.get_layer("stem_conv").get_weights()
    model.get_layer("stem_conv").set_weights([kernel[:, :, ::-1], *others])


def applications_resnet(size):
    """A narrower ResNet by the functions of keras.applications."""

    def stages(x):
        for s, blocks in enumerate((1, 2, 1, 2), 3):
            x = stack_residual_blocks_v1(x, 8 * s, blocks, 1 if s == 3 else 2, f"conv{s}")
        return x

    return applications.ResNet(stages, False, True, False, None, None, (*size, 3), "avg")


NARROW = tuple(
    BottleneckRow(32 * s, 8 * s, repeats=blocks, strides=1 if s == 3 else 2)
    for s, blocks in enumerate((1, 2, 1, 2), 3)
)


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (64, 33)])
def test_equals_keras_applications(size, rng, float64):
    reference = applications_resnet(size)
    options = {"input_shape": (*size, 3), "include_top": False, "pooling": "avg"}
    pixels, bgr = coloured(rng, size)
    randomize(reference, rng, bgr)
    model = ResNet(rows=NARROW, variant="v1", **options)
    copy_weights(reference, model)
    reverse_colours(model)
    expected = np.asarray(reference(bgr))
    assert np.abs(expected[0] - expected[1]).max() > 0.1
    np.testing.assert_allclose(model(pixels), expected, atol=1e-8)
    # And back.
    reverse_colours(model)
    other = applications_resnet(size)
    copy_weights(model, other)
    np.testing.assert_allclose(other(bgr), expected, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("layers", [50, 101, 152])
def test_published_ones_equal_keras_applications(layers, rng, float64):
    options = {"input_shape": (33, 33, 3), "classifier_activation": None, "weights": None}
    reference = getattr(keras.applications, f"ResNet{layers}")(**options)
    model = getattr(models, f"ResNet{layers}")(**options)
    pixels, bgr = coloured(rng, (33, 33))
    randomize(reference, rng, bgr)
    copy_weights(reference, model)
    reverse_colours(model)
    expected = np.asarray(reference(bgr))
    assert np.abs(expected[0] - expected[1]).max() > 0.1
    np.testing.assert_allclose(model(pixels), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("file", ["applications.weights.h5", "applications.keras"])
def test_files_of_keras_applications_have_their_colours_reversed(file, rng, float64, tmp_path):
    reference = applications_resnet((65, 65))
    pixels, bgr = coloured(rng, (65, 65))
    randomize(reference, rng, bgr)
    (reference.save if file.endswith(".keras") else reference.save_weights)(tmp_path / file)
    options = {"rows": NARROW, "variant": "v1", "include_top": False, "pooling": "avg"}
    model = ResNet((65, 65, 3), weights=tmp_path / file, **options)
    expected = np.asarray(reference(bgr))
    np.testing.assert_allclose(model(pixels), expected, atol=1e-6)
    # Not so those of this package, which take RGB already.
    model.save_weights(tmp_path / "own.weights.h5")
    again = ResNet((65, 65, 3), weights=tmp_path / "own.weights.h5", **options)
    np.testing.assert_allclose(again(pixels), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"has a bias for the layer before 'stage1_block1_expand"):
        ResNet((65, 65, 3), weights=tmp_path / file, **{**options, "variant": "v1.5"})


@pytest.mark.slow
def test_imagenet_is_what_keras_downloads(monkeypatch, rng, tmp_path):
    reference = keras.applications.ResNet50(weights=None, include_top=False)
    randomize(reference, rng, rng.uniform(-100, 100, (2, 64, 64, 3)))
    reference.save_weights(tmp_path / "downloaded.weights.h5")
    asked = []

    def get_file(name, *_, **__):
        asked.append(name)
        return str(tmp_path / "downloaded.weights.h5")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    model = ResNet50(include_top=False, weights="imagenet")
    assert asked == ["resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"]
    kernel = reference.get_layer("conv1_conv").kernel
    np.testing.assert_array_equal(model.get_layer("stem_conv").kernel, kernel[:, :, ::-1])
    for own, theirs in zip(model.get_weights()[1:], reference.get_weights()[1:], strict=True):
        np.testing.assert_array_equal(own, theirs)


def convolve(x, kernel, strides, padding):
    """Convolution with zeros on all sides, as torch has it: a short reference in NumPy."""
    size = len(kernel)
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows, columns = ((n - size) // strides + 1 for n in x.shape[1:3])
    y = np.zeros((len(x), rows, columns, kernel.shape[-1]))
    for i in range(size):
        for j in range(size):
            part = x[:, i : i + strides * rows : strides, j : j + strides * columns : strides]
            y += part[:, :rows, :columns] @ kernel[i, j]
    return y


@pytest.mark.parametrize("size", [(16, 16), (17, 12), (15, 15)])
def test_a_strided_window_has_zeros_on_all_sides(size, rng, float64):
    from keras_cv_course.blocks.convolution import ConvStyle
    from keras_cv_course.blocks.residual import Residual, basic_block

    image = keras.Input((*size, 4))
    block = Residual("stage1_block1", 6, strides=2, projects=True)
    model = keras.Model(image, basic_block(image, block, ConvStyle("relu")))
    x = rng.normal(size=(2, *size, 4)).astype("float32")
    randomize(model, rng, x)

    def normalized(y, name):
        layer = model.get_layer(f"stage1_block1_{name}_bn")
        gamma, beta, mean, variance = layer.get_weights()
        return (y - mean) / np.sqrt(variance + np.float32(1e-3)) * gamma + beta

    def kernel(name):
        return np.asarray(model.get_layer(f"stage1_block1_{name}_conv").kernel)

    y = np.maximum(normalized(convolve(x, kernel("first"), 2, 1), "first"), 0)
    y = normalized(convolve(y, kernel("second"), 1, 1), "second")
    start = normalized(convolve(x, kernel("shortcut"), 2, 0), "shortcut")
    np.testing.assert_allclose(model(x), np.maximum(start + y, 0), atol=1e-8)


@pytest.mark.parametrize("variant", ["v1", "v1.5", "senet"])
def test_a_dilated_network_sees_what_the_strided_one_sees(variant, rng, float64):
    rows = bottleneck_rows(1, 1, 2, 2)
    options = {"rows": rows, "variant": variant, "alpha": 0.125, "include_top": False}
    strided, dilated = (
        ResNet(input_shape=(65, 97, 3), output_stride=stride, **options) for stride in (32, 8)
    )
    pixels = rng.uniform(0, 255, (2, 65, 97, 3))
    randomize(strided, rng, pixels)
    copy_weights(strided, dilated)
    expected, values = np.asarray(strided(pixels)), np.asarray(dilated(pixels))
    assert values.shape[1:3] == (9, 13)
    assert np.abs(expected[0] - expected[1]).max() > 0.1
    np.testing.assert_allclose(values[:, ::4, ::4], expected, atol=1e-8)


def test_the_variants_differ_where_they_say(rng):
    def model(variant):
        return ResNet((64, 64, 3), RESNET50, variant, 0.125, include_top=False)

    def strides(network, part):
        return network.get_layer(f"stage2_block1_{part}_conv").strides[0]

    first, second, pooled, squeeze = map(model, ("v1", "v1.5", "d", "senet"))
    assert [strides(first, p) for p in ("reduce", "window", "shortcut")] == [2, 1, 2]
    assert [strides(second, p) for p in ("reduce", "window", "shortcut")] == [1, 2, 2]
    assert [strides(pooled, p) for p in ("reduce", "window", "shortcut")] == [1, 2, 1]
    assert squeeze.get_layer("stage2_block1_shortcut_conv").kernel_size == (3, 3)
    assert squeeze.get_layer("stage1_block1_shortcut_conv").kernel_size == (1, 1)
    assert first.get_layer("stem_conv").use_bias
    assert not second.get_layer("stem_conv").use_bias
    # Pooled shortcuts read every pixel, strided ones a quarter.
    x = rng.uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    assert model("d")(x).shape == (1, 2, 2, 256)


def test_skipped_blocks_leave_their_input(rng):
    model = ResNet18((32, 32, 3), alpha=0.125, drop_connect_rate=0.5)
    rates = [layer.rate for layer in model.layers if layer.name.endswith("_drop")]
    np.testing.assert_allclose(rates, [0.5 * i / 8 for i in range(1, 8)])
    assert not any(layer.name.endswith("_drop") for layer in ResNet18((32, 32, 3)).layers)


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "v3"}, r"`variant` must be one of .*v1\.5"),
        ({"alpha": 0}, "`alpha` must be a number above 0"),
        ({"drop_connect_rate": 1.0}, "`drop_connect_rate`"),
        ({"variant": "v1.5", "weights": "imagenet"}, "with `variant='v1'` and `alpha=1`"),
        ({"rows": RESNET18, "variant": "v1", "weights": "imagenet"}, "keras.applications has"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ResNet(input_shape=(32, 32, 3), **options)


def test_a_published_network_does_not_take_what_it_stands_for():
    with pytest.raises(TypeError, match=r"ResNet50\(\) has no argument `rows`"):
        ResNet50(rows=RESNET18)
    assert ResNet50.__name__ == "ResNet50"
    assert "a ResNet of 50 layers" in ResNet50.__doc__


def test_grey_images_and_parity_of_published_and_generic(rng):
    generic = ResNet((32, 32, 1), RESNET18, alpha=0.125, classes=3, classifier_activation=None)
    named = ResNet18((32, 32, 1), alpha=0.125, classes=3, classifier_activation=None)
    pixels = rng.uniform(0, 255, (2, 32, 32, 1)).astype("float32")
    assert parity(generic, named, pixels, rng) == 0
