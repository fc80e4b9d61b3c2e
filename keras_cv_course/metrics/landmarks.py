"""The error of points on a face, in distances between the eyes."""

import numpy as np

# Outer corners of the eyes among iBUG's 68 points.
IBUG_EYES = (36, 45)


def normalized_mean_error(
    points_true: np.ndarray, points: np.ndarray, eyes: tuple[int, int] = IBUG_EYES
) -> np.ndarray:
    """Returns the mean distance of the points of each face, over the distance between its eyes.

    Args:
        points_true: (n, points, 2) or (n, 2 points), NaN for hidden points; in units that are alike
            in both directions.
        points: The predicted points, of the same shape.
        eyes: Numbers of the points between which the distance is measured; for 68 points the outer
            corners of the eyes ("inter-ocular").

    Returns:
        float64 (n,); 0.05 is five percent. NaN where an eye or every point is hidden.

    Reference:
        300 Faces in-the-Wild Challenge, Sagonas et al., ICCV workshops 2013, section on measures.
    """
    expected = np.asarray(points_true, np.float64).reshape(len(points_true), -1, 2)
    predicted = np.asarray(points, np.float64).reshape(expected.shape)
    distances = np.linalg.norm(predicted - expected, axis=-1)
    between = np.linalg.norm(expected[:, eyes[0]] - expected[:, eyes[1]], axis=-1)
    seen = np.isfinite(distances)
    count = np.where(seen.any(1), seen.sum(1), np.nan)
    return np.where(seen, distances, 0.0).sum(1) / count / between
