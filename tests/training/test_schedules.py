import keras
import numpy as np
import pytest

from keras_cv_course.training.schedules import learning_rates

STEPS = 40  # in an epoch


def at(schedule, epochs):
    return [float(schedule(round(STEPS * epoch))) for epoch in epochs]


def test_the_rate_rises_from_0_to_a_tenth_over_five_epochs():
    for kind in ("cosine", "step", "constant"):
        schedule = learning_rates(kind, 0.1, 120, STEPS, warmup_epochs=5)
        np.testing.assert_allclose(at(schedule, [0, 2.5, 5]), [0, 0.05, 0.1], rtol=1e-6)


def test_a_cosine_is_half_way_in_the_middle_and_0_at_the_end():
    schedule = learning_rates("cosine", 0.1, 100, STEPS)
    expected = [0.1, 0.085355, 0.05, 0.014645, 0]
    np.testing.assert_allclose(at(schedule, [0, 25, 50, 75, 100]), expected, atol=1e-6)
    # Behind a warm-up, the cosine has what is left of the training.
    schedule = learning_rates("cosine", 0.1, 105, STEPS, warmup_epochs=5)
    np.testing.assert_allclose(at(schedule, [5, 30, 55, 80, 105]), expected, atol=1e-6)


def test_steps_take_nine_tenths_off_at_30_60_and_90_epochs():
    schedule = learning_rates("step", 0.1, 120, STEPS, warmup_epochs=5)
    before = at(schedule, [30 - 1 / STEPS, 60 - 1 / STEPS, 90 - 1 / STEPS])
    np.testing.assert_allclose(before, [0.1, 0.01, 0.001], rtol=1e-6)
    np.testing.assert_allclose(at(schedule, [30, 60, 90, 119]), [0.01, 1e-3, 1e-4, 1e-4], rtol=1e-6)


def test_steps_and_their_factor_can_be_chosen():
    schedule = learning_rates("step", 0.8, 5, STEPS, decay_epochs=(0.5, 2), decay_factor=0.5)
    np.testing.assert_allclose(at(schedule, [0, 0.5, 1.9, 2, 4]), [0.8, 0.4, 0.4, 0.2, 0.2])


@pytest.mark.parametrize("kind", ["cosine", "step", "constant"])
def test_an_optimizer_follows_and_saves_a_schedule(kind):
    schedule = learning_rates(kind, 0.1, 10, 1, warmup_epochs=4, decay_epochs=(6,))
    optimizer = keras.optimizers.SGD(schedule)
    weight = keras.Variable(0.0)
    optimizer.build([weight])
    places = []
    for _ in range(6):
        optimizer.apply([np.float32(1)], [weight])
        places.append(float(weight))
    np.testing.assert_allclose(-np.diff([0.0, *places])[:5], np.arange(5) * 0.025, atol=1e-6)
    config = keras.optimizers.schedules.serialize(schedule)
    again = keras.optimizers.schedules.deserialize(config)
    assert at(again, [0, 0.05, 0.15, 0.2]) == at(schedule, [0, 0.05, 0.15, 0.2])


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`schedule` must be one of .*Did you mean 'cosine'"):
        learning_rates("cosin", 0.1, 10, 5)
    with pytest.raises(
        ValueError, match=r"`warmup_epochs` must be at least 0 and at most `epochs`"
    ):
        learning_rates("cosine", 0.1, 10, 5, warmup_epochs=11)
    with pytest.raises(ValueError, match=r"`decay_epochs` must be above 0 and rise"):
        learning_rates("step", 0.1, 10, 5, decay_epochs=(6, 3))
    with pytest.raises(ValueError, match=r"`decay_epochs` must be above 0 and rise"):
        learning_rates("step", 0.1, 10, 5, decay_epochs=(0, 3))
    for name in ("learning_rate", "epochs", "steps_per_epoch", "decay_factor"):
        good = {"learning_rate": 0.1, "epochs": 10, "steps_per_epoch": 5, "decay_factor": 0.1}
        with pytest.raises(ValueError, match=f"`{name}` must be a number above 0"):
            learning_rates("step", **(good | {name: 0}))
