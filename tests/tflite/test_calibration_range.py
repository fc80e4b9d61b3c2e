"""Calibration data of another range than the network's is refused, wherever the range is known."""

import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course import MobileNet
from keras_cv_course.quantization import calibrate, quantize_aware
from keras_cv_course.tflite import TFLiteModel, compare, convert

SHAPE = (32, 32, 3)


@pytest.fixture(scope="module")
def pixels():
    """Images of squares, as the network takes them once they are rescaled to (-1, 1)."""
    squares = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), np.uint8)
    return squares.repeat(8, 1).repeat(8, 2)


@pytest.fixture(scope="module")
def network(pixels):
    """Its range is known as that of our MobileNet; batch norm has seen the images."""
    model = MobileNet(SHAPE, 0.25, classes=10, weights=None, batch_norm_momentum=0.5)
    for _ in range(8):
        model(pixels / np.float32(127.5) - 1, training=True)
    return model


WRONG = {
    "pixels": lambda pixels: pixels.astype("float32"),
    "uint8": lambda pixels: pixels,
    "divided": lambda pixels: pixels / np.float32(255),
    "dataset": lambda pixels: tf.data.Dataset.from_tensor_slices(pixels).batch(4),
    "labelled": lambda pixels: tf.data.Dataset.from_tensor_slices((pixels / 255, range(12))),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("options", [{}, {"io_dtype": "uint8"}, {"target": "phone"}])
def test_convert_refuses_another_range(network, pixels, change, options, tmp_path):
    with pytest.raises(ValueError, match=r"must have values from -1 to 1.*Received values from 0"):
        convert(network, tmp_path / "m.tflite", calibration_data=change(pixels), **options)
    assert not (tmp_path / "m.tflite").exists()


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_quantize_aware_refuses_another_range(network, pixels, change):
    wrong = change(pixels)
    wrong = wrong.batch(4) if isinstance(wrong, tf.data.Dataset) and len(wrong) == 12 else wrong
    with pytest.raises(ValueError, match=r"must have values from -1 to 1.*Received values from 0"):
        quantize_aware(network, wrong)


@pytest.mark.slow
def test_the_known_range_is_that_of_the_files_input(network, pixels, tmp_path):
    """Bright images alone calibrate it, and uint8 inputs are pixels all the same."""
    images = pixels / np.float32(127.5) - 1
    bright = np.maximum(images, 1 / 255)
    aware = quantize_aware(network, bright)
    for model, data in ((network, bright), (aware, None)):
        path = convert(model, tmp_path / "m.tflite", "int8", "uint8", data).path
        spec = TFLiteModel(path, validate=False).inputs[0]
        assert spec.scale == pytest.approx(2 / 255, rel=1e-5)
        assert spec.zero_point in (127, 128)
    assert compare(aware, path, images).outputs[0].worst_steps < 1
    with pytest.raises(ValueError, match="must have values from -1 to 1"):
        calibrate(aware, pixels)
    with pytest.raises(ValueError, match="uint8 pixels up to 25"):
        compare(aware, path, pixels)


@pytest.mark.slow
def test_a_range_that_is_given_outranks_what_is_known(network, pixels, tmp_path):
    convert(network, tmp_path / "m.tflite", calibration_data=pixels / 255, input_range=(0, 1))
    quantize_aware(network, pixels / 255, input_range=(0, 1))
