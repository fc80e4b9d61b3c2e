import json

import numpy as np
import pytest
from PIL import Image

from keras_cv_course.training.ablation import (
    BAG_OF_FREEBIES,
    BAG_OF_TRICKS,
    AblationRow,
    ablate,
    ablation_table,
    cumulative,
    one_by_one,
    plot_ablation,
)
from keras_cv_course.training.recipe import Recipe

BASE = Recipe(epochs=120, optimizer="sgd", learning_rate=0.1, schedule="step", warmup_epochs=5)


def test_each_trick_comes_on_top_of_those_before():
    recipes = cumulative(BASE, BAG_OF_TRICKS)
    got = [(r.schedule, r.label_smoothing, r.mixup) for r in recipes.values()]
    assert got == [("step", 0, 0), ("cosine", 0, 0), ("cosine", 0.1, 0), ("cosine", 0.1, 0.2)]
    assert recipes["efficient"] == BASE


def test_the_tricks_of_detectors_are_in_the_order_of_their_table():
    recipes = cumulative(BASE, BAG_OF_FREEBIES)
    assert len(recipes) == 7
    first, base, *_, last = recipes.values()
    assert (first.flip, base.flip) == (False, True)
    assert (last.sync_batch_norm, last.mixup) == (True, 1.5)
    assert last.batch_sizes_px == (320, 352, 384, 416, 448, 480, 512, 544, 576, 608)


def test_recipes_can_differ_in_one_part_alone():
    recipes = one_by_one(BASE, BAG_OF_TRICKS)
    assert recipes["+ mixup"] == Recipe(**(BASE.to_dict() | {"mixup": 0.2}))


def test_every_recipe_is_run_with_every_seed_once(tmp_path):
    path, seen = tmp_path / "results.jsonl", []

    def run(recipe):
        seen.append((recipe.schedule, recipe.seed))
        return 0.5 + recipe.seed / 100 + (recipe.schedule == "cosine") / 10

    recipes = {"step": BASE, "cosine": Recipe(schedule="cosine")}
    rows = ablate(recipes, run, path, seeds=(0, 1, 2))
    assert [row.name for row in rows] == ["step", "cosine"]
    np.testing.assert_allclose(rows[1].scores, [0.6, 0.61, 0.62])
    assert rows[1].mean == pytest.approx(0.61)
    assert rows[1].spread == pytest.approx(0.01)
    assert seen == [(kind, seed) for seed in range(3) for kind in ("step", "cosine")]
    assert ablate(recipes, run, path, seeds=(0, 1, 2)) == rows
    assert len(seen) == 6
    record = json.loads(path.read_text().splitlines()[0])
    assert Recipe.from_dict(record["recipe"]) == BASE


def test_an_interrupted_ablation_goes_on(tmp_path):
    path, seen = tmp_path / "results.jsonl", []

    def run(recipe, broken=False):
        if broken and recipe.seed == 1:
            raise KeyboardInterrupt
        seen.append(recipe.seed)
        return 0.25

    with pytest.raises(KeyboardInterrupt):
        ablate({"a": BASE}, lambda recipe: run(recipe, broken=True), path, seeds=(0, 1))
    with path.open("a") as file:
        file.write('{"name": "a", "se')  # What a kill can leave of a line.
    rows = ablate({"a": BASE}, run, path, seeds=(0, 1))
    assert seen == [0, 1]
    assert rows == [AblationRow("a", (0.25, 0.25))]
    assert len(path.read_text().splitlines()) == 2


def test_results_of_another_recipe_are_not_mixed_in(tmp_path):
    path = tmp_path / "results.jsonl"
    ablate({"a": BASE}, lambda recipe: 0.5, path, seeds=(0,))
    with pytest.raises(ValueError, match=r"holds a result of 'a' with seed 0 by another recipe"):
        ablate({"a": Recipe()}, lambda recipe: 0.5, path, seeds=(0,))
    path.write_text("no results\n")
    with pytest.raises(ValueError, match=r"must hold the results of an ablation"):
        ablate({"a": BASE}, lambda recipe: 0.5, path)


def test_the_table_is_that_of_the_course():
    """ResNet-50-D in the Bag of Tricks of T. He et al.: differences from row to row."""
    scores = {"efficient": 77.16, "+ cosine": 77.91, "+ label smoothing": 78.31, "+ mixup": 79.15}
    rows = [AblationRow(name, (score / 100,)) for name, score in scores.items()]
    lines = ablation_table(rows).splitlines()
    assert lines[2] == "| efficient | 77.16 |  | 0.00 | 77.16 |"
    assert [line.split(" | ")[2] for line in lines[3:]] == ["+0.75", "+0.40", "+0.84"]
    # YOLOv3 in the Bag of Freebies of Z. Zhang et al.: differences from the baseline.
    maps = {"baseline": 80.25, "+ synchronize BN": 80.81, "without augmentation": 64.26}
    rows = [AblationRow(name, (score,)) for name, score in maps.items()]
    lines = ablation_table(rows, against="first", scale=1).splitlines()
    assert [line.split(" | ")[2] for line in lines[3:]] == ["+0.56", "-15.99"]
    with pytest.raises(ValueError, match=r"`against` must be one of"):
        ablation_table(rows, against="last")


def test_the_plot_has_a_bar_for_each_recipe(tmp_path):
    rows = [AblationRow("efficient", (0.6, 0.62)), AblationRow("+ cosine", (0.64, 0.65))]
    plot_ablation(rows, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    bar = np.abs(pixels - (158, 202, 225)).sum(-1) < 6
    starts = np.flatnonzero(np.diff(np.r_[0, bar.any(1).astype(int)]) == 1)
    assert len(starts) == 2
    assert bar[starts[1] + 2].sum() > bar[starts[0] + 2].sum()
    with pytest.raises(ValueError, match=r"`rows` must hold at least one result"):
        plot_ablation([], tmp_path / "none.png")
