import keras
import numpy as np
import pytest
from keras import layers
from keras.applications.imagenet_utils import preprocess_input

from keras_cv_course import quantize_aware, tflite
from keras_cv_course.backbones._weights import ImageNet, load_weights
from keras_cv_course.blocks.stem_normalization import (
    CAFFE_MEAN,
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    stem_normalization,
)
from keras_cv_course.quantization import calibrate
from keras_cv_course.quantization.rewriting import rewrite_for_integers

SIZE = (12, 16)


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (4, *SIZE, 3)).astype(np.float32)


def toy(*normalization, convolution=None, channels=3):
    image = keras.Input((*SIZE, channels), name="image")
    x = stem_normalization(image, *normalization) if normalization else image
    conv = convolution or layers.Conv2D(8, 3, 2, padding="valid", name="stem_conv")
    x = layers.ReLU(name="stem_activation")(conv(x))
    return keras.Model(image, layers.Dense(5, name="logits")(layers.Flatten()(x)))


def test_it_is_the_preprocessing_of_keras_applications(pixels):
    for mode, normalization in (
        ("torch", (IMAGENET_MEAN, IMAGENET_DEVIATION)),
        ("caffe", (CAFFE_MEAN,)),
    ):
        image = keras.Input((*SIZE, 3))
        x = stem_normalization(image, *normalization)
        normalized = np.asarray(keras.Model(image, x)(pixels))
        expected = preprocess_input(pixels.copy(), mode=mode)
        if mode == "caffe":
            expected = expected[..., ::-1]  # it reverses the channels as well
        np.testing.assert_allclose(normalized, expected, atol=2e-5)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_get_the_mean_of_the_values(channels):
    model = toy((10.0, 20.0, 60.0), (1.0, 2.0, 3.0), channels=channels)
    layer = model.get_layer("stem_normalization")
    assert layer.scale == 0.5
    assert layer.offset == [-15.0] * channels


def test_it_is_saved_and_has_no_weights(pixels, tmp_path):
    model = toy(IMAGENET_MEAN, IMAGENET_DEVIATION)
    assert not model.get_layer("stem_normalization").weights
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(pixels), model(pixels), atol=1e-5)


def test_weights_for_bgr_take_rgb(pixels, monkeypatch):
    """What keras.applications gives with its own preprocessing, the network gives for pixels."""
    reference = toy()
    model = toy(CAFFE_MEAN)

    def builder(weights, include_top):
        assert (weights, include_top) == ("imagenet", True)
        return reference

    monkeypatch.setattr(keras.applications, "Toy", builder, raising=False)
    load_weights(model, "imagenet", ImageNet("Toy", bgr=True))
    expected = reference(preprocess_input(pixels.copy(), mode="caffe"))
    np.testing.assert_allclose(model(pixels), expected, rtol=1e-4, atol=1e-3)


CONVOLUTIONS = {
    "valid": lambda: layers.Conv2D(8, 3, 2, use_bias=False),
    "valid with bias": lambda: layers.Conv2D(8, 3, bias_initializer="normal"),
    "1x1": lambda: layers.Conv2D(8, 1, padding="same"),
    "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2),
    "grouped": lambda: layers.Conv2D(6, 3, groups=3),
    "same": lambda: layers.Conv2D(8, 3, 2, padding="same"),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_what_integers_compute_is_the_same(name, pixels):
    # A grouped kernel takes no scales channel by channel, since it has fewer channels.
    scales = () if name == "grouped" else (IMAGENET_DEVIATION,)
    model = toy(IMAGENET_MEAN, *scales, convolution=CONVOLUTIONS[name]())
    written = rewrite_for_integers(model)
    np.testing.assert_allclose(written(pixels), model(pixels), rtol=1e-4, atol=1e-4)
    kinds = [type(layer).__name__ for layer in written.layers]
    assert kinds.count("Rescaling") == (name == "same")


def operators(model, data, tmp_path, **options):
    path = tmp_path / "model.tflite"
    tflite.convert(model, path, "int8", **options)
    codes = list(tflite.inspect(path).operators)
    outputs = tflite.TFLiteModel(path).predict(data)
    return codes, outputs


@pytest.mark.parametrize(("name", "extra"), [("valid", 0), ("valid with bias", 0), ("same", 1)])
def test_an_int8_file_has_no_operator_for_it_unless_padding_forbids(name, extra, pixels, tmp_path):
    model = toy(IMAGENET_MEAN, IMAGENET_DEVIATION, convolution=CONVOLUTIONS[name]())
    plain = toy(convolution=CONVOLUTIONS[name]())
    before, _ = operators(plain, pixels, tmp_path, calibration_data=pixels)
    codes, outputs = operators(model, pixels, tmp_path, calibration_data=pixels)
    assert len(codes) - len(before) == extra
    assert codes.count("ADD") == extra
    expected = np.asarray(model(pixels))
    assert np.sqrt(np.mean((outputs - expected) ** 2)) < 0.03 * expected.std()


def test_kept_in_float_it_is_not_folded():
    model = toy(IMAGENET_MEAN)
    kinds = [type(x).__name__ for x in rewrite_for_integers(model, ["stem_normalization"]).layers]
    assert "Rescaling" in kinds


@pytest.mark.parametrize("name", ["valid", "same"])
def test_a_quantization_aware_network_equals_its_file(name, pixels, tmp_path):
    model = toy(IMAGENET_MEAN, IMAGENET_DEVIATION, convolution=CONVOLUTIONS[name]())
    aware = quantize_aware(model)
    calibrate(aware, pixels)
    _, outputs = operators(aware, pixels, tmp_path)
    np.testing.assert_allclose(outputs, np.asarray(aware(pixels)), atol=1e-6)
