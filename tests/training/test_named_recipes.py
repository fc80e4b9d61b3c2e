import inspect

import pytest

from keras_cv_course.registry import MODELS
from keras_cv_course.training.named_recipes import NAMED, named_recipe


def test_every_family_has_a_recipe():
    families = {MODELS[named.model].module for named in NAMED.values()}
    assert families == {entry.module for entry in MODELS.values() if entry.kind == "classifier"}


@pytest.mark.parametrize("name", NAMED)
def test_a_recipe_names_what_its_network_takes_and_what_it_reached(name):
    named = NAMED[name]
    taken = inspect.signature(MODELS[named.model].load()).parameters
    assert set(named.options) <= set(taken)
    assert named.reached
    assert named_recipe(name) is named.recipe


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"Did you mean 'mobilenet_v2_digits'"):
        named_recipe("mobilenet_v2_digit")
