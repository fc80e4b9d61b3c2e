from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_cv_course.data.framing import frame_image
from keras_cv_course.predictors.localization import Localization
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks import get_task
from keras_cv_course.tasks.base import Samples
from keras_cv_course.tasks.localization_args import Args

TASK = get_task("localize")
SHAPE = (16, 16, 3)
IMAGE = np.zeros((20, 40, 3), np.uint8)


def read(boxes, classes, objectness=None, names=("a", "b")):
    outputs = {"boxes": np.float32([boxes]), "classes": np.float32([classes])}
    if objectness is not None:
        outputs["objectness"] = np.float32([[objectness]])
    frames = [frame_image(IMAGE, SHAPE, (-1.0, 1.0), "stretch")]
    (result,) = TASK.read_outputs(outputs, [IMAGE], frames, ModelSpec(class_names=names), None)
    return result


def test_outputs_become_an_object_in_pixels_of_the_image():
    result = read([0.25, 0.5, 0.5, 0.75], [0.0, np.log(3.0)], np.log(4.0))
    np.testing.assert_allclose(result.box_xyxy, [10, 10, 30, 20])  # cut off at the border
    assert (result.label, result.name) == (1, "b")
    assert result.probability == pytest.approx(0.75)
    assert result.objectness == pytest.approx(0.8)
    assert result.rows() == [("b", "0.75", "0.80", "10 10 30 20")]
    nothing = read([0, 0, 1, 1], [0.0, 1.0], -2.0, names=None)
    assert (nothing.present, nothing.name) == (False, "1")
    assert nothing.rows() == [("nothing", "", "0.12", "")]
    assert np.asarray(nothing.draw()).max() == 0
    assert read([0, 0, 1, 1], [0.0, 1.0]).objectness == 1


def test_a_box_is_drawn_and_resized():
    result = Localization(IMAGE, np.float32([4, 6, 30, 18]), 0, "a", 0.9)
    assert np.asarray(result.draw())[17, 20].max() > 0
    np.testing.assert_allclose(result.resized(80).box_xyxy, [8, 24, 60, 72])


class Boxes:
    def __init__(self, *rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def samples(self):
        for boxes, labels, crowd in self.rows:
            yield (
                IMAGE,
                SimpleNamespace(
                    boxes=np.float32(boxes).reshape(-1, 4),
                    labels=np.int32(labels),
                    crowd=np.array(crowd, bool),
                ),
            )


class Same:
    """Says the same of every image."""

    def results(self, images):
        box = np.float32([0, 0, 20, 10])
        return [Localization(image, box, 1, "b", 0.9, 0.8) for image in images]


def test_the_largest_object_counts():
    samples = Samples(
        "val",
        Boxes(
            ([[0, 0, 20, 10], [0, 0, 4, 4]], [1, 0], [0, 0]),
            ([[0, 0, 2, 2], [10, 0, 30, 10]], [1, 1], [0, 0]),  # IoU 1/3
            ([[0, 0, 20, 10], [0, 0, 40, 20]], [0, 1], [0, 1]),  # the crowd is no object
            ([], [], []),
        ),
        ("a", "b"),
    )
    metrics = TASK.evaluate(Same(), samples).metrics
    assert metrics["accuracy"] == pytest.approx(2 / 3)
    assert metrics["mean_iou"] == pytest.approx((1 + 1 / 3 + 1) / 3)
    assert metrics["localization_accuracy"] == pytest.approx(1 / 3)
    assert metrics["presence_accuracy"] == 0.75


def test_only_a_localizer_is_recognized():
    image = keras.Input(SHAPE)
    x = keras.layers.GlobalAveragePooling2D()(image)
    heads = {n: keras.layers.Dense(k, name=n)(x) for n, k in (("boxes", 4), ("classes", 2))}
    assert TASK.recognizes(keras.Model(image, heads))
    assert not TASK.recognizes(keras.Model(image, {"classes": heads["classes"]}))
    assert not TASK.recognizes(keras.Model(image, {**heads, "boxes": image}))


def test_what_has_no_meaning_is_refused_by_name():
    with pytest.raises(ValueError, match=r"`mosaic` has no meaning for this task"):
        Args(recipe=type(Args.recipe)(mosaic=True))
    with pytest.raises(ValueError, match=r"`backbone` must be one of"):
        Args(backbone="mobilenet_v9")
