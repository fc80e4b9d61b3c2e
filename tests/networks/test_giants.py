import keras
import numpy as np
import pytest

from keras_cv_course import build_model


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ssd300", "yolo_v1", "yolo_v2", "yolo_v3"])
def test_giants_run_once(name, rng):
    keras.backend.clear_session()
    model = build_model(name)
    outputs = model(rng.uniform(0, 1, (1, *model.input_shape[1:])).astype("float32"))
    for key, values in outputs.items():
        assert values.shape[1:] == model.output[key].shape[1:]
        assert np.isfinite(np.asarray(values)).all()
