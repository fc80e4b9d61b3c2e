"""Quantization-aware training, and the graph rewriting that integer runtimes want."""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names

if TYPE_CHECKING:
    from keras_cv_course.quantization.aware import quantize_aware as quantize_aware
    from keras_cv_course.quantization.aware import strip as strip
    from keras_cv_course.quantization.calibration import FreezeRanges as FreezeRanges
    from keras_cv_course.quantization.calibration import calibrate as calibrate
    from keras_cv_course.quantization.range_table import summary as summary
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "aware": ("quantize_aware", "strip"),
            "calibration": ("FreezeRanges", "calibrate"),
            "range_table": ("summary",),
        },
    )
