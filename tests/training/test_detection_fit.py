"""A small detector trains in a run folder, and goes on there after an interruption."""

import os
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from breaking_off import Interrupted, assert_ends_bit_equal
from killed_detector import BATCHES, EPOCHS, train
from PIL import Image

from keras_cv_course import load_model
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.metrics.detection_callback import AveragePrecision
from keras_cv_course.training import create_run
from keras_cv_course.training.detection_fit import best_epoch
from keras_cv_course.training.precision_recall import plot_precision_recall

CHILD = Path(__file__).with_name("killed_detector.py")


def test_the_best_epoch_is_the_first_of_the_highest_precision():
    history = {"epoch": [0, 1, 2, 3], "val_AP50": [0.1, 0.4, 0.4, 0.2], "val_AP": [0, 0, 1, 2]}
    assert best_epoch(history) == 1


def test_an_epoch_without_an_evaluation_is_never_the_best():
    nan = float("nan")
    history = {"epoch": [0, 1, 2, 3], "val_AP50": [nan, 0.1, nan, 0.4]}
    assert best_epoch(history) == 3
    scores = AveragePrecision(lambda images: [], list, ("cell",), every=5)
    logs = {}
    scores.on_epoch_end(1, logs)
    assert np.isnan(list(logs.values())).all()
    assert set(logs) == {"val_AP", "val_AP50"}


@pytest.mark.parametrize("classes", [2, 80])
def test_the_curves_of_any_number_of_classes_have_room(classes, tmp_path):
    labels = np.arange(classes)
    boxes = np.tile(np.array([[0.0, 0.0, 10.0, 10.0]], np.float32), (classes, 1))
    detections = [{"boxes": boxes, "scores": labels / classes + 0.001, "classes": labels}] * 2
    no = np.zeros(classes, bool)
    truth = SimpleNamespace(boxes=boxes, labels=labels, crowd=no, difficult=no)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Matplotlib's, where a legend leaves no room.
        names = [f"a long name {label}" for label in labels]
        plot_precision_recall([truth] * 2, detections, names, tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as plot:
        assert plot.width > 400


@pytest.mark.slow
def test_an_interrupted_run_ends_as_an_unbroken_one(tmp_path):
    whole, broken = create_run({}, tmp_path), create_run({}, tmp_path)
    network, history = train(whole)
    assert history["epoch"] == list(range(1, EPOCHS + 1))
    np.testing.assert_allclose(history["learning_rate"][-1], 0, atol=1e-8)
    with pytest.raises(KeyboardInterrupt):
        train(broken, [Interrupted(3 * BATCHES + 1)])
    assert [path.name for path in broken.resume.iterdir()] == ["epoch_0003.npz"]
    resumed, again = train(broken, [Interrupted(-1)])
    # Sums of several threads may differ in the last bit; in the test below they may not.
    for ours, theirs in zip(resumed.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    assert again.keys() == history.keys()
    for name, column in history.items():
        np.testing.assert_allclose(again[name], column, rtol=1e-3, atol=1e-3)
    kept = load_model(broken.model, compile=False)
    assert detection_spec(kept) == detection_spec(network)


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_bit_equal(tmp_path):
    rng = np.random.default_rng(int.from_bytes(os.urandom(4)))
    points = [
        ("best not moved", 1),
        ("batch", int(rng.integers(1, BATCHES + 1))),
        ("half of the state", 2),
        ("batch", int(rng.integers(BATCHES + 1, 2 * BATCHES + 1))),
    ]
    assert_ends_bit_equal(CHILD, tmp_path, points)
