"""What a row of the model table is, and a family of classifiers as one row."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keras_cv_course._validation import check_choice

if TYPE_CHECKING:
    import keras


HEADS = ("dense", "conv", "flatten")


@dataclass(frozen=True)
class Traits:
    """What the classifiers of a family have in common beside their blocks.

    Attributes:
        head: How the classifier begins: "dense", dense layers on pooled features; "conv", 1x1
            convolutions of the pooled map; "flatten", dense layers on all values of the last map,
            so that their weights depend on the size of the input.
        classifier_layers: Number of layers with weights behind the last feature map's part.
        min_size_px: Smallest height and width of the input.
        any_size: Whether the network without its classifier takes images of any larger size.
        preprocessing: Whether preprocessing is inside, so that images are pixel values.
        explicit_padding: Whether the published weights were trained with zeros on all sides of a
            strided window. "same" puts them there for odd sizes alone; even ones take a layer.
    """

    head: str = "dense"
    classifier_layers: int = 1
    min_size_px: int = 32
    any_size: bool = True
    preprocessing: bool = False
    explicit_padding: bool = False

    def __post_init__(self) -> None:
        check_choice("head", self.head, HEADS)


PLAIN = Traits()


@dataclass(frozen=True)
class ModelEntry:
    """One row of the model table.

    Attributes:
        name: What `build_model` takes, in snake_case.
        builder: Name of the builder function, as exported by `keras_cv_course`.
        module: Module that defines the builder, relative to `keras_cv_course`.
        kind: What the model is for: "classifier", "localizer", "detector", "segmenter" or
            "face", a published network of these.
        size_px: Height and width of the input that the paper trains at.
        input_range: Smallest and largest pixel value that the model takes.
        traits: Those of its family, which mean something for classifiers only.
    """

    name: str
    builder: str
    module: str
    kind: str
    size_px: int
    input_range: tuple[float, float]
    traits: Traits = PLAIN

    def load(self) -> Callable[..., "keras.Model"]:
        """Returns the builder function."""
        module = importlib.import_module(f"keras_cv_course.{self.module}")
        builder: Callable[..., keras.Model] = getattr(module, self.builder)
        return builder


@dataclass(frozen=True)
class Member:
    """A classifier of a family.

    Attributes:
        name: What `build_model` takes, in snake_case.
        builder: Name of the builder function.
        size_px: Height and width of the input where they are not the family's.
    """

    name: str
    builder: str
    size_px: int | None = None


@dataclass(frozen=True)
class Family:
    """Classifiers that one module builds, and what they have in common.

    Attributes:
        module: Module of the builders in `backbones`.
        input_range: Smallest and largest pixel value that they take.
        members: The classifiers, the smallest first: it is run by the tests that all must pass.
        traits: What they have in common beside their blocks.
        size_px: Height and width of the input that the paper trains at.
        generic: Public builders of the module that make a network of any rows or scale.
    """

    module: str
    input_range: tuple[float, float]
    members: tuple[Member, ...]
    traits: Traits = PLAIN
    size_px: int = 224
    generic: tuple[str, ...] = ()

    def entries(self) -> Iterator[ModelEntry]:
        """Yields the row of each member in the model table."""
        for member in self.members:
            yield ModelEntry(
                member.name,
                member.builder,
                f"backbones.{self.module}",
                "classifier",
                member.size_px or self.size_px,
                self.input_range,
                self.traits,
            )
