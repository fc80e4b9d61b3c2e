import numpy as np
import pytest

from keras_cv_course.data.face_augmentation import IBUG_MIRROR
from keras_cv_course.faces.head_pose import _HEAD, _POINTS, head_pose


def turned_head(yaw, pitch, roll):
    """Sixty-eight points, of which the six that count are a head turned by degrees and seen flat."""
    a, b, c = np.radians((-yaw, -pitch, roll))
    around_y = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
    around_x = [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    around_z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    seen = _HEAD @ (np.array(around_z) @ around_x @ around_y).T
    points = np.full((68, 2), np.pi)
    points[list(_POINTS)] = 0.2 * seen[:, :2] + (64, 70)
    return points


@pytest.mark.parametrize("angles", [(0, 0, 0), (35, 0, 0), (0, -20, 0), (0, 0, 25), (-40, 15, -10)])
def test_angles_of_a_turned_head_are_found(angles):
    np.testing.assert_allclose(head_pose(turned_head(*angles)[None]), [angles], atol=1e-3)


def test_signs_are_as_documented():
    nose, chin = _POINTS.index(30), _POINTS.index(8)
    right, up = (turned_head(*angles)[list(_POINTS)] for angles in ((30, 0, 0), (0, 30, 0)))
    front = turned_head(0, 0, 0)[list(_POINTS)]
    eyes = slice(2, 4)
    # The nose moves to the image's right, or up, of the middle of the eyes.
    assert (right[nose] - right[eyes].mean(0))[0] > 5
    assert (up[nose] - up[eyes].mean(0))[1] < (front[nose] - front[eyes].mean(0))[1]
    # A head that leans clockwise has its chin to the left.
    leaning = turned_head(0, 0, 30)[list(_POINTS)]
    assert leaning[chin][0] < leaning[nose][0]


def test_a_mirror_changes_the_signs_of_yaw_and_roll():
    points = turned_head(-40, 15, -10)
    mirrored = (points * (-1, 1))[list(IBUG_MIRROR)]
    np.testing.assert_allclose(head_pose(mirrored[None]), [(40, 15, 10)], atol=1e-3)


def test_an_unknown_point_gives_no_angle_for_its_face_alone():
    points = np.stack([turned_head(10, 0, 0), turned_head(20, 0, 0)])
    points[0, 30] = np.nan
    angles = head_pose(points)
    assert np.isnan(angles[0]).all()
    np.testing.assert_allclose(angles[1], (20, 0, 0), atol=1e-3)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"`points` must have the shape \(n, 68, 2\).*\(1, 5, 2\)"):
        head_pose(np.zeros((1, 5, 2)))
