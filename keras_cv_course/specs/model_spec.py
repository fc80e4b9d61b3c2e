"""What must be known of a model to give it images and to read what it returns."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keras_cv_course._validation import check_choice, check_input_range

# "stretch" fills the input, "pad" keeps the image's aspect ratio in the middle of black borders,
# "crop" keeps it by cutting what is too long around the center.
RESIZINGS = ("stretch", "pad", "crop")


@dataclass(frozen=True)
class ModelSpec:
    """The meaning of a model's input and outputs.

    It is saved inside a .keras file by a `SpecCarrier` layer, and inside a .tflite file as JSON.
    Whatever is not known is None or empty.

    Attributes:
        task: Name of the task, e.g. "classify" or "detect"; see `keras_cv_course.tasks`.
        class_names: Name of each class, by label.
        input_range: Smallest and largest pixel value that the model takes.
        resize: How an image comes to the size of the input, one of `RESIZINGS`.
        outputs: Names of the outputs that `task`, `class_names` and `facts` are about.
        facts: What else the task has to know, as JSON can hold it.

    Raises:
        ValueError: If a value is out of its range.
        TypeError: If a value is of another type.

    Example:
        >>> ModelSpec("classify", ("cat", "dog"), (-1.0, 1.0), "crop", ("predictions",))
    """

    task: str | None = None
    class_names: tuple[str, ...] | None = None
    input_range: tuple[float, float] | None = None
    resize: str | None = None
    outputs: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task is not None and not (isinstance(self.task, str) and self.task):
            raise TypeError(f"`task` must be the name of a task. Received: {self.task!r}.")
        for name in ("class_names", "outputs"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, str) or not all(isinstance(item, str) for item in value):
                raise TypeError(f"`{name}` must be names. Received: {value!r}.")
            object.__setattr__(self, name, tuple(value))
        if self.input_range is not None:
            check_input_range(self.input_range)  # before it is converted: JSON has any number
            low, high = self.input_range
            object.__setattr__(self, "input_range", (float(low), float(high)))
        if self.resize is not None:
            check_choice("resize", self.resize, RESIZINGS)

    def filled(self, other: "ModelSpec") -> "ModelSpec":
        """Returns the spec with the fields of another one where its own are not known."""
        missing = {
            item.name: getattr(other, item.name)
            for item in dataclasses.fields(self)
            if getattr(self, item.name) in (None, (), {})
        }
        return dataclasses.replace(self, **missing)

    def for_outputs(self, names: tuple[str, ...]) -> "ModelSpec":
        """Returns what holds for a model with these outputs.

        A model on the layers of another, like one of its feature maps, takes the same images, and
        gives something else: then only `input_range` and `resize` are left.
        """
        if not self.outputs or set(self.outputs) & set(names):
            return self
        return ModelSpec(input_range=self.input_range, resize=self.resize)

    def to_dict(self) -> dict[str, Any]:
        """Returns the known fields as JSON can hold them."""
        fields = {
            "task": self.task,
            "class_names": None if self.class_names is None else list(self.class_names),
            "input_range": None if self.input_range is None else list(self.input_range),
            "resize": self.resize,
            "outputs": list(self.outputs),
            "facts": dict(self.facts),
        }
        return {name: value for name, value in fields.items() if value not in (None, [], {})}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "ModelSpec":
        """Returns the spec whose `to_dict` this is.

        Raises:
            ValueError: If a name is unknown or a value out of its range.
            TypeError: If a value is of another type.
        """
        names = [item.name for item in dataclasses.fields(cls)]
        for name in fields:
            check_choice("spec", name, names)
        return cls(**fields)
