"""Segmenters in int8: one XNNPACK partition, and quantization-aware training equals the file."""

import keras
import numpy as np
import pytest

from keras_cv_course import LRASPP, FCN8s, MobileNetV2, SegNet, UNet
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert, inspect
from keras_cv_course.tflite.metadata import read_metadata

SHAPE = (32, 32, 3)
SAMPLES = 16
NETWORKS = {
    "unet": lambda: UNet(None, 3, SHAPE, 8, 2, "same", batch_norm=True),
    "unet_bilinear": lambda: UNet(None, 3, SHAPE, 8, 2, "same", "bilinear", batch_norm=True),
    "unet_backbone": lambda: UNet(MobileNetV2(SHAPE, 0.35, include_top=False), 3),
    "fcn8s": lambda: FCN8s(MobileNetV2(SHAPE, 0.35, include_top=False), 3),
    "segnet": lambda: SegNet(3, SHAPE, alpha=0.1),
    "lraspp": lambda: LRASPP("mobilenet_v3_small", 3, SHAPE, filters=16),
}


def images_of(model, rng):
    low, high = spec_of(model).input_range
    coarse = rng.uniform(low, high, (SAMPLES, 8, 8, 3)).astype("float32")
    return np.asarray(keras.ops.image.resize(coarse, SHAPE[:2]))


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_int8_is_one_partition_and_what_training_saw(name, unsettle, rng, tmp_path):
    model = unsettle(NETWORKS[name]())
    images = images_of(model, rng)
    after = convert(model, tmp_path / "after.tflite", "int8", "int8", images)
    report = inspect(after.path, validate=False)
    assert (report.partitions, report.outside) == (1, ())

    aware = quantize_aware(model, images)
    expected = aware.predict(images, verbose=0)
    path = convert(aware, tmp_path / "aware.tflite", "int8", "int8").path
    trained = inspect(path, validate=False)
    assert (trained.partitions, trained.outside) == (1, ())
    assert len(trained.operators) <= len(report.operators)
    outputs = TFLiteModel(path, validate=False).predict(images)
    rounding = expected - model.predict(images, verbose=0)
    assert np.std(outputs - expected) <= np.std(rounding)


def test_metadata_say_how_scores_are_made_of_logits(rng, tmp_path):
    for activation, expected in ((None, "SOFTMAX"), ("softmax", "NONE")):
        model = UNet(None, 3, SHAPE, 4, 1, "same", classifier_activation=activation)
        images = images_of(model, rng)
        path = tmp_path / f"{expected}.tflite"
        names = ("a", "b", "c")
        convert(model, path, calibration_data=images, class_names=names, target="phone")
        metadata = read_metadata(path)
        assert (metadata.task, metadata.labels) == ("segmenter", names)
        assert metadata.options["activation"] == expected
