"""Layers that return their inputs in inference."""

import keras
from keras import layers

from keras_cv_course.quantization.gains import GainRule, Planner
from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.operations.kind import (
    SAME,
    Int8Form,
    OperationKind,
    always,
    rounds,
)

# What they do in training goes through a factor, or not.
_HOMOGENEOUS = (
    layers.Dropout,
    layers.GaussianDropout,
    layers.RandomFlip,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
)
# They do where they fill with 0.
_FILLING = (
    layers.RandomRotation,
    layers.RandomShear,
    layers.RandomTranslation,
    layers.RandomZoom,
)
_OTHERS = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.AugMix,
    layers.CutMix,
    layers.GaussianNoise,
    layers.MixUp,
    layers.RandAugment,
    layers.RandomBrightness,
    layers.RandomColorDegeneration,
    layers.RandomColorJitter,
    layers.RandomContrast,
    layers.RandomElasticTransform,
    layers.RandomErasing,
    layers.RandomGaussianBlur,
    layers.RandomGrayscale,
    layers.RandomHue,
    layers.RandomInvert,
    layers.RandomPerspective,
    layers.RandomPosterization,
    layers.RandomSaturation,
    layers.RandomSharpness,
)
TRAINING_ONLY: tuple[type[keras.Layer], ...] = (*_HOMOGENEOUS, *_FILLING, *_OTHERS)


def _gain_of_filling(call: Call) -> GainRule:
    return Planner.homogeneous if call.operation.fill_value == 0 else Planner.nothing


_NOTHING = Int8Form(always(SAME), frozenset(), rounds)
KINDS = (
    OperationKind(_HOMOGENEOUS, always(Planner.homogeneous), _NOTHING),
    OperationKind(_FILLING, _gain_of_filling, _NOTHING),
    OperationKind(_OTHERS, always(Planner.nothing), _NOTHING),
)
