import keras
import numpy as np
import pytest

from keras_cv_course.heads.maps import over_anchors
from keras_cv_course.heads.retinanet import prior_bias, retinanet_head
from keras_cv_course.heads.yolo import yolo_head


def test_order_is_map_row_column_anchor(rng):
    fine, coarse = rng.normal(size=(1, 2, 3, 2 * 4)), rng.normal(size=(1, 1, 1, 1 * 4))
    inputs = {"P3": keras.Input(fine.shape[1:]), "P4": keras.Input(coarse.shape[1:])}
    model = keras.Model(list(inputs.values()), over_anchors(inputs, 4, "boxes"))
    outputs = np.asarray(model([fine.astype("float32"), coarse.astype("float32")]))[0]
    expected = [
        fine[0, i, j, 4 * a : 4 * a + 4] for i in range(2) for j in range(3) for a in (0, 1)
    ]
    np.testing.assert_allclose(outputs, [*expected, coarse[0, 0, 0]], atol=1e-6)


def test_free_sizes_are_refused():
    with pytest.raises(ValueError, match=r"input of fixed size.*map 'P3' of shape \(None, None"):
        over_anchors({"P3": keras.Input((None, None, 8))}, 4, "boxes")


def test_every_score_of_retinanet_begins_at_the_prior(rng):
    inputs = {f"P{i}": keras.Input((size, size, 16)) for i, size in ((3, 4), (4, 2))}
    model = keras.Model(list(inputs.values()), retinanet_head(inputs, 9, 5, prior=0.02))
    outputs = model([rng.normal(size=(2, size, size, 16)).astype("float32") for size in (4, 2)])
    scores = keras.ops.sigmoid(outputs["classes"])
    np.testing.assert_allclose(scores, 0.02, rtol=0.05)
    # The bias of a focal prior is of the scores, and not of the boxes.
    assert np.abs(np.asarray(outputs["boxes"])).max() < 0.1
    assert model.get_layer("classes_conv").bias.numpy() == pytest.approx(-3.8918, abs=1e-4)
    assert model.get_layer("boxes_conv").bias.numpy() == pytest.approx(0)


def test_towers_are_shared_by_the_maps():
    inputs = {f"P{i}": keras.Input((size, size, 16)) for i, size in ((3, 4), (4, 2))}
    model = keras.Model(list(inputs.values()), retinanet_head(inputs, 9, 5))
    towers = 2 * 4 * (9 * 16 * 16 + 16)
    assert model.count_params() == towers + 9 * 16 * 36 + 36 + 9 * 16 * 45 + 45


def test_yolos_convolutions_have_the_parameters_of_the_one_of_darknet():
    x = keras.Input((2, 2, 32))
    model = keras.Model(x, yolo_head({"P5": x}, [5], classes=20, objectness_bias=prior_bias(0.01)))
    assert model.count_params() == 32 * 125 + 125
    assert model.get_layer("objectness_P5_conv").bias.numpy() == pytest.approx(-4.5951, abs=1e-4)


@pytest.mark.parametrize("prior", [0, 1, -0.5, 1.5])
def test_priors_that_are_no_probabilities(prior):
    with pytest.raises(ValueError, match=r"`prior` must be"):
        prior_bias(prior)
