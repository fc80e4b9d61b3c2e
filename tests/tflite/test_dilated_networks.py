import keras
import numpy as np
import pytest
from contracts.random_weights import randomize

from keras_cv_course import quantize_aware, tflite
from keras_cv_course.backbones.rows import InvertedResidualRow, blocks
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.inverted_residual import inverted_residual
from keras_cv_course.quantization import calibrate

ROWS = (InvertedResidualRow(8, 2, strides=2), InvertedResidualRow(8, 2, repeats=2, strides=2))


def network(output_stride, rng):
    """Rows of one width: a block that loses its stride must not become a residual one."""
    style = ConvStyle()
    image = keras.Input((32, 32, 3), name="image")
    x = conv_bn_activation(image, 8, 3, style, "stem", strides=2)
    for block in blocks(ROWS, output_stride=output_stride):
        place = style, block.name, block.strides
        x = inverted_residual(
            x, 8, 16, 3, *place, dilation_rate=block.dilation, shortcut=block.shortcut
        )
    model = keras.Model(image, x)
    images = rng.uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
    randomize(model, rng, images)
    return model, images


@pytest.mark.parametrize("aware", [False, True])
def test_dilation_costs_no_operator_and_equals_quantization_aware_inference(aware, rng, tmp_path):
    files = {}
    for output_stride in (8, 4):
        model, images = network(output_stride, rng)
        if aware:
            model = quantize_aware(model)
            calibrate(model, images)
        path = tmp_path / f"{output_stride}.tflite"
        tflite.convert(model, path, "int8", calibration_data=None if aware else images)
        files[output_stride] = tflite.inspect(path)
        outputs, expected = tflite.TFLiteModel(path).predict(images), np.asarray(model(images))
        if aware:
            np.testing.assert_allclose(outputs, expected, atol=1e-6)
        else:
            assert np.sqrt(np.mean((outputs - expected) ** 2)) < 0.1 * expected.std()
    assert files[4].operators == files[8].operators
    assert files[4].partitions == 1


def test_the_dilated_network_has_the_pixels_of_the_strided_one(rng):
    strided, images = network(8, rng)
    dilated, _ = network(4, rng)
    dilated.set_weights(strided.get_weights())
    np.testing.assert_allclose(dilated(images)[:, 1::2, 1::2], strided(images), atol=1e-4)
