"""Builds the segmenter of a run."""

from typing import Any

import keras

from keras_cv_course.registry import build_model
from keras_cv_course.tasks.bodies import BATCH_NORM_MOMENTUM, build_body
from keras_cv_course.tasks.segmentation_args import Args


def build_segmenter(args: Args, classes: int) -> keras.Model:
    """Returns a new segmenter.

    Args:
        args: Of the run.
        classes: Number of classes.

    Raises:
        ValueError: If an argument does not fit.
    """
    options: dict[str, Any] = {"classes": classes, "batch_norm_momentum": BATCH_NORM_MOMENTUM}
    if args.encoder is None:
        options |= {"input_shape": args.input_shape, **_own(args)}
        return build_model(args.model, **options)
    dilated = {"output_stride": 16} if args.model == "lraspp" else {}
    return build_model(args.model, backbone=build_body(args, args.encoder, **dilated), **options)


def _own(args: Args) -> dict[str, Any]:
    """Returns the further arguments of a network with its own encoder."""
    if args.model != "unet":
        return {} if args.alpha is None else {"alpha": args.alpha}
    return {
        "filters": args.filters,
        "levels": args.levels,
        "padding": "same",
        "batch_norm": True,
    }
