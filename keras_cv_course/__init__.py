"""Mobile vision networks on Keras 3, from `model.fit` to a verified .tflite file.

The package is lazy: importing it costs next to nothing, and a name below is imported on first use.
"""

from typing import TYPE_CHECKING

from keras_cv_course import models as models
from keras_cv_course._lazy import lazy_names
from keras_cv_course.registry import register_for

if TYPE_CHECKING:
    from keras_cv_course import backbones as backbones
    from keras_cv_course import data as data
    from keras_cv_course import detectors as detectors
    from keras_cv_course import faces as faces
    from keras_cv_course import losses as losses
    from keras_cv_course import metrics as metrics
    from keras_cv_course import predictors as predictors
    from keras_cv_course import quantization as quantization
    from keras_cv_course import segmenters as segmenters
    from keras_cv_course import tasks as tasks
    from keras_cv_course import tflite as tflite
    from keras_cv_course import training as training
    from keras_cv_course.models import *  # noqa: F403
    from keras_cv_course.networks.complexity import Complexity as Complexity
    from keras_cv_course.networks.complexity import complexity as complexity
    from keras_cv_course.networks.feature_maps import feature_maps as feature_maps
    from keras_cv_course.networks.fully_convolutional import (
        to_fully_convolutional as to_fully_convolutional,
    )
    from keras_cv_course.networks.loading import load_model as load_model
    from keras_cv_course.networks.receptive_field import ReceptiveField as ReceptiveField
    from keras_cv_course.networks.receptive_field import receptive_field as receptive_field
    from keras_cv_course.ops.conv_shapes import conv_output_shape as conv_output_shape
    from keras_cv_course.ops.conv_shapes import conv_params as conv_params
    from keras_cv_course.ops.conv_shapes import pool_output_shape as pool_output_shape
    from keras_cv_course.ops.scaling import Scaling as Scaling
    from keras_cv_course.ops.scaling import compound_scaling as compound_scaling
    from keras_cv_course.quantization import quantize_aware as quantize_aware
    from keras_cv_course.registry import build_model as build_model
    from keras_cv_course.registry import list_models as list_models
    from keras_cv_course.tasks.opening import load as load
    from keras_cv_course.tasks.opening import task_of as task_of
    from keras_cv_course.tflite import TFLiteModel as TFLiteModel
    from keras_cv_course.tflite import compare as compare
    from keras_cv_course.tflite import convert as convert
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "models": models.__all__,
            "networks.complexity": ("Complexity", "complexity"),
            "networks.feature_maps": ("feature_maps",),
            "networks.fully_convolutional": ("to_fully_convolutional",),
            "networks.loading": ("load_model",),
            "networks.receptive_field": ("ReceptiveField", "receptive_field"),
            "ops.conv_shapes": ("conv_output_shape", "conv_params", "pool_output_shape"),
            "ops.scaling": ("Scaling", "compound_scaling"),
            "quantization": ("quantize_aware",),
            "registry": ("build_model", "list_models"),
            "tasks.opening": ("load", "task_of"),
            "tflite": ("TFLiteModel", "compare", "convert"),
        },
        subpackages=(
            "backbones",
            "data",
            "detectors",
            "faces",
            "losses",
            "metrics",
            "models",
            "predictors",
            "quantization",
            "segmenters",
            "tasks",
            "tflite",
            "training",
        ),
        before=register_for,
    )

__version__ = "0.1.0"
