import keras
import pytest

from keras_cv_course import MobileNetV2
from keras_cv_course.optimizers.layer_rates import LayerRateAdam, LayerRateSGD
from keras_cv_course.training.optimizer import layer_rates, make_optimizer
from keras_cv_course.training.recipe import Recipe


@pytest.fixture
def network(weightless):
    return MobileNetV2((32, 32, 3), 0.35, classes=3)


def test_rates_fall_from_the_classifier_to_the_stem(network):
    rates = layer_rates(network, 0.5)
    assert rates["logits"] == 1.0
    assert rates["top_conv"] == rates["top_bn"] == 0.5
    assert rates["stage7_block1_project_conv"] == 0.25
    assert rates["stage6_block3_expand_conv"] == 0.125
    # 17 blocks, the top and the classifier stand behind the stem.
    assert rates["stem_conv"] == 0.5**19
    assert set(rates) == {layer.name for layer in network.layers if layer.weights}


def test_a_network_inside_another_model_has_the_same_rates(network):
    image = keras.Input((32, 32, 3))
    outer = keras.Model(image, network(keras.layers.Rescaling(2.0, -1.0)(image)))
    assert layer_rates(outer, 0.5) == layer_rates(network, 0.5)


def test_other_networks_are_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"`model` must be a network of this package"):
        layer_rates(model, 0.5)
    with pytest.raises(ValueError, match=r"`decay` must be a number above 0"):
        layer_rates(model, 0)


def test_the_optimizer_is_keras_own_with_the_recipe_s_numbers():
    optimizer = make_optimizer(
        Recipe(optimizer="sgd", momentum=0.8, weight_decay=0.01, ema=0.99), 0.1
    )
    assert type(optimizer) is keras.optimizers.SGD
    assert (optimizer.momentum, optimizer.weight_decay) == (0.8, 0.01)
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.99)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    assert make_optimizer(Recipe(optimizer="adamw"), 0.1).weight_decay == 0.0
    assert make_optimizer(Recipe(), 0.1).weight_decay is None
    assert make_optimizer(Recipe(optimizer="rmsprop"), 0.1).momentum == 0.9


def test_rates_by_layer_make_the_optimizer_one_by_layer():
    assert type(make_optimizer(Recipe(), 0.1, {"a": 0.5})) is LayerRateAdam
    assert type(make_optimizer(Recipe(optimizer="sgd"), 0.1, {"a": 0.5})) is LayerRateSGD
