"""Trains a small detector in a run folder, and may kill itself on the way, as `killed_run.py`."""

import json
import sys
from pathlib import Path

import keras
import numpy as np

sys.path.append(str(Path(__file__).parents[1]))

from breaking_off import Killer, arm
from contracts.tiny_body import tiny_body

from keras_cv_course import YOLO, load_model
from keras_cv_course.data import DrawnScenes, augmented_boxes, detection_epochs, with_targets
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.training import (
    Recipe,
    RunFolder,
    compute_reproducibly,
    fit_detector,
    target_encoder,
)

EPOCHS = 6
SIZE = 64
BATCHES = 3


def detector():
    """A YOLO, since what is saved of it is not the model that is trained."""
    keras.utils.set_random_seed(0)
    return YOLO(
        tiny_body((SIZE, SIZE, 3)),
        4,
        version=2,
        filters={"P4": 8, "P5": 8},
        batch_norm_momentum=0.9,
    )


def train(run, callbacks=(), epochs=EPOCHS):
    """Trains, or goes on; returns the network and the history."""
    network = detector()
    scenes = DrawnScenes(20, (SIZE, SIZE), most_shapes=2)
    val = DrawnScenes(4, (SIZE, SIZE), most_shapes=2, seed=1)
    images = augmented_boxes(detection_epochs(scenes, (SIZE, SIZE, 3), 8, max_boxes=4))
    targets = with_targets(images, target_encoder(detection_spec(network)), (0.0, 1.0))
    assert targets.batches == BATCHES
    history = fit_detector(
        network,
        Recipe(epochs=epochs, learning_rate=0.01),
        targets,
        val.samples,
        val.class_names,
        run,
        every=2,
        callbacks=callbacks,
    )
    return network, history


def main(folder, point):
    """Trains, and writes what came of it."""
    compute_reproducibly()
    killer = Killer(json.loads(point))
    arm(killer)
    run = RunFolder(Path(folder))
    run.path.mkdir(exist_ok=True)
    network, history = train(run, [killer])
    best = load_model(run.model, compile=False)
    arrays = {str(i): v for i, v in enumerate([*network.get_weights(), *best.get_weights()])}
    np.savez(run.path / "weights.npz", **arrays, **{k: np.array(v) for k, v in history.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
