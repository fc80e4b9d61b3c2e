"""How a head is turned, from the points of its face."""

import numpy as np

# Six of iBUG's 68 points on a generic head: x to the image's right, y down, z away from the
# viewer, about 1/4 mm. They are those of "Head Pose Estimation using OpenCV and Dlib"
# (learnopencv.com, 2016): tip of the nose, chin, outer corners of the eyes, corners of the mouth.
_POINTS = (30, 8, 36, 45, 48, 54)
_HEAD = np.array(
    [
        (0.0, 0.0, 0.0),
        (0.0, 330.0, 65.0),
        (-225.0, -170.0, 135.0),
        (225.0, -170.0, 135.0),
        (-150.0, 150.0, 125.0),
        (150.0, 150.0, 125.0),
    ]
)


def head_pose(points: np.ndarray) -> np.ndarray:
    """Returns yaw, pitch and roll in degrees, from 68 points of a face.

    The six points of a generic head are brought onto the face by rotation, scaling and shifting
    (weak perspective), in closed form: the best affine map, and the rotation nearest to it. Labels
    made so have the errors of the points and of the generic head, some degrees, and are no
    replacement for measured ones.

    Args:
        points: float (n, 68, 2): x to the right, y down, iBUG's order, in units that are alike in
            both directions. NaN where a point is not known gives NaN.

    Returns:
        float32 (n, 3). Yaw is above 0 where the face looks to the image's right, pitch where it
        looks up, and roll where the head leans to the image's right, clockwise. The head is
        yawed first, then pitched, then rolled, so that turning the image adds to the roll.

    Raises:
        ValueError: If the shape is another.

    Reference:
        Model-Based Object Pose in 25 Lines of Code, DeMenthon and Davis, IJCV 1995: its first
        step, "pose from orthography and scaling".
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise ValueError(
            f"`points` must have the shape (n, 68, 2), in iBUG's order. Received: {points.shape}."
        )
    seen = points[:, _POINTS]
    known = np.isfinite(seen).all((1, 2))
    angles = np.full((len(points), 3), np.nan, np.float32)
    centred = seen[known] - seen[known].mean(1, keepdims=True)
    head = _HEAD - _HEAD.mean(0)
    affine = np.einsum("ki,nkj->nji", np.linalg.pinv(head).T, centred)  # (n, 2, 3)
    left, _, right = np.linalg.svd(affine, full_matrices=False)
    first_rows = left @ right
    third = np.cross(first_rows[:, 0], first_rows[:, 1])
    yaw = np.arctan2(third[:, 0], third[:, 2])
    pitch = -np.arcsin(np.clip(third[:, 1], -1.0, 1.0))
    roll = np.arctan2(-first_rows[:, 0, 1], first_rows[:, 1, 1])
    angles[known] = np.degrees(np.stack([yaw, pitch, roll], 1))
    return angles
