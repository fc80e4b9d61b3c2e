"""A small run folder, which the tests of the command line share."""

import keras
import pytest
from tiny_classifier import SHAPE, tiny

from keras_cv_course.data import digits
from keras_cv_course.tasks.classification_args import Args
from keras_cv_course.training import Recipe, create_run, fit


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The run folder of a tiny network that was trained on the digits."""
    keras.utils.set_random_seed(0)
    data = digits(SHAPE, (-1.0, 1.0), 64)
    recipe = Recipe(epochs=3, learning_rate=0.02)
    args = Args(model="mobilenet_v2", imgsz=SHAPE[0], recipe=recipe)
    facts = {"task": "classify", "class_names": list(data.class_names), "input_range": [-1.0, 1.0]}
    run = create_run({**args.to_yaml(), **facts}, tmp_path_factory.mktemp("runs"), "tiny")
    fit(tiny(), recipe, data.epochs, data.val, verbose=0, run=run)
    return run
