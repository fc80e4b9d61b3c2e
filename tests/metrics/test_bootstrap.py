import numpy as np
import pytest
from truths import detections, image, square

from keras_cv_course.metrics.bootstrap import paired_bootstrap
from keras_cv_course.metrics.voc_ap import voc_average_precision

NAMES = ("a", "b")


@pytest.fixture
def samples(rng):
    """30 images of six objects of two classes, and a detector with some mistakes."""
    truths, predicted = [], []
    for _ in range(30):
        labels = rng.integers(0, 2, 6)
        truths.append(image([square(i) for i in range(6)], labels, difficult=[5]))
        rows = [(*square(i, rng.uniform(-5, 5)), rng.uniform(0.1, 1), labels[i]) for i in range(6)]
        predicted.append(detections(*rows, (*square(7), rng.uniform(0.1, 1), 0)))
    return truths, predicted


def worse(predicted, rng, share):
    masks = [rng.uniform(size=len(f["scores"])) > share for f in predicted]
    return [{k: v[keep] for k, v in f.items()} for f, keep in zip(predicted, masks, strict=True)]


def test_the_precisions_are_those_of_voc(samples, rng):
    truths, predicted = samples
    other = worse(predicted, rng, 0.3)
    result = paired_bootstrap(truths, predicted, other, 2, resamples=20)
    for value, detected in ((result.first, predicted), (result.second, other)):
        expected = voc_average_precision(truths, detected, NAMES)["mAP"]
        assert value == pytest.approx(expected)
    assert result.mean == result.second - result.first


def test_a_resample_is_the_precision_of_the_drawn_images(samples):
    """One resample of one seed, with the images written out as often as they were drawn."""
    truths, predicted = samples
    nothing = [detections() for _ in truths]
    result = paired_bootstrap(truths, nothing, predicted, 2, resamples=1, seed=3)
    drawn = np.random.default_rng(3).multinomial(30, np.full(30, 1 / 30), size=1)[0]
    rows = np.repeat(np.arange(30), drawn)
    expected = voc_average_precision([truths[i] for i in rows], [predicted[i] for i in rows], NAMES)
    assert result.low == result.high == pytest.approx(expected["mAP"])


def test_the_interval_shows_a_real_difference_from_none(samples, rng):
    truths, predicted = samples
    same = paired_bootstrap(truths, predicted, predicted, 2, resamples=100)
    assert (same.low, same.high, same.mean) == (0, 0, 0)
    worst = paired_bootstrap(truths, predicted, worse(predicted, rng, 0.5), 2)
    assert worst.low < worst.mean < worst.high < 0
    again = paired_bootstrap(truths, predicted, worse(predicted, np.random.default_rng(1), 0.03), 2)
    assert again.low <= 0.005
    assert worst.high - worst.low < 0.5


def test_bad_arguments_are_refused(samples):
    truths, predicted = samples
    with pytest.raises(ValueError, match="`resamples`"):
        paired_bootstrap(truths, predicted, predicted, 2, resamples=0)
    with pytest.raises(ValueError, match="at least one object"):
        paired_bootstrap([image()], [detections()], [detections()], 2)
    with pytest.raises(ValueError, match="one dict for each"):
        paired_bootstrap(truths, predicted, predicted[1:], 2)
