import keras
import numpy as np
import pytest

from keras_cv_course.losses.triplet import TripletSemiHardLoss


def reference(people, x, margin):
    """The definition, one pair after the other."""
    distances = ((x[:, None] - x[None]) ** 2).sum(-1)
    costs = []
    for a in range(len(x)):
        negatives = distances[a][people != people[a]]
        for p in range(len(x)):
            if p == a or people[p] != people[a] or not len(negatives):
                continue
            farther = negatives[negatives > distances[a, p]]
            negative = farther.min() if len(farther) else negatives.max()
            costs.append(max(distances[a, p] - negative + margin, 0.0))
    return np.mean(costs) if costs else 0.0


@pytest.mark.parametrize("margin", [0.2, 1.5])
def test_is_the_definition(margin, rng):
    people = np.array([0, 1, 2, 0, 1, 2, 0, 3])
    for _ in range(5):
        x = rng.normal(size=(8, 3)).astype("float32")
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        loss = TripletSemiHardLoss(margin)(people, x)
        np.testing.assert_allclose(loss, reference(people, x, margin), rtol=1e-5)


def test_by_hand():
    # Of two people on a line, at 0 and 1, and at 2. d(0, 1) = 1, and the other is 4 and 1 away:
    # from 0 it is semi-hard, from 1 it is not farther, and the farthest is taken.
    x = np.array([[0.0], [1.0], [2.0]], "float32")
    loss = TripletSemiHardLoss(3.5, reduction="none")
    np.testing.assert_allclose(loss(np.array([7, 7, 8]), x) * 2 / 3, [0.5, 3.5, 0.0], atol=1e-6)


@pytest.mark.parametrize("people", [[0, 0, 0], [0, 1, 2]])
def test_batch_without_triplets_costs_nothing(people):
    x = np.eye(3, dtype="float32")
    assert float(TripletSemiHardLoss()(np.array(people), x)) == 0.0


def test_training_pulls_people_together(rng):
    images = rng.normal(size=(32, 8)).astype("float32")
    people = np.repeat(np.arange(4), 8)
    images[:, :4] += 2 * np.eye(4, dtype="float32")[people]
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), unit()])
    model.compile(keras.optimizers.Adam(0.02), TripletSemiHardLoss(0.5))
    losses = model.fit(images, people, batch_size=32, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def unit():
    return keras.layers.UnitNormalization()


def test_made_again_from_its_configuration():
    loss = keras.losses.deserialize(keras.losses.serialize(TripletSemiHardLoss(0.3)))
    assert (loss.margin, loss.name) == (0.3, "triplet_semi_hard_loss")


def test_margin_is_above_0():
    with pytest.raises(ValueError, match=r"`margin` must be a number above 0. Received: -1"):
        TripletSemiHardLoss(-1)
