"""Quantization-aware training, and the graph rewriting that integer runtimes want."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_cv_course.quantization.aware import quantize_aware, strip
    from keras_cv_course.quantization.calibration import FreezeRanges, calibrate
    from keras_cv_course.quantization.range_table import summary

_MODULES = {
    "FreezeRanges": "calibration",
    "calibrate": "calibration",
    "quantize_aware": "aware",
    "strip": "aware",
    "summary": "range_table",
}

__all__ = ["FreezeRanges", "calibrate", "quantize_aware", "strip", "summary"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
