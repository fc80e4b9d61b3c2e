import numpy as np
import pytest

from keras_cv_course.ops.anchor_clustering import cluster_shapes, shape_iou


def test_shape_iou_by_hand():
    overlaps = shape_iou([[2, 2], [1, 4], [0, 3]], [[2, 2], [4, 4], [0, 0]])
    # 1 x 4 in 2 x 2: 2 shared, 6 in all.
    np.testing.assert_allclose(overlaps, [[1, 4 / 16, 0], [2 / 6, 4 / 16, 0], [0, 0, 0]])


def test_finds_the_clusters_it_was_made_of(rng):
    centers = np.array([[10.0, 12], [40, 30], [90, 200]])
    shapes = np.concatenate([c * rng.uniform(0.95, 1.05, (50, 2)) for c in centers])
    anchors, fit = cluster_shapes(rng.permutation(shapes), 3, seed=1)
    np.testing.assert_allclose(anchors, centers, rtol=0.02)
    assert fit == pytest.approx(shape_iou(shapes, anchors).max(1).mean())
    assert 0.93 < fit < 1


def test_small_boxes_count_as_much_as_large_ones(rng):
    """With the Euclidean distance both anchors would go to the large boxes."""
    small, medium = np.full((50, 2), 4.0), np.full((50, 2), 8.0)
    large = rng.uniform(190, 210, (50, 2))
    anchors, _ = cluster_shapes(np.concatenate([small, medium, large]), 3)
    np.testing.assert_allclose(anchors[:2], [[4, 4], [8, 8]], rtol=1e-6)


def test_one_start_finds_rare_shapes():
    """Each further anchor starts away from all before it, and not where most boxes are."""
    shapes = [[10, 12]] * 100 + [[40, 30]] * 3 + [[90, 200]] * 3
    for seed in range(10):
        assert cluster_shapes(shapes, 3, seed, repeats=1)[1] == 1.0


def test_the_seed_repeats_it_and_more_anchors_fit_better(rng):
    shapes = rng.uniform(5, 200, (200, 2))
    assert cluster_shapes(shapes, 4, seed=2) == cluster_shapes(shapes, 4, seed=2)
    fits = [cluster_shapes(shapes, count, seed=0)[1] for count in (1, 3, 9)]
    assert fits == sorted(fits)
    assert fits[0] < fits[2]


def test_one_anchor_for_each_shape_fits_exactly_and_empty_boxes_are_left_out():
    shapes = [[2, 2], [2, 2], [8, 4], [0, 5]]
    assert cluster_shapes(shapes, 2) == (((2.0, 2.0), (8.0, 4.0)), 1.0)
    with pytest.raises(ValueError, match=r"at least `count` = 3 different shapes.*Received: 2"):
        cluster_shapes(shapes, 3)
    with pytest.raises(ValueError, match="`count`"):
        cluster_shapes(shapes, 0)
