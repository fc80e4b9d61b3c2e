import numpy as np
import pytest
from truths import detections, image, square

from keras_cv_course.metrics.coco_ap import BACKENDS, coco_average_precision

NAMES = ("cell",)


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def test_worked_by_hand(backend):
    """Two of two found; the first at IoU 1, the second at 9/11 = 0.82, and a wrong one between.

    At thresholds up to 0.8 (7 of 10): recall up to 1/2 has precision 1 (51 of 101 points), up to 1
    has 2/3 (50 points). Above (3 of 10): 51 points of precision 1.
    """
    truths = [image([square(0), square(1)])]
    predicted = [detections((*square(0), 0.9, 0), (*square(4), 0.8, 0), (*square(1, 1), 0.7, 0))]
    result = coco_average_precision(truths, predicted, NAMES, backend)
    loose, strict = (51 + 50 * 2 / 3) / 101, 51 / 101
    assert result["AP50"] == pytest.approx(loose)
    assert result["AP75"] == pytest.approx(loose)
    assert result["AP"] == pytest.approx(0.7 * loose + 0.3 * strict)
    assert result["AP/cell"] == pytest.approx(result["AP"])
    assert result["AR1"] == pytest.approx(0.5)
    assert result["AR100"] == pytest.approx((7 * 1 + 3 * 0.5) / 10)
    assert result["APs"] == pytest.approx(result["AP"])  # 10 x 10 is small
    assert np.isnan(result["APm"])


def test_crowds_and_difficult_boxes_are_neither_asked_for_nor_punished(backend):
    wide = [20.0, 0.0, 60.0, 10.0]
    inside = [(25.0 + i, 0.0, 30.0 + i, 10.0, 0.9, 0) for i in range(3)]
    predicted = [detections(*inside, (*square(0), 0.5, 0))]
    for free in ({"crowd": [1]}, {"difficult": [1]}):
        result = coco_average_precision(
            [image([square(0), wide], **free)], predicted, NAMES, backend
        )
        assert result["AP"] == pytest.approx(1)
    asked = coco_average_precision([image([square(0), wide])], predicted, NAMES, backend)
    assert asked["AP"] < 0.5


def test_empty_images_and_absent_classes(backend):
    truths = [image(), image([square(0)])]
    right = detections((*square(0), 0.5, 0))
    names = ("cell", "other")
    result = coco_average_precision(truths, [detections(), right], names, backend)
    assert result["AP"] == pytest.approx(1)
    assert np.isnan(result["AP/other"])
    wrong = detections((*square(0), 0.9, 0))
    assert coco_average_precision(truths, [wrong, right], names, backend)["AP"] == pytest.approx(
        0.5
    )
    nothing = coco_average_precision(truths, [detections(), detections()], names, backend)
    assert nothing["AP"] == 0
    assert np.isnan(coco_average_precision([image()], [right], names, backend)["AP"])


def test_classes_are_apart(backend):
    truths = [image([square(0), square(1)], labels=[0, 1])]
    predicted = [detections((*square(0), 0.9, 0), (*square(1), 0.8, 0))]
    result = coco_average_precision(truths, predicted, ("a", "b"), backend)
    assert (result["AP/a"], result["AP/b"]) == pytest.approx((1, 0))
    assert result["AP"] == pytest.approx(0.5)


def test_both_backends_agree(rng):
    truths, predicted = [], []
    for _ in range(6):
        boxes = [square(i, rng.uniform(-2, 2)) for i in range(8)]
        truths.append(image(boxes, rng.integers(0, 3, 8), crowd=[0], difficult=[3]))
        rows = [
            (*square(i, rng.uniform(-4, 4)), rng.uniform(), rng.integers(0, 3)) for i in range(9)
        ]
        predicted.append(detections(*rows))
    both = [coco_average_precision(truths, predicted, ("a", "b", "c"), name) for name in BACKENDS]
    assert both[0] == pytest.approx(both[1], nan_ok=True)
    assert 0 < both[0]["AP50"] < 1


def test_nothing_is_printed(capsys, backend):
    coco_average_precision([image([square(0)])], [detections()], NAMES, backend)
    assert capsys.readouterr() == ("", "")


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`backend` must be one of"):
        coco_average_precision([image()], [detections()], NAMES, "mine")
    with pytest.raises(ValueError, match=r"labels from 0 to 0.*Received: 2 in image 0"):
        coco_average_precision([image([square(0)], labels=[2])], [detections()], NAMES)
    with pytest.raises(ValueError, match=r"classes from 0 to 0.*Received: 1 in image 0"):
        coco_average_precision([image()], [detections((*square(0), 0.5, 1))], NAMES)
