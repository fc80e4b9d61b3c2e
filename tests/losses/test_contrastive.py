import keras
import numpy as np
import pytest

from keras_cv_course.losses.contrastive import ContrastiveLoss


def test_by_hand():
    loss = ContrastiveLoss(margin=2.0, reduction="none")
    same, distance = np.array([1, 1, 0, 0, 0]), np.array([[0.0], [3.0], [0.5], [2.0], [9.0]])
    np.testing.assert_allclose(loss(same, distance), [0.0, 9.0, 2.25, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(loss(same[:, None], distance), loss(same, distance))
    mean = ContrastiveLoss(margin=2.0)
    np.testing.assert_allclose(mean(same, distance), 11.25 / 5)
    weights = np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(mean(same, distance, sample_weight=weights), 9.0 / 5)


def test_made_again_from_its_configuration():
    loss = keras.losses.deserialize(keras.losses.serialize(ContrastiveLoss(0.3, name="pairs")))
    assert (loss.margin, loss.name) == (0.3, "pairs")


def test_margin_is_above_0():
    with pytest.raises(ValueError, match=r"`margin` must be a number above 0. Received: 0"):
        ContrastiveLoss(0)
