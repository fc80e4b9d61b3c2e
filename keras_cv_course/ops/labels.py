"""Labels of which some are missing, which are NaN."""

from typing import Any

from keras import ops


def has_label(labels: Any) -> Any:
    """Returns which samples have a label, as 1.0 or 0.0.

    Args:
        labels: float tensor (batch,) or (batch, ...), NaN where a value is not known.

    Returns:
        float tensor (batch,): 1 where at least one value of the sample is known.
    """
    known = ops.logical_not(ops.isnan(labels))
    if len(labels.shape) > 1:
        known = ops.any(known, axis=tuple(range(1, len(labels.shape))))
    return ops.cast(known, labels.dtype)


def label_weight(labels: Any, sample_weight: Any = None) -> Any:
    """Returns how much each sample counts: 0 without a label, else its weight or 1.

    Args:
        labels: As `has_label` takes them.
        sample_weight: (batch,) or (batch, 1) factors; None is 1 for all.

    Returns:
        float tensor (batch,).
    """
    weight = has_label(labels)
    if sample_weight is None:
        return weight
    given = ops.convert_to_tensor(sample_weight, weight.dtype)
    return weight * ops.reshape(given, (-1,))


def fill_missing(labels: Any, predictions: Any) -> Any:
    """Returns labels with something finite in the place of what is not known.

    That is what was predicted, where labels and predictions have one shape: the error there is
    zero, and so is the gradient of every loss that is least where the two are equal, because the
    prediction counts as a constant. Where the shapes differ (a class index and its scores), a
    sample without any label becomes 0, to be left out by `has_label`, and others stay as they are.

    Args:
        labels: float tensor (batch,) or (batch, ...), NaN where a value is not known.
        predictions: float tensor (batch, ...).

    Returns:
        float tensor of the shape of `labels`; (batch, 1) for labels (batch,) and predictions
        (batch, 1).
    """
    if len(labels.shape) == 1 and tuple(predictions.shape[1:]) == (1,):
        labels = ops.expand_dims(labels, -1)
    if tuple(labels.shape[1:]) == tuple(predictions.shape[1:]):
        stand_in = ops.cast(ops.stop_gradient(predictions), labels.dtype)
        return ops.where(ops.isnan(labels), stand_in, labels)
    known = ops.reshape(has_label(labels), (-1,) + (1,) * (len(labels.shape) - 1)) > 0
    return ops.where(known, labels, ops.zeros_like(labels))


def first_value(labels: Any) -> Any:
    """Returns the first value of each label, (batch,), of labels (batch,) or (batch, n)."""
    return labels if len(labels.shape) == 1 else labels[..., 0]
