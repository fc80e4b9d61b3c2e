import numpy as np
import pytest
from truths import detections, image, square

from keras_cv_course.metrics.detection_confusion import detection_confusion


def test_by_hand():
    truths = [image([square(i) for i in range(4)], labels=[0, 0, 1, 1]), image()]
    predicted = [
        detections(
            (*square(0, 1), 0.9, 0),  # right
            (*square(0), 0.8, 1),  # nearer, and so the one that counts
            (*square(1, 6), 0.9, 0),  # IoU 4/16: nothing there
            (*square(2), 0.9, 1),
            (*square(3), 0.2, 1),  # not sure enough
        ),
        detections((*square(0), 0.5, 1)),
    ]
    np.testing.assert_array_equal(
        detection_confusion(truths, predicted, 2), [[0, 1, 1], [0, 1, 1], [2, 1, 0]]
    )
    sure = detection_confusion(truths, predicted, 2, score_threshold=0.1)
    np.testing.assert_array_equal(sure, [[0, 1, 1], [0, 2, 0], [2, 1, 0]])


def test_crowds_and_difficult_boxes_do_not_count():
    wide = [20.0, 0.0, 60.0, 10.0]
    inside = [(25.0 + 9 * i, 0.0, 30.0 + 9 * i, 10.0, 0.9, 0) for i in range(3)]
    for free in ({"crowd": [1]}, {"difficult": [1]}):
        truths = [image([square(0), wide], **free)]
        predicted = [detections(*inside, (*wide, 0.9, 0), (*square(0), 0.9, 0))]
        np.testing.assert_array_equal(detection_confusion(truths, predicted, 1), [[1, 0], [0, 0]])


def test_empty_images():
    assert detection_confusion([image()], [detections()], 1).sum() == 0
    with pytest.raises(ValueError, match="at least one image"):
        detection_confusion([], [], 1)
