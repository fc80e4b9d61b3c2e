import pytest

from keras_cv_course.training.gap import gap_report


def history(train, val):
    return {"accuracy": train, "val_accuracy": val, "val_loss": [1.0] * len(val)}


@pytest.mark.parametrize(
    ("train", "val", "verdict", "advice"),
    [
        (0.99, 0.80, "overfitting", "Regularize more"),
        (0.60, 0.58, "underfitting", "more capacity"),
        (0.97, 0.95, "balanced", "larger network"),
        (0.90, 0.94, "balanced", "larger network"),  # Augmentation makes training harder.
    ],
)
def test_the_gap_decides_what_is_advised(train, val, verdict, advice):
    report = gap_report(history([0.3, train], [0.3, val]))
    assert (report.epoch, report.verdict) == (2, verdict)
    assert report.gap == pytest.approx(train - val)
    assert advice in report.advice
    assert str(report).startswith(f"epoch 2: accuracy {train:.3f} on the training images")


def test_the_best_epoch_counts_and_not_the_last():
    report = gap_report(history([0.5, 0.8, 1.0], [0.5, 0.78, 0.6]), enough=0.7)
    assert (report.epoch, report.verdict) == (2, "balanced")


def test_the_limits_can_be_chosen():
    assert gap_report(history([0.9], [0.8]), largest_gap=0.2).verdict == "balanced"


def test_a_history_without_validation_is_refused():
    with pytest.raises(ValueError, match=r"give `fit` validation data. Received: \['accuracy'\]"):
        gap_report({"accuracy": [0.5]})
    with pytest.raises(ValueError, match=r"at least one epoch"):
        gap_report(history([], []))
