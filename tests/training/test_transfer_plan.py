import pytest

from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.transfer_plan import BIT_POLICY, bit_rule, plan_transfer


def test_the_four_cases_of_the_table():
    few_similar, few_different = plan_transfer(500, True), plan_transfer(500, False)
    many_similar, many_different = plan_transfer(50_000, True), plan_transfer(50_000, False)
    assert (few_similar.learning_groups, few_similar.depth_features) == (0, False)
    assert few_different.depth_features
    assert 0 < many_similar.learning_groups < many_different.learning_groups
    assert many_similar.rate_scale == many_different.rate_scale == 0.1
    assert few_similar.rate_scale == 1.0
    assert not any(policy.train_batch_norm for policy in (few_similar, few_different, many_similar))


def test_what_few_is_can_be_chosen():
    assert plan_transfer(5000, True, few=10_000).learning_groups == 0
    assert plan_transfer(999, True).learning_groups == 0
    assert plan_transfer(1000, True).learning_groups == 4
    with pytest.raises(ValueError, match=r"`num_images` must be a whole number above 0"):
        plan_transfer(0, True)


@pytest.mark.parametrize(
    ("images", "steps", "decay", "mixup"),
    [
        (19_999, 500, (200, 300, 400), 0.0),
        (20_000, 10_000, (3_000, 6_000, 9_000), 0.1),
        (499_999, 10_000, (3_000, 6_000, 9_000), 0.1),
        (500_000, 20_000, (6_000, 12_000, 18_000), 0.1),
    ],
)
def test_bit_s_rule_goes_by_the_size_of_the_data(images, steps, decay, mixup):
    rule = bit_rule(images, 224, 224)
    assert (rule.steps, rule.decay_steps, rule.mixup) == (steps, decay, mixup)
    assert (rule.resize_px, rule.crop_px) == (512, 480)


def test_small_images_stay_smaller():
    assert bit_rule(50_000, 32, 32).resize_px == 160
    assert bit_rule(50_000, 95, 96).crop_px == 128
    assert bit_rule(50_000, 96, 96).crop_px == 480


def test_the_rule_as_a_recipe_has_its_steps():
    recipe = bit_rule(10_240, 224, 224).recipe(10_240)  # 20 batches of 512
    assert isinstance(recipe, Recipe)
    assert (recipe.epochs, recipe.warmup_epochs) == (25, 5.0)
    assert recipe.decay_epochs == (10.0, 15.0, 20.0)
    assert (recipe.optimizer, recipe.momentum, recipe.learning_rate) == ("sgd", 0.9, 0.003)
    small = bit_rule(646, 224, 224).recipe(646, batch=32)  # 21 batches
    assert small.epochs == 24
    assert small.learning_rate == pytest.approx(0.003 / 16)
    assert (BIT_POLICY.zero_head, BIT_POLICY.learning_groups) == (True, None)
    with pytest.raises(ValueError, match=r"`num_images` must be a whole number above 0"):
        bit_rule(100, 224, 224).recipe(0)
