"""Builds the segmenter of a run."""

from typing import Any

import keras

from keras_cv_course.registry import build_model
from keras_cv_course.tasks.classification import BATCH_NORM_MOMENTUM
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
    width = {} if args.alpha is None else {"alpha": args.alpha}
    if args.encoder is None:
        options["input_shape"] = args.input_shape
        return build_model(args.model, **options, **_own(args), **width)
    if args.model == "lraspp":
        width["output_stride"] = 16
    body = build_model(
        args.encoder,
        input_shape=args.input_shape,
        weights=args.weights,
        include_top=False,
        batch_norm_momentum=BATCH_NORM_MOMENTUM,
        **width,
    )
    return build_model(args.model, backbone=body, **options)


def _own(args: Args) -> dict[str, Any]:
    """Returns the further arguments of a network with its own encoder."""
    if args.model != "unet":
        return {}
    return {
        "filters": args.filters,
        "levels": args.levels,
        "padding": "same",
        "batch_norm": True,
    }
