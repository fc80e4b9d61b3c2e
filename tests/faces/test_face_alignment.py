import math

import numpy as np
import pytest

from keras_cv_course.faces.alignment import (
    TEMPLATE,
    align_face,
    five_of_68,
    similarity_transform,
)

SQUARE = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], float)


def umeyama(source, target):
    """The paper's own formulas, with singular values."""
    x, y = source - source.mean(0), target - target.mean(0)
    left, sizes, right = np.linalg.svd(y.T @ x / len(x))
    signs = np.array([1, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    rotation = left @ np.diag(signs) @ right
    scale = (sizes * signs).sum() / (x**2).sum(1).mean()
    return np.column_stack([scale * rotation, target.mean(0) - scale * rotation @ source.mean(0)])


def spots(points, size, radius=2.0):
    """A black image with a soft white spot at each point."""
    rows, columns = np.mgrid[:size, :size]
    distances = [(columns - x) ** 2 + (rows - y) ** 2 for x, y in points]
    return (255 * np.exp(-np.array(distances) / radius**2).sum(0).clip(0, 1)).astype(np.uint8)


def spot_near(image, point, reach=6):
    """Center of the brightness around a point."""
    x, y = np.round(point).astype(int)
    rows, columns = np.mgrid[y - reach : y + reach + 1, x - reach : x + reach + 1]
    weights = image[rows, columns].astype(float)
    return np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()


def test_quarter_turn_doubled_and_shifted():
    # (x, y) -> 2 (-y, x) + (10, 20): a quarter turn, clockwise on a screen.
    target = [[10, 20], [10, 24], [6, 24], [6, 20]]
    matrix = similarity_transform(SQUARE, target)
    np.testing.assert_allclose(matrix, [[0, -2, 10], [2, 0, 20]], atol=1e-12)


def test_the_closest_where_none_fits():
    # One corner is pulled out by (3, 3): the centroid moves by a quarter of it, and the scale is
    # sum(start * end) / sum(start * start) = (4 * 2 + 3 + 3) / 8.
    target = SQUARE.copy()
    target[2] += 3
    matrix = similarity_transform(SQUARE, target)
    np.testing.assert_allclose(matrix, [[1.75, 0, 0], [0, 1.75, 0]], atol=1e-12)


@pytest.mark.parametrize("mirrored", [False, True])
def test_umeyamas_formulas(rng, mirrored):
    source = rng.normal(size=(5, 2))
    target = source @ [[3, 1], [-1, 3]] + rng.normal(size=(5, 2))
    if mirrored:
        target = target * [-1, 1]
    matrix = similarity_transform(source, target)
    np.testing.assert_allclose(matrix, umeyama(source, target), atol=1e-12)
    assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize("size", [112, 224, 56])
def test_landmarks_come_to_the_template(size):
    # A face that is turned by 30 degrees, and larger than the template.
    turn = 2.5 * np.array(
        [
            [math.cos(math.pi / 6), -math.sin(math.pi / 6)],
            [math.sin(math.pi / 6), math.cos(math.pi / 6)],
        ]
    )
    landmarks = TEMPLATE @ turn.T + [140, 20]
    aligned = align_face(spots(landmarks, 400, radius=5), landmarks, size)
    assert aligned.shape == (size, size)
    expected = (TEMPLATE + 0.5) * size / 112 - 0.5
    actual = [spot_near(aligned, point) for point in expected]
    np.testing.assert_allclose(actual, expected, atol=0.1)


def test_every_pixel_counts_where_a_image_shrinks():
    # Lines of one pixel, eight times as fine as what is left: their mean, and not some of them.
    image = np.zeros((1200, 1200, 3), np.uint8)
    image[:, ::2] = 200
    aligned = align_face(image, TEMPLATE * 8 + 100)
    assert aligned.shape == (112, 112, 3)
    assert np.abs(aligned.astype(int) - 100).max() <= 1


def test_beyond_the_image_is_black():
    image = np.full((40, 40), 255, np.uint8)
    aligned = align_face(image, TEMPLATE - 60)
    assert aligned[:50].max() == 0
    assert aligned[65:95, 65:95].min() == 255


def test_five_of_sixty_eight():
    points = np.stack([np.arange(68.0), 100 + np.arange(68.0)], axis=1)
    # Points 37 to 42, 43 to 48, 31, 49 and 55, counted from 1 as in the paper.
    expected = np.array([38.5, 44.5, 30, 48, 54])
    np.testing.assert_allclose(five_of_68(points), np.stack([expected, 100 + expected], 1))
    np.testing.assert_allclose(
        five_of_68(np.stack([points, 2 * points]))[1], 2 * five_of_68(points)
    )


def test_wrong_arguments():
    image = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match=r"\(68, 2\) or \(n, 68, 2\)\. Received: \(5, 2\)"):
        five_of_68(TEMPLATE)
    with pytest.raises(ValueError, match=r"same shape \(n, 2\)\. Received: \(4, 2\) and \(5, 2\)"):
        similarity_transform(SQUARE, TEMPLATE)
    with pytest.raises(ValueError, match="must hold two different points"):
        similarity_transform(np.ones((5, 2)), TEMPLATE)
    with pytest.raises(ValueError, match="all must be finite"):
        similarity_transform(TEMPLATE, TEMPLATE * np.nan)
    with pytest.raises(ValueError, match=r"`landmarks` must have the shape \(5, 2\)"):
        align_face(image, SQUARE)
    with pytest.raises(ValueError, match="must hold two different points"):
        align_face(image, np.ones((5, 2)))
    with pytest.raises(TypeError, match=r"must be uint8\. Received: float32"):
        align_face(np.zeros((4, 4), np.float32), TEMPLATE)
    with pytest.raises(ValueError, match=r"\(height, width, 3\)\. Received: \(4, 4, 4\)"):
        align_face(np.zeros((4, 4, 4), np.uint8), TEMPLATE)
    with pytest.raises(ValueError, match="`size_px` must be a whole number above 0"):
        align_face(image, TEMPLATE, 0)
