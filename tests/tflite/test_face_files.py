"""Encoders and pair models as files: float, and in int8 what the aware model computes."""

import keras
import numpy as np
import pytest

from keras_cv_course import MobileNetV2, feature_maps
from keras_cv_course.faces import FaceEncoder, MobileFaceNet, SiameseEncoder, SiameseNetwork
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert, inspect

SHAPE = (8, 8, 1)
CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}
PAIRS = {
    "euclidean": ("euclidean", "sigmoid"),
    "euclidean_distance": ("euclidean", None),
    "cosine": ("cosine", "sigmoid"),
    "cosine_similarity": ("cosine", None),
    "absolute": ("absolute", "sigmoid"),
}


def named(data):
    return dict(zip(("image_a", "image_b"), data, strict=True))


@pytest.fixture
def images(rng):
    contrast = rng.uniform(0, 1, (2, 32, 1, 1, 1))
    return list((contrast * rng.uniform(0, 1, (2, 32, *SHAPE))).astype("float32"))


def spread_encoder(images):
    """An encoder whose vectors point all ways, as those of a trained one do."""
    encoder = SiameseEncoder(SHAPE, 16)
    mean = np.mean(encoder(np.concatenate(images)), axis=0)
    encoder.get_layer("embedding").bias.assign(-mean)
    return encoder


@pytest.mark.parametrize("name", PAIRS)
def test_pair_model(name, images, tmp_path):
    pair = SiameseNetwork(spread_encoder(images), *PAIRS[name])
    if PAIRS[name][1]:
        head = pair.get_layer("same_logit").kernel
        head.assign(head * 10)  # so that the steps of a probability are fine enough to judge
    expected = pair.predict(images, verbose=0)
    file = convert(pair, tmp_path / "float.tflite", "none").path
    np.testing.assert_allclose(
        TFLiteModel(file, validate=False).predict(named(images)), expected, atol=1e-5
    )

    aware = quantize_aware(pair, images)
    rounded = aware.predict(images, verbose=0)
    file = convert(aware, tmp_path / "aware.tflite").path
    outputs = TFLiteModel(file, validate=False).predict(named(images))
    # To the bit; the distance in float sums in another order.
    np.testing.assert_allclose(outputs, rounded, atol=1e-6)
    after = convert(pair, tmp_path / "after.tflite", calibration_data=images).path
    spread = np.ptp(expected)
    for actual in (outputs, TFLiteModel(after, validate=False).predict(named(images))):
        assert np.abs(actual - expected).max() < 0.1 * spread
    is_float = {"SQRT", "SUM"} & set(inspect(file, validate=False).operators)
    assert bool(is_float) == name.startswith("euclidean")


@pytest.mark.parametrize("distance", ["cosine", "absolute"])
def test_pair_model_is_int8_all_through(distance, images, tmp_path):
    aware = quantize_aware(SiameseNetwork(SiameseEncoder(SHAPE, 16), distance), images)
    # The strictest of the targets: it refuses operations and types that it does not have.
    file = convert(aware, tmp_path / "pair.tflite", target="microcontroller").path
    assert not CONVERSIONS & set(inspect(file, validate=False).operators)


def face_encoder():
    backbone = MobileNetV2((32, 32, 3), alpha=0.35, include_top=False)
    return FaceEncoder(feature_maps(backbone, ("P4", "P5")), 16, grid=1)


ENCODERS = {
    "face_encoder": face_encoder,
    "mobile_face_net": lambda: MobileFaceNet((32, 32, 3), embedding_dim=16),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
def test_encoder(name, rng, unsettle, tmp_path):
    encoder = unsettle(ENCODERS[name]())
    data = rng.uniform(-1, 1, (24, 32, 32, 3)).astype("float32")
    expected = encoder.predict(data, verbose=0)
    file = convert(encoder, tmp_path / "float.tflite", "none").path
    np.testing.assert_allclose(TFLiteModel(file, validate=False).predict(data), expected, atol=1e-5)
    operators = inspect(file, validate=False).operators
    assert "L2_NORMALIZATION" in operators
    assert not {"SHAPE", "STRIDED_SLICE", "PACK", "PAD"} & set(operators)

    aware = quantize_aware(encoder, data, input_range=(-1.0, 1.0))
    file = convert(aware, tmp_path / "aware.tflite", io_dtype="int8").path
    assert not CONVERSIONS & set(inspect(file, validate=False).operators)
    outputs, rounded = (
        TFLiteModel(file, validate=False).predict(data),
        aware.predict(data, verbose=0),
    )
    assert np.abs(outputs - rounded).max() <= CLOSE[name] / 128
    cosines = keras.ops.sum(keras.utils.normalize(outputs) * expected, axis=-1)
    assert np.min(cosines) > 0.9


# Steps of 1/128; kernels of PReLU are followed but to a step, which the layers behind multiply.
CLOSE = {"face_encoder": 1.01, "mobile_face_net": 12.01}
