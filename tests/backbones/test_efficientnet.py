import keras
import numpy as np
import pytest
from contracts.random_weights import parity

import keras_cv_course
from keras_cv_course import EfficientNetB0, compound_scaling
from keras_cv_course.backbones.efficientnet import EfficientNet


@pytest.mark.parametrize(
    ("builder", "size", "include_top"),
    [
        ("EfficientNetB0", (32, 32), True),
        ("EfficientNetB0", (47, 47), False),
        pytest.param("EfficientNetB0", (96, 65), True, marks=pytest.mark.slow),
        pytest.param("EfficientNetB2", (33, 33), True, marks=pytest.mark.slow),
    ],
)
def test_equals_keras_applications(builder, size, include_top, rng, float64):
    options = {"input_shape": (*size, 3), "include_top": include_top}
    if include_top:
        options["classifier_activation"] = None
    reference = getattr(keras.applications, builder)(weights=None, **options)
    images = rng.uniform(0, 255, (2, *size, 3)).astype("float32")
    model = getattr(keras_cv_course, builder)(**options)
    assert parity(reference, model, images, rng) < 1e-5


def test_any_scale_can_be_built():
    model = EfficientNet(scaling=compound_scaling(-2), include_top=False)
    assert model.output_shape == (None, None, None, 1056)
    assert EfficientNet(scaling=compound_scaling(-4)).input_shape == (None, 128, 128, 3)


@pytest.mark.usefixtures("weightless")
def test_published_variants_carry_their_names():
    assert EfficientNetB0.__name__ == "EfficientNetB0"
    assert EfficientNetB0.__doc__.startswith("Returns an EfficientNetB0")
    assert EfficientNetB0((32, 32, 3), name="mine").name == "mine"


@pytest.mark.usefixtures("weightless")
def test_blocks_are_dropped_more_often_the_later_they_come():
    model = EfficientNetB0((32, 32, 3), drop_connect_rate=0.32)
    rates = [layer.rate for layer in model.layers if layer.name.endswith("_drop")]
    # Blocks 2, 4, 6, 7, 9, 10, 12, 13 and 14 of 16, counted from 0, have an addition.
    assert rates == pytest.approx([0.02 * i for i in (2, 4, 6, 7, 9, 10, 12, 13, 14)])
    plain = EfficientNetB0((32, 32, 3), drop_connect_rate=0.0)
    assert not [layer for layer in plain.layers if layer.name.endswith("_drop")]


@pytest.mark.usefixtures("weightless")
def test_dropout_rates_of_the_published_variants():
    model = keras_cv_course.EfficientNetB2((32, 32, 3))
    assert model.get_layer("top_dropout").rate == 0.3


def test_another_activation():
    model = EfficientNetB0((32, 32, 3), activation="relu6")
    names = {layer.name: type(layer).__name__ for layer in model.layers}
    assert names["stem_activation"] == names["stage2_block1_se_reduce_activation"] == "ReLU"
    assert names["stage2_block1_se_expand_activation"] == "Activation"


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop_connect_rate": 1}, "`drop_connect_rate` must be at least 0 and below 1"),
        ({"dropout_rate": -0.1}, "`dropout_rate` must be at least 0 and below 1"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EfficientNetB0((32, 32, 3), **options)


@pytest.mark.usefixtures("weightless")
def test_a_scale_without_weights_says_what_there_is():
    with pytest.raises(ValueError, match="EfficientNetB0 to EfficientNetB7"):
        EfficientNet((32, 32, 3), compound_scaling(-2), weights="imagenet")


@pytest.mark.usefixtures("weightless")
def test_l2_has_the_parameters_of_the_paper():
    model = keras_cv_course.EfficientNetL2()
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == 480_309_308
    assert model.input_shape == (None, 800, 800, 3)
    assert model.get_layer("top_dropout").rate == 0.5
