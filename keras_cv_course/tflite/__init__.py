"""From a Keras model to a .tflite file: convert, run, compare, inspect, benchmark.

Lazy, so that a child process that only loads a file does not import TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_cv_course.tflite.conversion import ConversionResult, convert
    from keras_cv_course.tflite.detector_file import TFLiteDetector
    from keras_cv_course.tflite.inspection import ModelReport, inspect
    from keras_cv_course.tflite.kernel_comparison import KernelDifferences, kernel_differences
    from keras_cv_course.tflite.parity import ParityReport, compare
    from keras_cv_course.tflite.runtime import TFLiteModel
    from keras_cv_course.tflite.target_check import TargetReport, check
    from keras_cv_course.tflite.timing import BenchmarkReport, benchmark
    from keras_cv_course.tflite.validation import check_file

# No module is called as one of these names: importing it would put it in the function's place.
_HOMES = {
    "BenchmarkReport": "timing",
    "ConversionResult": "conversion",
    "KernelDifferences": "kernel_comparison",
    "ModelReport": "inspection",
    "ParityReport": "parity",
    "TFLiteDetector": "detector_file",
    "TFLiteModel": "runtime",
    "TargetReport": "target_check",
    "benchmark": "timing",
    "check": "target_check",
    "check_file": "validation",
    "compare": "parity",
    "convert": "conversion",
    "inspect": "inspection",
    "kernel_differences": "kernel_comparison",
}

__all__ = [
    "BenchmarkReport",
    "ConversionResult",
    "KernelDifferences",
    "ModelReport",
    "ParityReport",
    "TFLiteDetector",
    "TFLiteModel",
    "TargetReport",
    "benchmark",
    "check",
    "check_file",
    "compare",
    "convert",
    "inspect",
    "kernel_differences",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"keras_cv_course.tflite.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'keras_cv_course.tflite' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
