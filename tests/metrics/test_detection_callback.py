from math import nan

import keras
import numpy as np
import pytest
from truths import detections, image, square

from keras_cv_course.metrics.detection_callback import AveragePrecision, detection_metrics

NAMES = ("cell",)
IMAGE = np.zeros((12, 40, 3), np.uint8)


def samples(count=20):
    return [(IMAGE, image([square(0), square(1)])) for _ in range(count)]


def find_first(images):
    return [detections((*square(0), 0.9, 0)) for _ in images]


def test_all_numbers_of_a_detector():
    sizes = []

    def detect(images):
        sizes.append(len(images))
        return find_first(images)

    result = detection_metrics(detect, iter(samples()), NAMES)
    assert sizes == [16, 4]
    assert result["AP"] == pytest.approx(51 / 101)
    assert result["VOC12"] == pytest.approx(0.5)
    assert result["VOC07"] == pytest.approx(6 / 11)


def test_a_detector_that_forgets_images_is_refused():
    with pytest.raises(ValueError, match="Received: 19 for 20 images"):
        detection_metrics(lambda images: find_first(images[:15]), samples(), NAMES)


def test_the_logs_have_it_every_second_epoch_and_none_in_between():
    image = keras.Input((2,))
    model = keras.Model(image, keras.layers.Dense(1)(image))
    model.compile("sgd", "mse")
    state = {"calls": 0}

    def detect(images):
        state["calls"] += 1
        good = state["calls"] > 1
        return [detections((*square(0), 0.9, 0), (*square(1 if good else 3), 0.8, 0))] * len(images)

    scores = AveragePrecision(detect, lambda: samples(2), NAMES, every=2, names=("AP50", "VOC12"))
    history = model.fit(
        np.ones((4, 2)), np.ones(4), epochs=5, verbose=0, callbacks=[scores]
    ).history
    assert state["calls"] == 2
    assert history["val_VOC12"] == pytest.approx([nan, 0.5, nan, 1, nan], nan_ok=True)
    assert history["val_AP50"] == pytest.approx([nan, 51 / 101, nan, 1, nan], nan_ok=True)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`every`"):
        AveragePrecision(find_first, samples, NAMES, every=0)
