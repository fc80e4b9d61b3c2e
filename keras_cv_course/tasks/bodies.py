"""The network under the heads of a run's model."""

from typing import Any

import keras

from keras_cv_course.registry import build_model
from keras_cv_course.tasks.args import RunArgs

# The families' own 0.99 to 0.999 leaves the statistics unsettled after a few hundred steps.
BATCH_NORM_MOMENTUM = 0.9


def build_body(
    args: RunArgs,
    backbone: str,
    batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
    **options: Any,
) -> keras.Model:
    """Returns a classifier of the registry without its classifier, for the input of a run.

    Args:
        args: Of the run.
        backbone: Name of the classifier.
        batch_norm_momentum: Of its batch normalization.
        **options: Further arguments of its builder.
    """
    return build_model(
        backbone,
        input_shape=args.input_shape,
        weights=args.weights,
        include_top=False,
        batch_norm_momentum=batch_norm_momentum,
        **({} if args.alpha is None else {"alpha": args.alpha}),
        **options,
    )
