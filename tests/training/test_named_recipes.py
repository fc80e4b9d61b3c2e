import pytest

from keras_cv_course.training.named_recipes import NAMED, named_recipe


@pytest.mark.parametrize("name", NAMED)
def test_a_recipe_comes_with_its_network_and_what_it_reached(name, weightless):
    named = NAMED[name]
    model = named.build()
    assert model.input_shape[1:] == named.options["input_shape"]
    assert model.output_shape == (None, named.options["classes"])
    assert all(10 < accuracy <= 100 for accuracy in named.reached)
    assert named.reached
    assert named_recipe(name) is named.recipe


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"Did you mean 'mobilenet_v3_digits'"):
        named_recipe("mobilenet_v3_digit")
