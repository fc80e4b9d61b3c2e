import dataclasses
import inspect

import keras
import numpy as np
import pytest

import keras_cv_course
from keras_cv_course import build_model
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import BuildOptions, ClassifierOptions
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.registry import MODELS, Traits


def test_typed_options_are_those_that_are_checked():
    checked = {field.name: field.type for field in dataclasses.fields(BuildOptions)}
    own = {"size_px", "input_shape", "traits", "input_range"}
    assert ClassifierOptions.__annotations__ == {n: checked[n] for n in checked if n not in own}


def test_defaults_in_a_signature():
    parameters = inspect.signature(keras_cv_course.MobileNet).parameters
    assert parameters["classes"].default == 1000
    assert parameters["include_top"].default is True
    assert parameters["classifier_activation"].default == "softmax"
    assert parameters["weights"].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.usefixtures("weightless")
def test_build_model_takes_a_builders_name():
    model = build_model("MobileNetV2", input_shape=(32, 32, 3), classes=3)
    assert (model.name, model.output_shape) == ("mobilenet_v2", (None, 3))
    with pytest.raises(ValueError, match=r"Did you mean .*'mobilenet_v2'"):
        build_model("MobilenetV2")


@pytest.mark.parametrize(
    "name", [n for n, e in MODELS.items() if e.kind not in ("classifier", "face")]
)
def test_num_classes_of_a_detector_names_classes(name):
    builder = MODELS[name].load()
    for call in (builder, lambda **options: build_model(name, **options)):
        with pytest.raises(TypeError, match=r"has no argument `num_classes`\. Use `classes`\."):
            call(num_classes=3)


def test_nearest_keyword():
    with pytest.raises(TypeError, match=r"MobileNetV2\(\) has no argument `alhpa`. Use `alpha`"):
        keras_cv_course.MobileNetV2(alhpa=0.35)
    with pytest.raises(TypeError, match=r"no argument `zzz`. It takes input_shape, alpha, .*name"):
        keras_cv_course.MobileNetV2(zzz=1)


def network(head, traits, **options):
    """Two blocks and a classifier of the kind that `traits` name."""
    build = BuildOptions(12, traits=traits, classes=3, name="toy", **options)
    image = make_input(build)
    x = keras.layers.Conv2D(4, 3, 2, padding="same", name="stage1_block1_conv")(image)
    return finish(x, image, build, head, ImageNet())


FLAT = Traits(head="flatten", classifier_layers=3, min_size_px=4)


def test_a_flattened_head_of_three_layers(rng, tmp_path):
    model = network(Head(0.5, (7, 5)), FLAT, input_shape=(8, 6, 3))
    assert [layer.name for layer in model.layers[3:]] == [
        *("top_flat", "top_hidden1_dense", "top_hidden1_activation", "top_dropout1"),
        *("top_hidden2_dense", "top_hidden2_activation", "top_dropout", "logits", "predictions"),
    ]
    assert model.count_params() == (27 * 4 + 4) + (48 * 7 + 7) + (7 * 5 + 5) + (5 * 3 + 3)
    np.testing.assert_allclose(model(rng.normal(size=(2, 8, 6, 3))).numpy().sum(-1), 1, atol=1e-6)
    model.save_weights(tmp_path / "toy.weights.h5")
    features = BuildOptions(
        12, (8, 6, 3), include_top=False, traits=FLAT, weights=tmp_path / "toy.weights.h5"
    )
    image = make_input(features)
    x = keras.layers.Conv2D(4, 3, 2, padding="same", name="stage1_block1_conv")(image)
    body = finish(x, image, features, Head(0.0, (7, 5)), ImageNet())
    np.testing.assert_array_equal(body.get_weights()[0], model.get_weights()[0])


def test_a_flattened_head_needs_a_size_and_the_network_without_it_none():
    with pytest.raises(ValueError, match=r"must be known, as the number of weights.*\(12, 12, 3\)"):
        network(Head(0.0), FLAT, input_shape=(None, 8, 3))
    assert make_input(BuildOptions(12, None, traits=FLAT)).shape == (None, 12, 12, 3)
    assert make_input(BuildOptions(12, None, False, traits=FLAT)).shape == (None, None, None, 3)


def test_a_network_of_one_size():
    fixed = Traits(any_size=False, min_size_px=8)
    assert make_input(BuildOptions(12, None, False, traits=fixed)).shape == (None, 12, 12, 3)
    with pytest.raises(ValueError, match="must be known"):
        make_input(BuildOptions(12, (None, None, 3), False, traits=fixed))
    with pytest.raises(ValueError, match=r"at least 8\. .* Nearest: \(8, 12, 1\)"):
        make_input(BuildOptions(12, (7, 12, 1), False, traits=fixed))


def test_heads_are_checked():
    with pytest.raises(ValueError, match="`head` must be one of 'dense', 'conv', 'flatten'"):
        Traits(head="dence")
