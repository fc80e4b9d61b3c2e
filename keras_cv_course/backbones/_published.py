"""Builders of published networks, made of that of their family."""

import inspect
from collections.abc import Callable
from typing import Any

import keras

from keras_cv_course._validation import check_keywords
from keras_cv_course.registry import MODELS


def published(
    base: Callable[..., keras.Model], model: str, about: str, defaults: Any = None, **fixed: Any
) -> Callable[..., keras.Model]:
    """Returns the builder of a published network.

    It takes the arguments of the family's builder but those that make it this network.

    Args:
        base: Builder of the family, made by `classifier_builder`.
        model: Name in the registry.
        about: What the network is, for its docstring: a sentence without its subject.
        defaults: Arguments whose default is another than in `base`, by name.
        **fixed: Arguments of `base` that the network stands for.
    """
    entry = MODELS[model]
    changed = {"name": None, **(defaults or {})}
    signature = inspect.signature(base)
    parameters = [
        p.replace(default=changed.get(p.name, p.default))
        for p in signature.parameters.values()
        if p.name not in fixed
    ]
    own = signature.replace(parameters=parameters)

    def build(*args: Any, **kwargs: Any) -> keras.Model:
        check_keywords(entry.builder, kwargs, own.parameters)
        bound = own.bind(*args, **kwargs)
        bound.apply_defaults()
        options = {**bound.arguments, **fixed}
        options["name"] = options["name"] or model
        return base(**options)

    build.__signature__ = own  # type: ignore[attr-defined]
    build.__module__, build.__name__, build.__qualname__ = base.__module__, *[entry.builder] * 2
    build.__doc__ = f"""Returns {about}, for images of {entry.size_px} pixels by default.

    It takes the other arguments of `{base.__name__}`, with the same meaning and the same errors.
    """
    return build
