"""Operations some of whose results nobody reads have no ranges there, and convert."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_cv_course.tflite import TFLiteModel, convert

MAP, SEQUENCE = (4, 4, 3), (3, 5)
NETWORKS = {
    "half_of_a_split": (MAP, lambda x: ops.split(layers.Conv2D(4, 1)(x), 2, axis=-1)[0]),
    "third_of_a_split": (
        MAP,
        lambda x: layers.Conv2D(2, 1)(ops.split(layers.Conv2D(6, 1)(x), 3, axis=-1)[1]),
    ),
    "one_of_a_stack": (MAP, lambda x: ops.unstack(layers.Conv2D(4, 1)(x), axis=-1)[2]),
    "unrolled_gru": (SEQUENCE, lambda x: layers.GRU(4, unroll=True)(x)),
    "unrolled_lstm": (SEQUENCE, lambda x: layers.LSTM(4, unroll=True)(x)),
    "largest": ((6,), lambda x: ops.top_k(layers.Dense(5)(x), 2)[0]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_int8_file_computes_what_the_model_does(name, rng, tmp_path):
    shape, build = NETWORKS[name]
    x = keras.Input(shape, name="x")
    model = keras.Model(x, build(x))
    data = rng.normal(size=(16, *shape)).astype("float32")
    path = convert(model, tmp_path / "m.tflite", calibration_data=data).path
    expected = model.predict(data, verbose=0)
    outputs = TFLiteModel(path, validate=False).predict(data)
    # Two or three roundings for each of three steps, of 1/255 of a range.
    np.testing.assert_allclose(outputs, expected, atol=0.02 * np.ptp(expected))


def test_int8_with_int16_activations(rng, tmp_path):
    x = keras.Input(MAP, name="x")
    model = keras.Model(x, ops.split(layers.Conv2D(4, 1)(x), 2, axis=-1)[0])
    data = rng.normal(size=(8, *MAP)).astype("float32")
    path = convert(model, tmp_path / "m.tflite", "int8x16", calibration_data=data).path
    expected = model.predict(data, verbose=0)
    outputs = TFLiteModel(path, validate=False).predict(data)
    np.testing.assert_allclose(outputs, expected, atol=0.005 * np.ptp(expected))
