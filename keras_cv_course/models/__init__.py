"""The public place to import every builder from; lazy, like the package."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name not in __dir__():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import keras_cv_course

    return getattr(keras_cv_course, name)


def __dir__() -> list[str]:
    import keras_cv_course

    return [name for name in keras_cv_course.__all__ if name[0].isupper()]
