"""From a Keras model to a .tflite file: convert, run, compare, inspect, benchmark.

Lazy, so that a child process that only loads a file does not import TensorFlow.
"""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names

if TYPE_CHECKING:
    from keras_cv_course.tflite.carried_spec import read_spec as read_spec
    from keras_cv_course.tflite.conversion import ConversionResult as ConversionResult
    from keras_cv_course.tflite.conversion import convert as convert
    from keras_cv_course.tflite.detector_file import TFLiteDetector as TFLiteDetector
    from keras_cv_course.tflite.inspection import ModelReport as ModelReport
    from keras_cv_course.tflite.inspection import inspect as inspect
    from keras_cv_course.tflite.kernel_comparison import KernelDifferences as KernelDifferences
    from keras_cv_course.tflite.kernel_comparison import kernel_differences as kernel_differences
    from keras_cv_course.tflite.parity import ParityReport as ParityReport
    from keras_cv_course.tflite.parity import compare as compare
    from keras_cv_course.tflite.runtime import TFLiteModel as TFLiteModel
    from keras_cv_course.tflite.target_check import TargetReport as TargetReport
    from keras_cv_course.tflite.target_check import check as check
    from keras_cv_course.tflite.timing import BenchmarkReport as BenchmarkReport
    from keras_cv_course.tflite.timing import benchmark as benchmark
    from keras_cv_course.tflite.validation import check_file as check_file
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "carried_spec": ("read_spec",),
            "conversion": ("ConversionResult", "convert"),
            "detector_file": ("TFLiteDetector",),
            "inspection": ("ModelReport", "inspect"),
            "kernel_comparison": ("KernelDifferences", "kernel_differences"),
            "parity": ("ParityReport", "compare"),
            "runtime": ("TFLiteModel",),
            "target_check": ("TargetReport", "check"),
            "timing": ("BenchmarkReport", "benchmark"),
            "validation": ("check_file",),
        },
    )
