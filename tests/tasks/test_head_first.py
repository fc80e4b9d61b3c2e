import logging

import keras
import numpy as np
import pytest
from PIL import Image

from keras_cv_course import MobileNetV2
from keras_cv_course.tasks import get_task
from keras_cv_course.tasks.classification_args import Args

COLOURS = {"blue": (0, 0, 200), "green": (0, 200, 0), "red": (200, 0, 0)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Returns a folder of coloured images, eight of each class, and weights of another network."""
    folder = tmp_path_factory.mktemp("few")
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / "images" / name).mkdir(parents=True)
        for i in range(8):
            pixels = np.clip(rng.normal(colour, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{i}.png")
    keras.utils.set_random_seed(0)
    stored = folder / "stored.weights.h5"
    MobileNetV2((32, 32, 3), alpha=0.35, classes=7).save_weights(stored)
    return folder / "images", stored


def build(files, **options):
    images, weights = files
    args = Args(str(images), imgsz=32, alpha=0.35, weights=str(weights), **options)
    task = get_task("classify")
    data = task.open(args)
    return task.build(args, data), data


def accuracy(model, data):
    images, labels = next(data.train.unbatch().batch(100).as_numpy_iterator())
    return np.mean(model.predict(images, verbose=0).argmax(-1) == labels)


def test_few_images_get_a_fitted_classifier_before_training(files, caplog):
    with caplog.at_level(logging.INFO, logger="keras_cv_course"):
        model, data = build(files)
    assert accuracy(model, data) == 1.0
    assert "--no-head-first" in caplog.text
    assert all(
        layer.trainable != isinstance(layer, keras.layers.BatchNormalization)
        for layer in model.layers
    )


def test_it_is_left_out_where_that_is_asked_for(files):
    model, _ = build(files, head_first=False)
    assert not np.any(model.get_layer("logits").bias)
    assert all(layer.trainable for layer in model.layers)


def test_a_classifier_that_the_weights_bring_stays(files, tmp_path):
    fitted, _ = build(files)
    fitted.save_weights(tmp_path / "own.weights.h5")
    again, _ = build((files[0], tmp_path / "own.weights.h5"))
    for weight, expected in zip(again.weights, fitted.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert all(layer.trainable for layer in again.layers)


def test_stored_weights_are_fine_tuned_at_a_tenth_of_the_rate():
    fresh, stored = (Args.default_recipe("photos", weights) for weights in (None, "imagenet"))
    assert stored.learning_rate == pytest.approx(fresh.learning_rate / 10)
    assert stored.flip
