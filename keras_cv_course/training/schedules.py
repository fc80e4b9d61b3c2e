"""Learning rates over the epochs: warm-up, then a cosine, steps, or a constant."""

import math
from collections.abc import Sequence

import keras

from keras_cv_course._validation import check_positive
from keras_cv_course.optimizers.warm_up import WarmUp
from keras_cv_course.training.recipe import check_schedule


def learning_rates(
    kind: str,
    learning_rate: float,
    epochs: float,
    steps_per_epoch: int,
    warmup_epochs: float = 0.0,
    decay_epochs: Sequence[float] = (30.0, 60.0, 90.0),
    decay_factor: float = 0.1,
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the schedule that a Keras optimizer takes instead of a learning rate.

    The rate rises from 0 along a line until the end of epoch `warmup_epochs`. Then it is

    - "cosine": `learning_rate * (1 + cos(pi t / T)) / 2`, with `t` counted from the end of the
      warm-up and `T` what is left of the training, as in Keras' CosineDecay;
    - "step": multiplied by `decay_factor` at each of `decay_epochs`, counted from the beginning;
    - "constant": `learning_rate`.

    Args:
        kind: "cosine", "step" or "constant".
        learning_rate: Highest rate, above 0.
        epochs: Length of the training, at the end of which a cosine is at 0.
        steps_per_epoch: Batches in an epoch.
        warmup_epochs: Length of the warm-up, from 0 to `epochs`; may be a fraction.
        decay_epochs: Rising epochs of the steps.
        decay_factor: What a step multiplies the rate by, above 0.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> rates = learning_rates("step", 0.1, 120, steps_per_epoch=100, warmup_epochs=5)
        >>> [round(float(rates(100 * epoch)), 6) for epoch in (0, 2.5, 5, 30, 60, 90)]
        [0.0, 0.05, 0.1, 0.01, 0.001, 0.0001]

    Reference:
        Bag of Tricks for Image Classification with Convolutional Neural Networks,
        T. He et al., arXiv:1812.01187, sections 3.1 (warm-up) and 5.1 (cosine and step).
    """
    for name, value in (
        ("learning_rate", learning_rate),
        ("epochs", epochs),
        ("steps_per_epoch", steps_per_epoch),
        ("decay_factor", decay_factor),
    ):
        check_positive(name, value)
    check_schedule(kind, epochs, warmup_epochs, decay_epochs)
    warmup_steps = round(warmup_epochs * steps_per_epoch)
    if kind == "cosine":
        left = max(round(epochs * steps_per_epoch) - warmup_steps, 1)
        if not warmup_steps:
            return keras.optimizers.schedules.CosineDecay(learning_rate, left)
        return keras.optimizers.schedules.CosineDecay(
            0.0, left, warmup_target=learning_rate, warmup_steps=warmup_steps
        )
    first_steps = [math.ceil(epoch * steps_per_epoch - 1e-6) for epoch in decay_epochs]
    boundaries = first_steps if kind == "step" else []
    values = [learning_rate * decay_factor**i for i in range(len(boundaries) + 1)]
    return WarmUp(boundaries, values, warmup_steps)
