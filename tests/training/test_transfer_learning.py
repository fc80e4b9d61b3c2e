import keras
import numpy as np
import pytest
from tiny_network import SHAPE, tiny_network

from keras_cv_course import MobileNetV2
from keras_cv_course.data import digits
from keras_cv_course.training.layer_groups import layer_groups
from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.transfer_learning import (
    TransferPolicy,
    fit_in_stages,
    freeze,
    freeze_first,
    policy_recipe,
    transfer,
)


@pytest.fixture(scope="module")
def pretrained():
    return tiny_network(classes=5)


@pytest.fixture(scope="module")
def data():
    return digits(SHAPE, batch_size=64)


def learning(model):
    """Names of the groups with variables that learn."""
    groups = layer_groups(model)
    return {name for name, layers in groups.items() if any(x.trainable_weights for x in layers)}


def test_only_the_new_classifier_learns_and_the_old_network_stays(pretrained):
    before = pretrained.get_weights()
    model = transfer(pretrained, 17)
    assert model.output_shape == (None, 17)
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == 16 * 17 + 17
    assert pretrained.output_shape == (None, 5)
    assert len(pretrained.trainable_variables) == 5 * 3 + 2
    for ours, theirs in zip(pretrained.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_copy_sees_what_the_network_saw(pretrained, rng):
    images = rng.uniform(-1, 1, (2, *SHAPE)).astype(np.float32)
    model = transfer(pretrained, 17)
    seen = [keras.Model(m.input, m.get_layer("top_pool").output) for m in (model, pretrained)]
    np.testing.assert_array_equal(seen[0](images), seen[1](images))


def test_networks_that_end_in_a_convolution_get_one():
    model = transfer(tiny_network(convolutional=True), 3)
    assert model.get_layer("logits").kernel.shape == (1, 1, 16, 3)
    assert model.get_layer("logits_flat").target_shape == (3,)
    assert model(np.zeros((2, *SHAPE), np.float32)).shape == (2, 3)


def test_networks_of_keras_applications_get_a_new_classifier_too(rng):
    images = rng.uniform(-1, 1, (2, *SHAPE)).astype(np.float32)
    source = keras.applications.MobileNet(SHAPE, 0.25, weights=None, classes=4)
    model = transfer(source, 3)
    assert model(images).shape == (2, 3)
    assert {v.name for v in model.trainable_variables} == {"kernel", "bias"}
    with pytest.raises(ValueError, match=r"`model` must be a network of this package"):
        freeze(model, TransferPolicy(learning_groups=2))


def test_the_last_groups_learn_and_their_batch_norm_stays(pretrained):
    model = transfer(pretrained, 3, TransferPolicy(learning_groups=3))
    assert learning(model) == {"logits", "top", "stage3_block1", "stage2_block1"}
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert not any(norm.trainable for norm in norms)
    freeze(model, TransferPolicy(learning_groups=1, train_batch_norm=True))
    assert learning(model) == {"logits", "top"}
    assert [norm.name for norm in norms if norm.trainable] == ["top_bn"]
    freeze(model, TransferPolicy(learning_groups=None))
    assert learning(model) == set(layer_groups(model))
    freeze(model, TransferPolicy(learning_groups=0))
    assert learning(model) == {"logits"}


def test_frozen_weights_and_statistics_stay_in_training(pretrained, data):
    model = transfer(pretrained, 10, TransferPolicy(learning_groups=1, rate_scale=0.1))
    before = {v.path: v.numpy() for v in model.variables}
    recipe = Recipe(epochs=1, learning_rate=0.01)
    fit_in_stages(
        model, recipe, [(TransferPolicy(1, rate_scale=0.1), 1)], data.train.take(3), verbose=0
    )
    moved = {path for path, old in before.items() if np.abs(model_value(model, path) - old).max()}
    assert moved == {"top_conv/kernel", "logits/kernel", "logits/bias"}
    # Frozen batch norm gives in training what it gives in inference.
    images = next(data.val.as_numpy_iterator())[0]
    np.testing.assert_array_equal(model(images, training=True), model(images))


def model_value(model, path):
    return next(v.numpy() for v in model.variables if v.path == path)


def test_the_first_groups_are_frozen_by_their_number():
    model = freeze_first(tiny_network(), 3)
    assert learning(model) == {"stage3_block1", "top", "logits"}
    assert model.get_layer("stage3_block1_project_bn").trainable
    assert learning(freeze_first(model, 0)) == set(layer_groups(model))
    with pytest.raises(ValueError, match=r"`count` must be from 0 to 5 for 'tiny'"):
        freeze_first(model, 6)


def test_stages_let_more_and_more_learn_at_lower_rates(pretrained, data, monkeypatch):
    seen = []

    def record(model, recipe, train, val, **options):
        seen.append((learning(model), recipe.learning_rate, recipe.epochs, recipe.layer_decay))

    monkeypatch.setattr("keras_cv_course.training.transfer_learning.fit", record)
    model = transfer(pretrained, 10)
    stages = [
        (TransferPolicy(), 2),
        (TransferPolicy(1, rate_scale=0.1), 3),
        (TransferPolicy(None, rate_scale=0.01, layer_decay=0.8), 4),
    ]
    fit_in_stages(model, Recipe(learning_rate=0.1), stages, data.train)
    assert [rows[1:] for rows in seen] == [
        (0.1, 2, 1.0),
        (pytest.approx(0.01), 3, 1.0),
        (pytest.approx(0.001), 4, 0.8),
    ]
    assert [len(groups) for groups, *_ in seen] == [1, 2, 6]
    with pytest.raises(ValueError, match=r"`stages` must name at least one policy"):
        fit_in_stages(model, Recipe(), [], data.train)


def test_a_short_stage_has_a_short_warm_up():
    assert policy_recipe(Recipe(warmup_epochs=5), TransferPolicy(), 4).warmup_epochs == 2
    assert policy_recipe(Recipe(epochs=30, warmup_epochs=5), TransferPolicy()).warmup_epochs == 5


def test_the_classifier_can_look_at_several_depths(pretrained, rng):
    source = tiny_network(convolutional=True, stages=4)
    model = transfer(source, 3, TransferPolicy(depth_features=True))
    assert {v.path for v in model.trainable_variables} == {"logits/kernel", "logits/bias"}
    # Four stages and the classifier's own 16 features.
    assert model.get_layer("logits").kernel.shape == (4 + 6 + 8 + 10 + 16, 3)
    images = rng.uniform(-1, 1, (2, *SHAPE)).astype(np.float32)
    np.testing.assert_allclose(np.sum(model(images), -1), 1, rtol=1e-5)


def test_a_classifier_of_zeros_has_no_opinion(pretrained, rng):
    model = transfer(pretrained, 4, TransferPolicy(zero_head=True))
    images = rng.uniform(-1, 1, (2, *SHAPE)).astype(np.float32)
    np.testing.assert_array_equal(model(images), np.full((2, 4), 0.25))


def test_what_does_not_fit_is_refused(pretrained, weightless):
    with pytest.raises(ValueError, match=r"Build it with `include_top=True`"):
        transfer(MobileNetV2(SHAPE, 0.35, include_top=False), 3)
    with pytest.raises(ValueError, match=r"`learning_groups` must be at most 5 for"):
        transfer(pretrained, 3, TransferPolicy(learning_groups=6))
    with pytest.raises(ValueError, match=r"`classes` must be a whole number above 0"):
        transfer(pretrained, 0)
    with pytest.raises(ValueError, match=r"`learning_groups` must be at least 0, or None for all"):
        TransferPolicy(learning_groups=-1)
    with pytest.raises(ValueError, match=r"leave `learning_groups` at 0. Received: 3"):
        TransferPolicy(learning_groups=3, depth_features=True)
    with pytest.raises(ValueError, match=r"`rate_scale` must be a number above 0"):
        TransferPolicy(rate_scale=0)
