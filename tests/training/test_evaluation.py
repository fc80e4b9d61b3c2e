import numpy as np
import pytest

from keras_cv_course.training import evaluate_classifier

NAMES = ("cat", "dog", "owl")


def test_figures_are_those_counted_by_hand():
    # True cats: two right, one called dog. True dogs: one called owl. No owls.
    labels = np.array([0, 0, 0, 1])
    scores = np.eye(3)[[0, 0, 1, 2]]
    batches = [(scores[:3], labels[:3]), (scores[3:], labels[3:])]
    report = evaluate_classifier(lambda x: x, batches, NAMES)
    assert report.accuracy == 0.5
    assert report.confusion == ((2, 1, 0), (0, 0, 1), (0, 0, 0))
    assert report.support == (3, 1, 0)
    assert report.precision == (1.0, 0.0, 0.0)
    assert report.recall == pytest.approx((2 / 3, 0.0, 0.0))
    assert report.to_dict() == {
        "accuracy": 0.5,
        "images": 4,
        "classes": [
            {"name": "cat", "precision": 1.0, "recall": pytest.approx(2 / 3), "images": 3},
            {"name": "dog", "precision": 0.0, "recall": 0.0, "images": 1},
            {"name": "owl", "precision": 0.0, "recall": 0.0, "images": 0},
        ],
        "confusion": [[2, 1, 0], [0, 0, 1], [0, 0, 0]],
    }


def test_wrong_arguments_are_refused():
    batches = [(np.zeros((2, 1)), np.zeros(2, int))]
    with pytest.raises(ValueError, match=r"shape \(2, 3\).*Received: \(2, 4\)"):
        evaluate_classifier(lambda x: np.zeros((2, 4)), batches, NAMES)
    with pytest.raises(ValueError, match="at least one image"):
        evaluate_classifier(lambda x: x, [], NAMES)
