import numpy as np
import pytest

from keras_cv_course.faces.analysis import Attribute
from keras_cv_course.predictors.face_results import FaceAttributes
from keras_cv_course.tasks.multitask import face_metrics

IMAGE = np.zeros((50, 100, 3), np.uint8)


def result(**values):
    return FaceAttributes(IMAGE, {name: Attribute(value) for name, value in values.items()})


def labels(**values):
    return {name: np.atleast_1d(np.float32(value)) for name, value in values.items()}


def test_each_task_has_a_number_of_its_own():
    points = np.float32([[10, 25], [90, 25], [50, 30]])
    results = [
        (
            result(landmarks=points + np.float32([3, 4])),
            labels(landmarks=(points / [100, 50] - 0.5).ravel()),
        ),
        (result(pose={"yaw": 10, "pitch": 0, "roll": -4}), labels(pose=[4, np.nan, -2])),
        (result(age=30.0, gender="female"), labels(age=34, gender=1)),
        (result(age=30.0, gender="female"), labels(age=28, gender=0)),
        (result(smile=True, detection=True), labels(smile=1, detection=1)),
        (result(smile=True, detection=True), labels(smile=np.nan, detection=1)),
        (result(smile=False, detection=True), labels(smile=1, detection=0)),
        (result(age=30.0), labels(height=1.8) | labels(smile=1)),
    ]
    metrics = face_metrics(results, (0, 1))
    assert metrics["landmarks_nme"] == pytest.approx(5 / 80)
    assert metrics["landmarks_error_percent"] == pytest.approx(5)
    assert metrics["pose_error_degrees"] == pytest.approx(4)  # of yaw 6 and roll 2
    assert metrics["age_error_years"] == pytest.approx(3)
    assert metrics["gender_accuracy"] == 0.5
    assert metrics["smile_accuracy"] == 0.5
    assert metrics["detection_accuracy"] == 0.5  # all faces, and no image without one
    assert len(metrics) == 7


def test_names_of_genders_are_those_of_the_model():
    results = [(result(gender="w"), labels(gender=0)), (result(gender="w"), labels(gender=1))]
    assert face_metrics(results, (0, 1), ("w", "m")) == {"gender_accuracy": 0.5}


def test_a_result_is_drawn_listed_and_resized():
    attributes = {
        "landmarks": Attribute(np.float32([[20, 10], [60, 40], [80, 10], [90, 20]])),
        "smile": Attribute(True, 0.9),
        "age": Attribute(30.25, spread=7.0),
    }
    face = FaceAttributes(IMAGE, attributes)
    assert face.rows() == [
        ("landmarks", "4 of them", ""),
        ("smile", "yes", "0.90"),
        ("age", "30.25", ""),
    ]
    assert face.to_dict()["tasks"]["age"] == {"value": 30.25, "confidence": None, "spread": 7.0}
    drawn = np.asarray(face.draw())
    assert drawn[40, 60].tolist() == [0, 158, 115]
    assert drawn[49, 0].tolist() == [0, 0, 0]
    square = face.resized(200)
    assert square.image.shape == (200, 200, 3)
    np.testing.assert_allclose(square["landmarks"].value[1], [120, 160])
