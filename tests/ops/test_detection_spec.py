import json

import numpy as np
import pytest

from keras_cv_course.ops.anchors import AnchorMap
from keras_cv_course.specs.detection import DetectionSpec

MAPS = (
    AnchorMap(1, 2, (32.0, 16.0), ((8.0, 4.0), (4.0, 8.0))),
    AnchorMap(1, 1, (32.0, 32.0), ((24.0, 24.0),)),
)


def spec(**options):
    fields = {"input_size_px": (32, 32), "classes": 3, "maps": MAPS, "coding": "center"}
    return DetectionSpec(**fields | {"scores": "softmax"} | options)


def test_anchors_are_map_by_map_row_column_shape():
    anchors = spec().relative_anchors() * 32
    expected = [[8, 16, 8, 4], [8, 16, 4, 8], [24, 16, 8, 4], [24, 16, 4, 8], [16, 16, 24, 24]]
    np.testing.assert_allclose(anchors, expected, atol=1e-5)
    assert spec().count == 5


def test_parts_of_a_image_that_is_no_square():
    wide = spec(input_size_px=(16, 64))
    np.testing.assert_allclose(wide.relative_anchors()[0], [8 / 64, 1, 8 / 64, 4 / 16], atol=1e-6)


def test_json_and_back():
    whole = spec(variances=(0.1, 0.1, 0.2, 0.2), input_range=(-1.0, 1.0))
    again = DetectionSpec.from_dict(json.loads(json.dumps(whole.to_dict())))
    assert again == whole


@pytest.mark.parametrize(
    ("scores", "logits", "objectness"),
    [("softmax", 4, False), ("sigmoid", 3, False), ("objectness_softmax", 3, True)],
)
def test_what_a_network_has_to_give(scores, logits, objectness):
    changed = spec(scores=scores)
    assert (changed.logits, changed.has_objectness) == (logits, objectness)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coding": "corner"}, "`coding` must be one of"),
        ({"scores": "tanh"}, "`scores` must be one of"),
        ({"classes": 0}, "`classes` must be a whole number above 0"),
        ({"maps": ()}, "`maps` must hold at least one"),
        ({"variances": (0.1, 0.1, 0.2)}, "`variances` must be those of x, y, width and height"),
        ({"coding": "cell", "variances": (0.1,) * 4}, '`variances` belong to coding="center"'),
    ],
)
def test_wrong_fields(options, message):
    with pytest.raises(ValueError, match=message):
        spec(**options)
