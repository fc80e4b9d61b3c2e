import dataclasses

import pytest
import yaml

from keras_cv_course.training.recipe import Recipe, load_recipe, save_recipe

CHANGED = Recipe(
    epochs=90,
    seed=3,
    optimizer="sgd",
    learning_rate=0.1,
    schedule="step",
    warmup_epochs=5,
    decay_epochs=(30, 60.5),
    label_smoothing=0.1,
    mixup=0.2,
    batch_sizes_px=(224, 256, 288),
    l1=1e-5,
    l2=1e-4,
    ema=0.99,
    flip=True,
    sync_batch_norm=True,
)


def test_a_recipe_is_read_back_equal(tmp_path):
    save_recipe(CHANGED, tmp_path / "recipe.yaml")
    again = load_recipe(tmp_path / "recipe.yaml")
    assert again == CHANGED
    assert hash(again) == hash(CHANGED)
    assert again.decay_epochs == (30.0, 60.5)
    assert load_recipe(tmp_path / "recipe.yaml") != Recipe()


def test_the_file_is_plain_yaml_that_a_person_can_write(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("learning_rate: 1\nmixup: 0.2\ndecay_epochs: [10, 20]\n")
    assert load_recipe(path) == Recipe(learning_rate=1.0, mixup=0.2, decay_epochs=(10.0, 20.0))
    save_recipe(CHANGED, path)
    loaded = yaml.safe_load(path.read_text())
    assert list(loaded) == [field.name for field in dataclasses.fields(Recipe)]
    assert loaded["batch_sizes_px"] == [224, 256, 288]


def test_the_recipe_of_a_run_is_found_in_its_arguments(tmp_path):
    path = tmp_path / "args.yaml"
    path.write_text(yaml.safe_dump({"model": "mobilenet_v2", "recipe": CHANGED.to_dict()}))
    assert load_recipe(path) == CHANGED


def test_labels_become_shares_only_where_they_must():
    assert not Recipe(flip=True, erase=0.5).soft_labels
    for name in ("label_smoothing", "mixup", "cutmix"):
        assert Recipe(**{name: 0.1}).soft_labels


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "`epochs` must be a number above 0"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
        ({"schedule": "linear"}, "`schedule` must be one of 'cosine', 'step', 'constant'"),
        ({"warmup_epochs": 21}, "`warmup_epochs` must be at least 0 and at most `epochs`"),
        ({"schedule": "step", "decay_epochs": (9.0, 9.0)}, "`decay_epochs` must be above 0"),
        ({"label_smoothing": 1.0}, "`label_smoothing` must be at least 0 and below 1"),
        ({"l2": -1.0}, "`l2` must be at least 0. Received: -1.0"),
        ({"erase": 1.5}, "`erase` must be from 0 to 1"),
        ({"layer_decay": 0.0}, "`layer_decay` must be above 0 and at most 1"),
        ({"layer_decay": 0.5, "optimizer": "rmsprop"}, "for the optimizers 'adam', 'adamw'"),
        ({"mixup": 0.2, "cutmix": 1.0}, "set one of them to 0"),
        # The deck's 228 for nine times 32.
        ({"batch_sizes_px": (224, 256, 228)}, "multiples of 32.*Received: 228. Nearest: 224"),
        ({"warmup": 3}, "Did you mean 'warmup_epochs'"),
    ],
)
def test_values_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Recipe.from_dict(values)


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 2.5},
        {"epochs": True},
        {"flip": 1},
        {"mixup": "0.2"},
        {"mixup": True},
        {"decay_epochs": 3},
        {"batch_sizes_px": [224.0]},
    ],
)
def test_values_of_another_kind_are_refused(values):
    with pytest.raises(TypeError, match=f"`{next(iter(values))}` must be of type"):
        Recipe.from_dict(values)


def test_files_without_a_recipe_are_refused(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("- 1\n- 2\n")
    with pytest.raises(ValueError, match=r"must hold a recipe, a name and a value on each line"):
        load_recipe(path)
    path.write_text("a: [")
    with pytest.raises(ValueError, match=r"recipe.yaml is not YAML"):
        load_recipe(path)
    with pytest.raises(FileNotFoundError):
        load_recipe(tmp_path / "none.yaml")
