"""Arguments that every classifier's builder takes: their types, meaning, defaults and checks."""

import functools
import inspect
import os
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ParamSpec, TypedDict

import keras
from keras import KerasTensor

from keras_cv_course._validation import (
    MOST_CLASSES,
    check_at_most,
    check_choice,
    check_keywords,
)
from keras_cv_course.registry import MODELS, PLAIN, Traits

P = ParamSpec("P")


class ClassifierOptions(TypedDict, total=False):
    """Arguments that every classifier's builder takes, by keyword.

    Attributes:
        include_top: Whether the classifier is built.
        weights: None for fresh ones, "imagenet" for those of keras.applications where it has the
            network (downloaded and verified by Keras), or the path of a weights file or saved
            model of keras.applications or of this package. If the file has another number of
            classes, the last layer alone starts fresh. Biases before batch normalization are
            taken in.
        input_tensor: Keras tensor (batch, height, width, channels) to build on.
        pooling: "avg" or "max" for a vector (batch, channels), None for the last feature map;
            only without the classifier.
        classes: Size of the classifier.
        classifier_activation: "softmax", another activation, or None for logits.
        name: Name of the model; None is the builder's in snake_case.
    """

    include_top: bool
    weights: str | os.PathLike[str] | None
    input_tensor: KerasTensor | None
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str | None


@dataclass(frozen=True)
class BuildOptions:
    """What a network is built with, checked; the fields from `include_top` on have their meaning.

    Attributes:
        size_px: Height and width where `input_shape` is None, the size the paper trains at.
        input_shape: (height, width, channels), None where a size is free, or None as a whole.
        include_top: See `ClassifierOptions`, as the following.
        weights: None, "imagenet" or a path.
        input_tensor: Keras tensor to build on, or None.
        pooling: None, "avg" or "max", for a network without its classifier.
        classes: Size of the classifier.
        classifier_activation: Activation of the classifier, None for logits.
        name: Name of the model.
        traits: Those of the family.
        input_range: Smallest and largest pixel value that the network takes.
    """

    size_px: int
    input_shape: tuple[int | None, ...] | None
    include_top: bool = True
    weights: str | os.PathLike[str] | None = None
    input_tensor: KerasTensor | None = None
    pooling: str | None = None
    classes: int = 1000
    classifier_activation: Any = "softmax"
    name: str | None = None
    traits: Traits = PLAIN
    input_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if keras.config.image_data_format() != "channels_last":
            raise ValueError(
                "The builders take images as (height, width, channels), but Keras is set to "
                "'channels_first'. Call `keras.config.set_image_data_format('channels_last')`."
            )
        check_choice("pooling", self.pooling, (None, "avg", "max"))
        _check_classifier(self)


def _check_classifier(options: BuildOptions) -> None:
    check_at_most("classes", options.classes, MOST_CLASSES)
    if options.include_top:
        if options.pooling is not None:
            raise ValueError(
                "`pooling` is for a network without its classifier. Received: "
                f"pooling={options.pooling!r} with include_top=True. Leave it out, or set "
                "`include_top=False`."
            )
        return
    if options.classes != 1000 or options.classifier_activation not in ("softmax", None):
        raise ValueError(
            "`classes` and `classifier_activation` describe the classifier. Received: "
            f"classes={options.classes}, classifier_activation={options.classifier_activation!r} "
            "with include_top=False. Leave them out, or set `include_top=True`."
        )


def options_of(
    model: str,
    input_shape: tuple[int | None, ...] | None,
    options: ClassifierOptions,
    size_px: int | None = None,
) -> BuildOptions:
    """Returns the checked options of a model of the table.

    Args:
        model: Name in the registry, whose size, traits and name are the model's.
        input_shape: The builder's argument.
        options: The builder's other arguments.
        size_px: Size where it is not that of the registry.

    Raises:
        ValueError: If an argument is out of range or contradicts another.
    """
    entry = MODELS[model]
    given: dict[str, Any] = {**options, "name": options.get("name") or model}
    return BuildOptions(
        size_px or entry.size_px,
        input_shape,
        traits=entry.traits,
        input_range=entry.input_range,
        **given,
    )


def classifier_builder(build: Callable[P, keras.Model]) -> Callable[P, keras.Model]:
    """Returns a builder that takes `**options: Unpack[ClassifierOptions]`, with a full signature.

    `inspect.signature` and `help` show each of the options; a keyword that the builder does not
    take is a TypeError that names the nearest.
    """
    signature = _signature(build)

    @functools.wraps(build)
    def checked(*args: P.args, **kwargs: P.kwargs) -> keras.Model:
        check_keywords(build.__name__, kwargs, signature.parameters)
        return build(*args, **kwargs)

    checked.__signature__ = signature  # type: ignore[attr-defined]
    checked.__doc__ = _documentation(build.__doc__ or "")
    return checked


def _signature(build: Callable[..., keras.Model]) -> inspect.Signature:
    signature = inspect.signature(build)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    shared = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
        )
        for field in fields(BuildOptions)
        if field.name in ClassifierOptions.__annotations__
    ]
    return signature.replace(parameters=[*own, *shared])


def _documentation(text: str) -> str:
    """Returns a docstring with the options' own in the place of its line on `**options`."""
    shared = inspect.cleandoc(ClassifierOptions.__doc__ or "").partition("Attributes:\n")[2]

    def described(match: re.Match[str]) -> str:
        return textwrap.indent(textwrap.dedent(shared), match.group(1)) + "\n"

    return re.sub(r"^( +)\*\*options:.*\n(?:\1 +.*\n)*", described, text, flags=re.MULTILINE)
