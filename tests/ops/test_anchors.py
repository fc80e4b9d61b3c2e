import math

import numpy as np
import pytest

from keras_cv_course.ops.anchors import (
    YOLOV2_SHAPES,
    YOLOV3_SHAPES,
    YOLOV3_TINY_SHAPES,
    AnchorMap,
    anchor_boxes,
    anchor_strides,
    prior_shapes,
    retinanet_maps,
    ssd300_maps,
    ssd_maps,
    ssd_shapes,
    yolo_maps,
)


def sides(boxes):
    return boxes[:, 2:] - boxes[:, :2]


def middles(boxes):
    return (boxes[:, 2:] + boxes[:, :2]) / 2


def test_n_sizes_and_m_ratios_give_n_plus_m_minus_1_shapes_in_the_decks_order():
    shapes = prior_shapes((0.75, 0.5, 0.25), (1, 2, 0.5))
    expected = [
        (0.75, 0.75),
        (0.5, 0.5),
        (0.25, 0.25),
        (0.75 * math.sqrt(2), 0.75 / math.sqrt(2)),
        (0.75 / math.sqrt(2), 0.75 * math.sqrt(2)),
    ]
    assert len(shapes) == 3 + 3 - 1
    np.testing.assert_allclose(shapes, expected)
    for width, height in shapes[3:]:
        assert width * height == pytest.approx(0.75**2)


def test_order_is_map_row_column_shape():
    maps = [
        AnchorMap(2, 3, (10, 20), ((4, 6), (8, 2))),
        AnchorMap(1, 1, (20, 60), ((30, 10),)),
    ]
    boxes = anchor_boxes(maps)
    assert boxes.dtype == np.float32
    assert [level.count for level in maps] == [12, 1]
    np.testing.assert_array_equal(boxes[0], [8, 2, 12, 8])  # the middle (10, 5)
    np.testing.assert_array_equal(boxes[1], [6, 4, 14, 6])
    np.testing.assert_array_equal(middles(boxes)[2], [30, 5])  # next column
    np.testing.assert_array_equal(middles(boxes)[6], [10, 15])  # next row
    np.testing.assert_array_equal(boxes[12], [15, 5, 45, 15])
    np.testing.assert_array_equal(anchor_strides(maps), [[20, 10]] * 12 + [[60, 20]])


def test_ssd300_has_8732_priors():
    maps = ssd300_maps()
    assert [(level.rows, len(level.shapes_px)) for level in maps] == [
        (38, 4),
        (19, 6),
        (10, 6),
        (5, 6),
        (3, 4),
        (1, 4),
    ]
    boxes = anchor_boxes(maps)
    assert boxes.shape == (8732, 4)
    # The first cell of 8 x 8 pixels: 30 and √(30 · 60) square, then 1:2 and 2:1.
    np.testing.assert_allclose(middles(boxes)[:4], np.full((4, 2), 4.0), atol=1e-5)
    larger = math.sqrt(30 * 60)
    wide = (30 * math.sqrt(2), 30 / math.sqrt(2))
    np.testing.assert_allclose(
        sides(boxes)[:4], [(30, 30), (larger, larger), wide, wide[::-1]], rtol=1e-5
    )
    # The last: one cell of 300, sizes 264 and √(264 · 315).
    np.testing.assert_allclose(middles(boxes)[-4:], np.full((4, 2), 150.0), atol=1e-4)
    np.testing.assert_allclose(sides(boxes)[-3], [math.sqrt(264 * 315)] * 2, rtol=1e-5)


def test_ssd_shapes_have_both_orientations():
    shapes = np.array(ssd_shapes(10, 40, (2, 3)))
    np.testing.assert_allclose(shapes.prod(1), [100, 400, 100, 100, 100, 100])
    np.testing.assert_allclose(shapes[:, 0] / shapes[:, 1], [1, 1, 2, 0.5, 3, 1 / 3])


def test_ssd_scales_grow_in_equal_steps():
    grids = [(20, 20), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]
    maps = ssd_maps(grids, (320, 320))
    assert len(anchor_boxes(maps)) == 3234
    scales = [level.shapes_px[0][0] / 320 for level in maps]
    np.testing.assert_allclose(scales, [0.2, 0.35, 0.5, 0.65, 0.8, 0.95])
    np.testing.assert_allclose(maps[-1].shapes_px[1], [320 * math.sqrt(0.95)] * 2)
    assert maps[3].stride_px == (320 / 3, 320 / 3)
    (single,) = ssd_maps([(4, 8)], (64, 128), ratios=())
    np.testing.assert_allclose(single.shapes_px[0], [0.2 * 64] * 2)
    assert single.stride_px == (16, 16)


def test_retinanet_has_9_anchors_of_3_octaves_and_3_ratios():
    maps = retinanet_maps((320, 256))
    assert [(level.rows, level.columns) for level in maps] == [
        (40, 32),
        (20, 16),
        (10, 8),
        (5, 4),
        (3, 2),
    ]
    shapes = np.array(maps[0].shapes_px)
    sizes = np.array([32, 32 * 2 ** (1 / 3), 32 * 2 ** (2 / 3)])
    np.testing.assert_allclose(shapes.prod(1), np.repeat(sizes**2, 3))
    np.testing.assert_allclose(shapes[:, 0] / shapes[:, 1], [0.5, 1, 2] * 3)
    np.testing.assert_allclose(np.sqrt(np.array(maps[-1].shapes_px[1]).prod()), 512)


@pytest.mark.parametrize(
    ("strides", "shapes", "count"),
    [
        ((8, 16, 32), YOLOV3_SHAPES, 10_647),
        ((16, 32), YOLOV3_TINY_SHAPES, 2_535),
        ((32,), (YOLOV2_SHAPES,), 845),
    ],
)
def test_yolo_counts_at_416(strides, shapes, count):
    boxes = anchor_boxes(yolo_maps((416, 416), strides, shapes))
    assert len(boxes) == count
    np.testing.assert_allclose(sides(boxes)[0], shapes[0][0], rtol=1e-5)
    np.testing.assert_allclose(middles(boxes)[0], [strides[0] / 2] * 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: prior_shapes((), (1,)), "at least one number each"),
        (lambda: prior_shapes((8,), (0,)), "above 0"),
        (lambda: ssd_maps([], (320, 320)), "at least one"),
        (lambda: ssd_maps([(4, 4)], (64, 64), 0.9, 0.2), "`largest` must be at least `smallest`"),
        (lambda: yolo_maps((100, 96), (32,), (YOLOV2_SHAPES,)), "multiples of the stride 32"),
        (lambda: yolo_maps((96, 96), (32,), YOLOV3_SHAPES), "the anchors of each of `strides`"),
        (lambda: AnchorMap(0, 1, (8, 8), ((1, 1),)), "`rows`"),
        (lambda: AnchorMap(1, 1, (8, 8), ((1, -1),)), "above 0"),
        (lambda: retinanet_maps((64, 64), octaves=0), "above 0"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
