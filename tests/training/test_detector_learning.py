"""YOLOs learn a few drawn scenes by heart: their losses fall, and they find what is in them."""

import keras
import pytest

from keras_cv_course import YOLO, Detector, MobileNetV2
from keras_cv_course.data import DrawnScenes, detection_epochs, with_targets
from keras_cv_course.detectors import yolo_v1
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.metrics.detection_callback import detection_metrics
from keras_cv_course.training import compile_detector, target_encoder

pytestmark = pytest.mark.full
SIZE = 96
SCENES = DrawnScenes(16, (SIZE, SIZE), most_shapes=2, seed=5)


def learn(network, epochs, rate):
    """The losses, and the average precision in the end."""
    spec = detection_spec(network)
    images = detection_epochs(SCENES, (SIZE, SIZE, 3), 8, max_boxes=4)
    train = with_targets(images, target_encoder(spec), spec.input_range)
    steps = epochs * train.batches
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - 10, warmup_target=rate, warmup_steps=10
    )
    trained = compile_detector(network, keras.optimizers.Adam(schedule))
    history = trained.fit(
        train.since(0), steps_per_epoch=train.batches, epochs=epochs, shuffle=False, verbose=0
    )
    detector = Detector(network, SCENES.class_names, score_threshold=0.1)
    reached = detection_metrics(detector.predict, SCENES.samples(), SCENES.class_names)
    return history.history["loss"], reached["AP50"]


def test_version_1(monkeypatch):
    """Darknet's small one, for smaller images with fewer cells."""
    monkeypatch.setattr(yolo_v1, "_SIZE_PX", SIZE)
    monkeypatch.setattr(yolo_v1, "_GRID", 6)
    network = yolo_v1.YOLOv1Tiny(len(SCENES.class_names), batch_norm_momentum=0.9)
    losses, precision = learn(network, 100, 1e-3)
    assert losses[-1] < 0.05 * losses[0]
    assert precision > 0.8


def test_version_2_on_a_mobile_backbone():
    options = {"include_top": False, "batch_norm_momentum": 0.9}
    body = MobileNetV2((SIZE, SIZE, 3), alpha=0.35, **options)
    widths = {"P4": 64, "P5": 64}
    classes = len(SCENES.class_names)
    network = YOLO(body, classes, version=2, filters=widths, batch_norm_momentum=0.9)
    losses, precision = learn(network, 100, 1e-2)
    assert losses[-1] < 0.1 * losses[0]
    assert precision > 0.7
