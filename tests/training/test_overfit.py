import keras
import numpy as np
import pytest

from keras_cv_course import (
    EfficientNetB0,
    EfficientNetLite0,
    MobileNet,
    MobileNetV2,
    MobileNetV3Small,
)
from keras_cv_course.training.overfit import OverfitReport, overfit_small_batch

# The smallest member of each family.
SMALLEST = {
    "mobilenet": lambda **options: MobileNet(alpha=0.25, **options),
    "mobilenet_v2": lambda **options: MobileNetV2(alpha=0.35, **options),
    "mobilenet_v3": MobileNetV3Small,
    "efficientnet": EfficientNetB0,
    "efficientnet_lite": EfficientNetLite0,
}


def tiny():
    layers = [keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((4, 4, 1)), *layers])


def test_a_network_that_can_learn_reaches_a_loss_of_almost_0(rng):
    model = tiny()
    before = model.get_weights()
    images = rng.normal(size=(8, 4, 4, 1)).astype(np.float32)
    report = overfit_small_batch(model, images, np.arange(8) % 3, learning_rate=0.05)
    assert report.reached
    assert report.losses[-1] <= 0.01 < report.losses[-2]
    assert str(report).endswith("the network learns.")
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_network_that_cannot_is_reported_with_what_to_check(rng):
    # Equal images with other labels: nothing can tell them apart, and the loss stays at log 2.
    images, labels = np.ones((4, 4, 4, 1), np.float32), np.array([0, 1, 0, 1])
    report = overfit_small_batch(tiny(), images, labels, steps=150, learning_rate=0.02)
    assert not report.reached
    assert len(report.losses) == 150
    assert report.losses[-1] == pytest.approx(np.log(2), abs=0.02)
    assert "labels that do not belong to the images" in str(report)


@pytest.mark.slow
@pytest.mark.parametrize("family", SMALLEST)
def test_every_family_s_smallest_member_learns_eight_images_by_heart(family, rng):
    model = SMALLEST[family](input_shape=(32, 32, 3), classes=4)
    images = rng.uniform(-1, 1, (8, 32, 32, 3)).astype(np.float32)
    if family in ("mobilenet_v3", "efficientnet"):  # These take pixels.
        images = (images + 1) * 127.5
    report = overfit_small_batch(model, images, np.arange(8) % 4, steps=150)
    assert report.losses[0] > 1
    assert report.reached, str(report)


def test_bad_arguments_are_refused():
    images = np.zeros((8, 4, 4, 1), np.float32)
    with pytest.raises(ValueError, match=r"2 to 64 images.*Received: 1 images"):
        overfit_small_batch(tiny(), images[:1], [0])
    with pytest.raises(ValueError, match=r"labels of shape \(8, 3\)"):
        overfit_small_batch(tiny(), images, np.eye(3)[np.arange(8) % 3])
    with pytest.raises(ValueError, match=r"`steps` must be a whole number above 0"):
        overfit_small_batch(tiny(), images, np.zeros(8, int), steps=0)


def test_the_report_compares_the_last_loss_with_the_target():
    assert OverfitReport((2.0, 0.1), 0.1).reached
    assert not OverfitReport((0.05, 0.2), 0.1).reached
