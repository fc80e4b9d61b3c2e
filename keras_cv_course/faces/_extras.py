"""Imports what only some users of faces need, and says how to install it."""

import importlib
from types import ModuleType

_PACKAGES = {
    "cv2": "opencv-python-headless<5",
    "milvus_lite": "milvus-lite",
    "pymilvus": "pymilvus",
}


def need(module: str) -> ModuleType:
    """Returns an optional module, imported.

    Args:
        module: Name of the module.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"This needs the package {_PACKAGES[module]!r}, which is not installed: "
            "pip install 'keras-cv-course[faces]'."
        ) from error
