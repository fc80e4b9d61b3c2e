"""A model and the file made from it, in the numbers of their task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.table import Table

from keras_cv_course.tflite._report import render

if TYPE_CHECKING:
    from keras_cv_course.tasks.base import Evaluation


@dataclass(frozen=True)
class Comparison:
    """What a model and its file reach.

    Attributes:
        names: Files of the model and of what was made from it.
        split: What both were measured on.
        evaluations: What each reaches.
        facts: What else JSON holds.
    """

    names: tuple[str, str]
    split: str
    evaluations: "tuple[Evaluation, Evaluation]"
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the comparison as JSON can hold it."""
        rows = zip(self.names, self.evaluations, strict=True)
        compared = [{"file": name, **evaluation.to_dict()} for name, evaluation in rows]
        return {"split": self.split, **self.facts, "compared": compared}

    def __str__(self) -> str:
        before, after = (evaluation.metrics for evaluation in self.evaluations)
        facts = "".join(f", {name.replace('_', ' ')} {x:.3g}" for name, x in self.facts.items())
        images = self.evaluations[0].images
        table = Table(title=f"{self.names[1]} ({self.split}, {images} images{facts})")
        for column in ("", "Keras", "file", "difference"):
            table.add_column(column, justify="right" if column else "left")
        for name, value in before.items():
            cells = (f"{value:.4f}", f"{after[name]:.4f}", f"{after[name] - value:+.4f}")
            table.add_row(name, *cells)
        return render(table)
