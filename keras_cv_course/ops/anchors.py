"""Boxes that detectors start from: SSD's priors, RetinaNet's and YOLO's anchors; NumPy constants.

Anchors are float32 `(anchors, 4)` xyxy in pixels of the network input, uncut at its border. They
are ordered map by map, the finest first, then row by row, column by column, and one for each shape:
the order in which heads give their predictions.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_cv_course._validation import MOST_ANCHORS, check_positive, check_whole

# conv4_3, fc7, conv6_2, conv7_2, conv8_2 and conv9_2 of the authors' SSD300 for VOC: size of the
# map, step between its cells and smallest side in pixels, and further aspect ratios.
_SSD300 = (
    (38, 8, 30, (2,)),
    (19, 16, 60, (2, 3)),
    (10, 32, 111, (2, 3)),
    (5, 64, 162, (2, 3)),
    (3, 100, 213, (2,)),
    (1, 300, 264, (2,)),
)
_SSD300_LARGEST = 315
_MIDDLE = 0.5  # of a cell


@dataclass(frozen=True)
class AnchorMap:
    """The anchors of one feature map.

    Attributes:
        rows: Height of the map in cells.
        columns: Width of the map in cells.
        stride_px: Height and width of a cell in pixels of the network input.
        shapes_px: (width, height) of each anchor in the middle of a cell.
    """

    rows: int
    columns: int
    stride_px: tuple[float, float]
    shapes_px: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        check_whole("rows", self.rows)
        check_whole("columns", self.columns)
        for value in itertools.chain(self.stride_px, *self.shapes_px):
            check_positive("stride_px and shapes_px", value)
        if self.count > MOST_ANCHORS:
            raise ValueError(
                f"A feature map must have at most {MOST_ANCHORS:,} anchors. Received: "
                f"{self.rows} x {self.columns} cells with {len(self.shapes_px)} each."
            )

    @property
    def count(self) -> int:
        """Number of anchors."""
        return self.rows * self.columns * len(self.shapes_px)


def anchor_boxes(maps: Sequence[AnchorMap]) -> np.ndarray:
    """Returns the anchors of all maps.

    Args:
        maps: The maps, the finest first.

    Returns:
        float32 `(anchors, 4)` xyxy in pixels: map, row, column, shape.

    Example:
        >>> anchor_boxes([AnchorMap(1, 2, (8, 8), ((4, 2),))])
        array([[ 2.,  3.,  6.,  5.],
               [10.,  3., 14.,  5.]], dtype=float32)
    """
    return np.concatenate([_boxes_of(level) for level in maps]).astype(np.float32)


def anchor_strides(maps: Sequence[AnchorMap]) -> np.ndarray:
    """Returns the (x, y) size in pixels of the cell of each anchor.

    Args:
        maps: The maps, the finest first.

    Returns:
        float32 `(anchors, 2)`, in the order of `anchor_boxes`.
    """
    strides = [np.tile(level.stride_px[::-1], (level.count, 1)) for level in maps]
    return np.concatenate(strides).astype(np.float32)


def prior_shapes(
    sizes: Sequence[float], ratios: Sequence[float]
) -> tuple[tuple[float, float], ...]:
    """Returns n + m - 1 shapes from n sizes and m aspect ratios.

    The first ratio goes with every size, the other ratios with the first size only: (s1, r1),
    (s2, r1), …, (sn, r1), (s1, r2), …, (s1, rm). A box has the width s√r and the height s/√r.

    Args:
        sizes: Square roots of the areas, above 0.
        ratios: Widths over heights, above 0.

    Returns:
        (width, height) of each shape, in the unit of `sizes`.

    Raises:
        ValueError: If there is no size or no ratio, or one is not above 0.

    Example:
        >>> prior_shapes((8, 4), (1, 4))
        ((8.0, 8.0), (4.0, 4.0), (16.0, 4.0))

    Reference:
        "Dive into Deep Learning", section "Anchor Boxes".
    """
    if not sizes or not ratios:
        raise ValueError(
            "`sizes` and `ratios` must hold at least one number each. "
            f"Received: {sizes!r} and {ratios!r}."
        )
    for value in (*sizes, *ratios):
        check_positive("sizes and ratios", value)
    pairs = [(size, ratios[0]) for size in sizes] + [(sizes[0], ratio) for ratio in ratios[1:]]
    return tuple((size * math.sqrt(ratio), size / math.sqrt(ratio)) for size, ratio in pairs)


def ssd_shapes(
    size_px: float, next_size_px: float, ratios: Sequence[float]
) -> tuple[tuple[float, float], ...]:
    """Returns the shapes of SSD's priors in a cell: two squares, and each ratio both ways.

    They are `prior_shapes` of the sizes s and √(s s') and the ratios 1, r, 1/r, ….

    Args:
        size_px: Scale s of the map.
        next_size_px: Scale s' of the next map.
        ratios: Aspect ratios above 1.

    Returns:
        (width, height) of 2 + 2 * len(ratios) shapes.

    Reference:
        "SSD: Single Shot MultiBox Detector", arXiv:1512.02325, section 2.2.
    """
    both_ways = [r for ratio in ratios for r in (ratio, 1 / ratio)]
    return prior_shapes((size_px, math.sqrt(size_px * next_size_px)), (1, *both_ways))


def ssd300_maps() -> tuple[AnchorMap, ...]:
    """Returns the six maps of SSD300 with 8,732 priors.

    Sizes and steps are those of the authors' configuration for VOC: the first map has 0.1 of the
    image and not 0.2, and cells are 8, 16, 32, 64, 100 and 300 pixels apart.

    Reference:
        "SSD: Single Shot MultiBox Detector", arXiv:1512.02325, sections 2.2 and 3.1.
    """
    following = [size for _, _, size, _ in _SSD300[1:]] + [_SSD300_LARGEST]
    return tuple(
        AnchorMap(cells, cells, (step, step), ssd_shapes(size, following[i], ratios))
        for i, (cells, step, size, ratios) in enumerate(_SSD300)
    )


def ssd_maps(
    map_shapes: Sequence[tuple[int, int]],
    input_shape: tuple[int, int],
    smallest: float = 0.2,
    largest: float = 0.95,
    ratios: Sequence[float] = (2, 3),
) -> tuple[AnchorMap, ...]:
    """Returns SSD's maps for any body, with scales that grow in equal steps from map to map.

    Args:
        map_shapes: (rows, columns) of each feature map, the finest first.
        input_shape: (height, width) of the network input in pixels. Scales are parts of the
            shorter side.
        smallest: Scale of the first map.
        largest: Scale of the last map, at least `smallest`; the one after it is 1.
        ratios: Aspect ratios above 1, each used both ways.

    Raises:
        ValueError: If `map_shapes` is empty, or a number is out of its range.

    Example:
        >>> maps = ssd_maps([(20, 20), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)], (320, 320))
        >>> len(anchor_boxes(maps))
        3234

    Reference:
        "SSD: Single Shot MultiBox Detector", arXiv:1512.02325, equation 4. 0.2 and 0.95 are those
        of SSDLite in "MobileNetV2", arXiv:1801.04381.
    """
    if not map_shapes:
        raise ValueError("`map_shapes` must hold at least one (rows, columns). Received none.")
    if largest < smallest:
        raise ValueError(f"`largest` must be at least `smallest`. Received: {largest}, {smallest}.")
    side = min(input_shape)
    scales = [float(scale) for scale in np.linspace(smallest, largest, len(map_shapes))]
    scales = scales if len(map_shapes) > 1 else [smallest]
    return tuple(
        AnchorMap(
            rows,
            columns,
            (input_shape[0] / rows, input_shape[1] / columns),
            ssd_shapes(side * scale, side * following, ratios),
        )
        for (rows, columns), scale, following in zip(
            map_shapes, scales, [*scales[1:], 1.0], strict=True
        )
    )


def retinanet_maps(
    input_shape: tuple[int, int],
    levels: Sequence[int] = (3, 4, 5, 6, 7),
    base: float = 4.0,
    octaves: int = 3,
    ratios: Sequence[float] = (0.5, 1.0, 2.0),
) -> tuple[AnchorMap, ...]:
    """Returns RetinaNet's maps: every size with every ratio, 9 anchors in a cell.

    Args:
        input_shape: (height, width) of the network input in pixels.
        levels: The n of each map Pn, whose stride is 2**n; the map has one cell more where the
            stride does not divide the input.
        base: Smallest size of a level in strides.
        octaves: Sizes of a level, spread evenly over a factor of two.
        ratios: Widths over heights.

    Example:
        >>> len(anchor_boxes(retinanet_maps((320, 320))))
        19206

    Reference:
        "Focal Loss for Dense Object Detection", arXiv:1708.02002, section 4.
    """
    for value in (base, octaves, *ratios):
        check_positive("base, octaves and ratios", value)
    maps = []
    for level in levels:
        stride = 2**level
        sizes = [base * stride * 2 ** (i / octaves) for i in range(octaves)]
        shapes = tuple(
            (size * math.sqrt(ratio), size / math.sqrt(ratio)) for size in sizes for ratio in ratios
        )
        rows, columns = (math.ceil(side / stride) for side in input_shape)
        maps.append(AnchorMap(rows, columns, (stride, stride), shapes))
    return tuple(maps)


def yolo_maps(
    input_shape: tuple[int, int],
    strides: Sequence[int],
    shapes_px: Sequence[Sequence[tuple[float, float]]],
) -> tuple[AnchorMap, ...]:
    """Returns the maps of YOLOv2 (one) or YOLOv3 (three, the finest first).

    Args:
        input_shape: (height, width) of the network input in pixels, multiples of `strides`.
        strides: Stride of each map, e.g. (8, 16, 32).
        shapes_px: (width, height) of the anchors of each map.

    Raises:
        ValueError: If a stride does not divide the input, or the lengths differ.

    Example:
        >>> maps = yolo_maps((416, 416), (8, 16, 32), YOLOV3_SHAPES)
        >>> len(anchor_boxes(maps))
        10647

    Reference:
        "YOLOv3: An Incremental Improvement", arXiv:1804.02767, section 2.3.
    """
    if len(strides) != len(shapes_px):
        raise ValueError(
            "`shapes_px` must hold the anchors of each of `strides`. "
            f"Received: {len(shapes_px)} and {len(strides)}."
        )
    for stride in strides:
        if any(side % stride for side in input_shape):
            raise ValueError(
                f"`input_shape` must be multiples of the stride {stride}. "
                f"Received: {tuple(input_shape)}."
            )
    return tuple(
        AnchorMap(
            input_shape[0] // stride,
            input_shape[1] // stride,
            (stride, stride),
            tuple((float(width), float(height)) for width, height in shapes),
        )
        for stride, shapes in zip(strides, shapes_px, strict=True)
    )


# (width, height) in pixels of a 416 x 416 input, for COCO; the authors' configurations. Those of
# version 2 are in cells of 32 pixels there.
YOLOV2_SHAPES = tuple(
    (32 * width, 32 * height)
    for width, height in (
        (0.57273, 0.677385),
        (1.87446, 2.06253),
        (3.33843, 5.47434),
        (7.88282, 3.52778),
        (9.77052, 9.16828),
    )
)
YOLOV3_SHAPES = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)
YOLOV3_TINY_SHAPES = (
    ((10, 14), (23, 27), (37, 58)),
    ((81, 82), (135, 169), (344, 319)),
)


def _boxes_of(level: AnchorMap) -> np.ndarray:
    y = (np.arange(level.rows) + _MIDDLE) * level.stride_px[0]
    x = (np.arange(level.columns) + _MIDDLE) * level.stride_px[1]
    centers = np.stack(np.meshgrid(x, y), axis=-1)[:, :, None]  # (rows, columns, 1, xy)
    half = np.asarray(level.shapes_px) / 2  # (shapes, xy)
    corners = np.concatenate([centers - half, centers + half], axis=-1)
    return corners.reshape(-1, 4)
