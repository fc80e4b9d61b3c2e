"""The network under the heads of a run's model."""

import inspect
from typing import Any

import keras

from keras_cv_course.registry import MODELS, build_model
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
        **momentum_option(backbone, batch_norm_momentum),
        **({} if args.alpha is None else {"alpha": args.alpha}),
        **options,
    )


def momentum_option(name: str, momentum: float = BATCH_NORM_MOMENTUM) -> dict[str, Any]:
    """Returns the builder's option of batch normalization; none where a classifier has none.

    Args:
        name: Name of the classifier.
        momentum: Weight of the past in the moving statistics.
    """
    parameters = inspect.signature(MODELS[name].load()).parameters
    return {"batch_norm_momentum": momentum} if "batch_norm_momentum" in parameters else {}
