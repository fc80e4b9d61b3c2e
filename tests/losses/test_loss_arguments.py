"""All losses take what those of Keras take, in its order, and can be saved."""

import inspect

import keras
import pytest

from keras_cv_course import losses

# A masked loss is a mean over labels, whatever it is asked for.
LOSSES = [
    loss
    for name in losses.__all__
    if issubclass(loss := getattr(losses, name), keras.losses.Loss) and name != "MaskedLoss"
]
ARGUMENTS = {
    **{"alpha": 0.6, "boxes_per_cell": 3, "box_loss": "ciou", "box_weight": 2.5, "delta": 0.3},
    **{"class_softmax": True, "coordinate_weight": 2.0, "empty_weight": 0.3, "gamma": 1.5},
    **{"gaussian_share": 0.25, "ignore_iou": 0.7, "label_smoothing": 0.2, "least_negatives": 4},
    **{"margin": 0.3, "negative_ratio": 2.0, "objectness_weight": 3.0, "scale": 9.0, "sigma": 2.0},
    **{"ignore_value": 11, "terms": {"dice": 2.0}},
}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_a_loss_has_keras_arguments_last_and_keeps_them_all(loss):
    parameters = inspect.signature(loss).parameters
    theirs = list(parameters)[-3:]
    assert theirs == ["reduction", "name", "dtype"]
    assert parameters["reduction"].default == "sum_over_batch_size"
    own = {name: ARGUMENTS[name] for name in list(parameters)[:-3]}
    assert all(value != parameters[name].default for name, value in own.items())
    first = loss(**own, reduction="sum", name="mine", dtype="float64")
    config = keras.losses.serialize(first)["config"]
    assert {name: config[name] for name in own} == own
    again = keras.losses.deserialize(keras.losses.serialize(first))
    assert (type(again), again.reduction, again.name) == (loss, "sum", "mine")
    assert first.dtype == "float64"
    assert again.get_config() == first.get_config()
