"""Public names of a package, each imported on first use."""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def lazy_names(
    package: str,
    modules: Mapping[str, Iterable[str]],
    subpackages: Iterable[str] = (),
    before: Callable[[str], None] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Returns `__getattr__`, `__dir__` and `__all__` of a package, in this order.

    A package makes them for the interpreter alone, beside the imports that type checkers read, so
    that these report names that do not exist:

        if TYPE_CHECKING:
            from keras_cv_course.tflite.runtime import TFLiteModel as TFLiteModel
        else:
            __getattr__, __dir__, __all__ = lazy_names(__name__, {"runtime": ("TFLiteModel",)})

    A name that is also its module's is imported at once, as the module would take its place.

    Args:
        package: `__name__` of the package.
        modules: Public names by the module that has them: "runtime" or "metadata.tables" inside the
            package, ".faces" beside it.
        subpackages: Names of packages inside it that are attributes of it.
        before: Called with a name before its module is imported.
    """
    homes = {name: module for module, names in modules.items() for name in names}
    subpackages = tuple(subpackages)
    names = sorted(homes)

    def load(name: str) -> Any:
        return getattr(importlib.import_module(f".{homes[name]}", package), name)

    def get(name: str) -> Any:
        if name in subpackages:
            return importlib.import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if before is not None:
            before(name)
        return load(name)

    for name in names:
        if homes[name] == name:
            setattr(sys.modules[package], name, load(name))
    return get, lambda: sorted({*names, *subpackages}), names
