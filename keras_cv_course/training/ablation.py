"""What each part of a recipe contributes: recipes that differ in one part, over seeds."""

import dataclasses
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_cv_course._atomic import replacing, write_atomic
from keras_cv_course._reading import parse_json, read_text
from keras_cv_course._validation import check_choice, shortened
from keras_cv_course.training.recipe import Recipe

_DPI = 120
Changes = Mapping[str, Mapping[str, Any]]

# Table 6, arXiv:1812.01187 (T. He et al.): each row has the tricks of those above it.
BAG_OF_TRICKS: Changes = {
    "efficient": {},
    "+ cosine": {"schedule": "cosine"},
    "+ label smoothing": {"label_smoothing": 0.1},
    "+ mixup": {"mixup": 0.2},
}
# Table 2, arXiv:1902.04103 (Z. Zhang et al.), for detectors of any input size.
BAG_OF_FREEBIES: Changes = {
    "without augmentation": {"flip": False, "zoom": 0.0, "colour": False},
    "baseline": {"flip": True, "zoom": 0.25, "colour": True},
    "+ synchronize BN": {"sync_batch_norm": True},
    "+ random training shapes": {"batch_sizes_px": tuple(range(320, 609, 32))},
    "+ cosine": {"schedule": "cosine"},
    "+ class label smoothing": {"label_smoothing": 0.1},
    "+ mixup": {"mixup": 1.5},
}


@dataclass(frozen=True)
class AblationRow:
    """What a recipe reached.

    Attributes:
        name: Of the recipe.
        scores: What each seed reached, in the order of the seeds.
    """

    name: str
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.scores))

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds, of a sample; 0 for one seed."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else 0.0


def cumulative(base: Recipe, changes: Changes) -> dict[str, Recipe]:
    """Returns recipes of which each has the changes of all before it, and its own.

    Example:
        >>> base = Recipe(optimizer="sgd", learning_rate=0.1, schedule="step", warmup_epochs=5)
        >>> cumulative(base, BAG_OF_TRICKS)["+ mixup"].label_smoothing
        0.1
    """
    recipes = {}
    for name, change in changes.items():
        base = dataclasses.replace(base, **change)
        recipes[name] = base
    return recipes


def one_by_one(base: Recipe, changes: Changes) -> dict[str, Recipe]:
    """Returns recipes of which each differs from `base` in its own change alone."""
    return {name: dataclasses.replace(base, **change) for name, change in changes.items()}


def ablate(
    recipes: Mapping[str, Recipe],
    run: Callable[[Recipe], float],
    path: str | os.PathLike[str],
    seeds: Sequence[int] = (0, 1, 2),
) -> list[AblationRow]:
    """Returns what each recipe reaches with each seed, in the order of `recipes`.

    Results are JSON lines in a file, a line for each training as it ends. The same call continues
    where it was cut off. All recipes are run with one seed before the next seed begins.

    Args:
        recipes: By name.
        run: Trains by a recipe, whose `seed` is set, and returns its score, e.g. an accuracy.
        path: The file of results, created where it is missing.
        seeds: Each makes a row's score.

    Raises:
        ValueError: If the file holds a result of such a name and seed by another recipe, or is no
            such file.

    Example:
        >>> rows = ablate(cumulative(base, BAG_OF_TRICKS), train_and_measure, "tricks.jsonl")
        >>> print(ablation_table(rows))
    """
    path = Path(path)
    done = _read(path)
    for seed in seeds:
        for name, recipe in recipes.items():
            own = dataclasses.replace(recipe, seed=seed)
            record = done.get((name, seed))
            if record is None:
                start = time.monotonic()
                score = float(run(own))
                seconds = round(time.monotonic() - start, 1)
                done[name, seed] = {
                    "name": name,
                    "seed": seed,
                    "score": score,
                    "seconds": seconds,
                    "recipe": own.to_dict(),
                }
                _write(path, list(done.values()))
            elif Recipe.from_dict(record["recipe"]) != own:
                raise ValueError(
                    f"{path} holds a result of {name!r} with seed {seed} by another recipe. "
                    "Choose another file, or another name."
                )
    return [
        AblationRow(name, tuple(done[name, seed]["score"] for seed in seeds)) for name in recipes
    ]


def ablation_table(
    rows: Sequence[AblationRow], against: str = "previous", scale: float = 100.0
) -> str:
    """Returns the results as a Markdown table: mean, difference, spread, each seed.

    Args:
        rows: What `ablate` returned.
        against: "previous" for the difference from the row above, for cumulative recipes; "first".
        scale: What scores are multiplied by, 100 for accuracies as percentages.

    Raises:
        ValueError: If `against` is neither.
    """
    check_choice("against", against, ("previous", "first"))
    lines = ["| recipe | mean | difference | spread | of each seed |", "|---|---|---|---|---|"]
    for i, row in enumerate(rows):
        reference = rows[i - 1] if against == "previous" else rows[0]
        difference = f"{scale * (row.mean - reference.mean):+.2f}" if i else ""
        scores = ", ".join(f"{scale * score:.2f}" for score in row.scores)
        lines.append(
            f"| {row.name} | {scale * row.mean:.2f} | {difference} | {scale * row.spread:.2f} "
            f"| {scores} |"
        )
    return "\n".join(lines)


def plot_ablation(
    rows: Sequence[AblationRow], path: str | os.PathLike[str], label: str = "accuracy"
) -> None:
    """Writes a PNG with a bar for each recipe up to its mean, and a dot for each seed.

    Args:
        rows: What `ablate` returned.
        path: The image to write.
        label: What the scores are.

    Raises:
        ValueError: If there is no row.
    """
    if not rows:
        raise ValueError("`rows` must hold at least one result to plot.")
    figure = Figure(figsize=(7, 1.2 + 0.45 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    axes.barh(places, [row.mean for row in rows], height=0.6, color="#9ecae1")
    for place, row in zip(places, rows, strict=True):
        axes.plot(row.scores, [place] * len(row.scores), "o", color="#08519c", markersize=4)
    scores = [score for row in rows for score in row.scores]
    margin = max(0.3 * (max(scores) - min(scores)), 0.01 * abs(max(scores)), 1e-6)
    axes.set_xlim(min(scores) - margin, max(scores) + margin)  # Bars are cut on the left.
    axes.set_yticks(places, [row.name for row in rows])
    axes.set(xlabel=f"{label} (mean, and each seed)")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)


def _read(path: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Returns the results in a file by name and seed; a last line that a kill cut is dropped."""
    if not path.is_file():
        return {}
    text = read_text(path)
    try:
        records = [parse_json(line, path) for line in text[: text.rfind("\n") + 1].splitlines()]
        for record in records:
            Recipe.from_dict(record["recipe"])
            kinds = type(record["name"]), type(record["seed"]), type(record["score"])
            if kinds != (str, int, float):
                raise ValueError(f"a result is {shortened(record)}.")
        return {(record["name"], record["seed"]): record for record in records}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} must hold the results of an ablation: {error}") from error


def _write(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    write_atomic(path, "".join(json.dumps(record) + "\n" for record in records))
