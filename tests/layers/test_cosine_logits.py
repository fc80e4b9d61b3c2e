import keras
import numpy as np
import pytest

from keras_cv_course.layers.cosine_logits import CosineLogits


def test_by_hand():
    layer = CosineLogits(3)
    layer.build((None, 2))
    layer.set_weights([np.array([[5.0, 0.0], [0.0, -0.1], [3.0, 4.0]])])
    outputs = layer(np.array([[2.0, 0.0], [0.3, 0.4]], "float32"))
    np.testing.assert_allclose(outputs, [[1.0, 0.0, 0.6], [0.6, -0.8, 1.0]], atol=1e-6)


def test_saved_and_loaded_equally(tmp_path, rng):
    x = keras.Input((4,))
    model = keras.Model(x, CosineLogits(3)(x))
    assert model.output_shape == (None, 3)
    model.save(tmp_path / "head.keras")
    vectors = rng.normal(size=(5, 4)).astype("float32")
    loaded = keras.saving.load_model(tmp_path / "head.keras")
    np.testing.assert_array_equal(loaded(vectors), model(vectors))


def test_classes_are_above_0():
    with pytest.raises(ValueError, match=r"`classes` must be a whole number above 0. Received: 0"):
        CosineLogits(0)
