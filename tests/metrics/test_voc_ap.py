import numpy as np
import pytest
from truths import detections, image, square

from keras_cv_course.metrics.voc_ap import best_precision, precision_recall, voc_average_precision

NAMES = ("cell",)


@pytest.fixture
def worked():
    """Four objects in two images; six detections: right, right, wrong, right, wrong, wrong.

    Precision 1, 1, 2/3, 3/4, 3/5, 1/2 at recall 1/4, 1/2, 1/2, 3/4, 3/4, 3/4.
    """
    truths = [image([square(0), square(1)]), image([square(0), square(1)])]
    predicted = [
        detections(
            (*square(0, 1), 0.9, 0),  # IoU 9/11
            (*square(5), 0.7, 0),  # nothing there
            (*square(0), 0.5, 0),  # found before
        ),
        detections(
            (*square(1, 2), 0.8, 0),  # IoU 8/12
            (*square(0, 3), 0.6, 0),  # IoU 7/13 = 0.54
            (*square(1, 8), 0.4, 0),  # IoU 2/18
        ),
    ]
    return truths, predicted


def test_worked_by_hand(worked):
    truths, predicted = worked
    precision, recall, scores = precision_recall(truths, predicted, 0)
    np.testing.assert_allclose(precision, [1, 1, 2 / 3, 3 / 4, 3 / 5, 1 / 2])
    np.testing.assert_allclose(recall, [0.25, 0.5, 0.5, 0.75, 0.75, 0.75])
    np.testing.assert_allclose(scores, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], rtol=1e-6)
    area = voc_average_precision(truths, predicted, NAMES)
    assert area["mAP"] == area["cell"] == pytest.approx(0.5 * 1 + 0.25 * 0.75)
    points = voc_average_precision(truths, predicted, NAMES, kind="11_points")
    # Recalls 0 to 0.5 have the precision 1, 0.6 and 0.7 have 3/4, the others 0.
    assert points["mAP"] == pytest.approx((6 * 1 + 2 * 0.75) / 11)


def test_the_best_precision_at_a_recall_or_beyond():
    precision, recall = np.array([1, 0.5, 2 / 3]), np.array([0.3, 0.3, 0.6])
    precisions = best_precision(precision, recall, np.array([0, 0.3, 3 * 0.1, 0.31, 0.6, 0.7]))
    np.testing.assert_allclose(precisions, [1, 1, 1, 2 / 3, 2 / 3, 0])
    assert not best_precision(np.zeros(0), np.zeros(0), np.array([0.0, 0.5])).any()


def test_a_stricter_threshold(worked):
    # Only the first is right at 0.7; the exact one comes too late.
    report = voc_average_precision(*worked, NAMES, iou_threshold=0.7)
    assert report["mAP"] == pytest.approx(0.25)


def test_recalls_of_tenths_are_reached_whatever_the_rounding():
    truths = [image([square(i) for i in range(10)])]
    for hits in range(11):
        predicted = [detections(*((*square(i), 0.9 - i / 100, 0) for i in range(hits)))]
        value = voc_average_precision(truths, predicted, NAMES, kind="11_points")["mAP"]
        assert value == pytest.approx((hits + 1) / 11 if hits else 0)


def test_classes_are_apart_and_absent_ones_do_not_count():
    truths = [image([square(0), square(1)], labels=[0, 1])]
    predicted = [detections((*square(0), 0.9, 0), (*square(1), 0.8, 0), (*square(3), 0.9, 2))]
    result = voc_average_precision(truths, predicted, ("a", "b", "c"))
    assert (result["a"], result["b"]) == (1.0, 0.0)
    assert np.isnan(result["c"])
    assert result["mAP"] == 0.5


def test_difficult_boxes_are_neither_asked_for_nor_punished():
    truths = [image([square(0), square(1)], difficult=[1])]
    right, difficult = (*square(0), 0.5, 0), (*square(1), 0.9, 0)
    for predicted in ([right], [difficult, right], [difficult, difficult, right]):
        assert voc_average_precision(truths, [detections(*predicted)], NAMES)["mAP"] == 1.0
    crowd = [image([square(0), square(1)], crowd=[1])]
    assert voc_average_precision(crowd, [detections(difficult, right)], NAMES)["mAP"] == 1.0


def test_any_number_of_boxes_may_lie_in_a_crowd():
    crowd = [40.0, 0.0, 140.0, 10.0]
    truths = [image([square(0), crowd], crowd=[1])]
    inside = [(*square(i), 0.9, 0) for i in (3, 4)]  # a tenth of the crowd each
    right, half_outside = (*square(0), 0.5, 0), (135.0, 0.0, 145.0, 10.0, 0.8, 0)
    for predicted in ([*inside, right], [*inside, half_outside, right]):
        assert voc_average_precision(truths, [detections(*predicted)], NAMES)["mAP"] == 1.0
    outside = (136.0, 0.0, 146.0, 10.0, 0.8, 0)
    predicted = [detections(*inside, outside, right)]
    assert voc_average_precision(truths, predicted, NAMES)["mAP"] == 0.5


def test_empty_images():
    truths = [image(), image([square(0)])]
    right = detections((*square(0), 0.5, 0))
    assert voc_average_precision(truths, [detections(), right], NAMES)["mAP"] == 1.0
    wrong = detections((*square(0), 0.9, 0))
    assert voc_average_precision(truths, [wrong, right], NAMES)["mAP"] == 0.5
    assert voc_average_precision(truths, [detections(), detections()], NAMES)["mAP"] == 0.0
    assert np.isnan(voc_average_precision([image()], [right], NAMES)["mAP"])


def test_padding_is_left_out():
    truths = [image([square(0)])]
    predicted = detections((0, 0, 0, 0, 0.0, 0), (*square(0), 0.5, 0), (0, 0, 9, 9, 0.9, -1))
    assert voc_average_precision(truths, [predicted], NAMES)["mAP"] == 1.0


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"one dict for each of `truths`. Received: 0 for 1"):
        voc_average_precision([image()], [], NAMES)
    with pytest.raises(ValueError, match="at least one image"):
        precision_recall([], [], 0)
    with pytest.raises(ValueError, match="`kind` must be one of"):
        voc_average_precision([image()], [detections()], NAMES, kind="12_points")
    with pytest.raises(ValueError, match="finite"):
        voc_average_precision([image()], [detections((0, 0, 1, np.nan, 0.5, 0))], NAMES)
    short = detections((*square(0), 0.5, 0)) | {"scores": []}
    with pytest.raises(ValueError, match="1 boxes, 0 scores, 1 classes"):
        voc_average_precision([image()], [short], NAMES)
