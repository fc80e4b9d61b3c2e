"""YOLOv2 and YOLOv3 with their Darknet bodies, and both on a mobile backbone."""

from collections.abc import Mapping, Sequence

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_choice, check_whole, suggest_keywords
from keras_cv_course.backbones.darknet import (
    TINY,
    Darknet19,
    Darknet53,
    darknet_style,
    pooled_stages,
)
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.detectors._build import (
    check_size_px,
    finish_detector,
    head_style,
    open_backbone,
)
from keras_cv_course.heads.retinanet import prior_bias
from keras_cv_course.heads.yolo import yolo_head
from keras_cv_course.necks.passthrough import passthrough
from keras_cv_course.necks.yolo_pyramid import yolo_pyramid
from keras_cv_course.networks.feature_maps import feature_maps
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.ops.anchors import (
    YOLOV2_SHAPES,
    YOLOV3_SHAPES,
    YOLOV3_TINY_SHAPES,
    yolo_maps,
)
from keras_cv_course.registry import MODELS
from keras_cv_course.specs.detection import DetectionSpec

Shapes = Sequence[tuple[float, float]]

_SCORES = {2: "objectness_softmax", 3: "objectness_sigmoid"}
_STRIDES = {2: (32,), 3: (8, 16, 32)}
_LEVELS = {2: ("P4", "P5"), 3: ("P3", "P4", "P5")}
_LAST_STRIDE = 32
_SHAPES: dict[int, Sequence[Shapes]] = {2: (YOLOV2_SHAPES,), 3: YOLOV3_SHAPES}
_SHAPES_FOR_PX = 416  # the input that the published anchors are for
_WIDTHS = {"P3": 128, "P4": 256, "P5": 512}
_MOBILE_WIDTHS = {"P3": 48, "P4": 96, "P5": 192}
_MOBILE_PRIOR = 0.01
# The anchors of yolov2-tiny-voc.cfg, in cells of 32 pixels there.
_TINY_VOC_CELLS = ((1.08, 1.19), (3.42, 4.41), (6.63, 11.38), (9.42, 5.11), (16.62, 10.52))
_TINY_VOC_SHAPES = tuple((32 * width, 32 * height) for width, height in _TINY_VOC_CELLS)


@suggest_keywords
def YOLOv2(
    classes: int = 80,
    input_shape: tuple[int, int, int] = (416, 416, 3),
    anchors: Shapes | None = None,
    batch_norm_momentum: float | None = None,
    name: str | None = None,
) -> keras.Model:
    """Returns a YOLOv2 on Darknet-19, for images as floats in [0, 1], RGB.

    Five anchors in each cell of one map of stride 32. It gives "boxes" (batch, anchors, 4), the
    codes of boxes, "objectness" (batch, anchors, 1), the logit of there being an object, and
    "classes" (batch, anchors, classes), logits for a softmax; `Detector` makes boxes of them.
    50,983,561 parameters with 80 classes.

    Args:
        classes: Number of classes.
        input_shape: (height, width, channels), height and width multiples of 32.
        anchors: (width, height) of each anchor in pixels of the input, e.g. those of
            `ops.anchor_clustering`. None are the published ones for COCO, in proportion.
        batch_norm_momentum: Weight of the past in the moving statistics; 0.99 when None.
        name: Name of the model; "yolo_v2" when None.

    Raises:
        ValueError: If `classes` is not above 0, or the size is not a multiple of 32.

    Example:
        >>> YOLOv2(classes=3).output["boxes"].shape
        (None, 845, 4)

    Reference:
        YOLO9000: Better, Faster, Stronger, arXiv:1612.08242, section 2; `yolov2.cfg` of Darknet.
    """
    body = Darknet19(input_shape, batch_norm_momentum, include_top=False)
    neck = passthrough(_maps(body, 2), 1024, 64, darknet_style(batch_norm_momentum))
    return _finish(body, neck, 2, classes, None if anchors is None else (anchors,), "yolo_v2", name)


@suggest_keywords
def YOLOv2Tiny(
    classes: int = 20,
    input_shape: tuple[int, int, int] = (416, 416, 3),
    anchors: Shapes = _TINY_VOC_SHAPES,
    filters: int = 1024,
    batch_norm_momentum: float | None = None,
    name: str | None = None,
) -> keras.Model:
    """Returns Darknet's small YOLOv2, for images as floats in [0, 1], RGB.

    It gives what `YOLOv2` gives; 15,867,885 parameters for the 20 classes of VOC.

    Args:
        classes: Number of classes.
        input_shape: (height, width, channels), height and width multiples of 32.
        anchors: (width, height) of each anchor in pixels of the input.
        filters: Channels of the last 3x3 convolution: 1024 for VOC, 512 for COCO.
        batch_norm_momentum: Weight of the past in the moving statistics; 0.99 when None.
        name: Name of the model; "yolo_v2_tiny" when None.

    Raises:
        ValueError: If `classes` is not above 0, or the size is not a multiple of 32.

    Example:
        >>> YOLOv2Tiny(classes=3).output["boxes"].shape
        (None, 845, 4)

    Reference:
        `yolov2-tiny-voc.cfg` and `yolov2-tiny.cfg` of Darknet.
    """
    style = darknet_style(batch_norm_momentum)
    image = keras.Input(input_shape, name="image")
    _, x = _tiny_body(image, style)
    x = conv_bn_activation(x, filters, 3, style, "neck_block1")
    body = keras.Model(image, x)
    return _finish(body, {"P5": x}, 2, classes, (anchors,), "yolo_v2_tiny", name)


@suggest_keywords
def YOLOv3(
    classes: int = 80,
    input_shape: tuple[int, int, int] = (416, 416, 3),
    anchors: Sequence[Shapes] | None = None,
    spp: bool = False,
    batch_norm_momentum: float | None = None,
    name: str | None = None,
) -> keras.Model:
    """Returns a YOLOv3 on Darknet-53, for images as floats in [0, 1], RGB.

    Three anchors in each cell of maps of stride 8, 16 and 32. It gives what `YOLOv2` gives, with
    logits for a sigmoid each as "classes". 62,001,757 parameters with 80 classes.

    Args:
        classes: Number of classes.
        input_shape: (height, width, channels), height and width multiples of 32.
        anchors: (width, height) of each anchor of each map, the finest first, in pixels of the
            input. None are the published ones for COCO, in proportion.
        spp: Whether the coarsest map is also seen pooled over 5, 9 and 13 cells.
        batch_norm_momentum: Weight of the past in the moving statistics; 0.99 when None.
        name: Name of the model; "yolo_v3" when None.

    Raises:
        ValueError: If `classes` is not above 0, or the size is not a multiple of 32.

    Example:
        >>> YOLOv3(classes=3).output["boxes"].shape
        (None, 10647, 4)

    Reference:
        YOLOv3: An Incremental Improvement, arXiv:1804.02767, section 2; `yolov3.cfg` and
        `yolov3-spp.cfg` of Darknet.
    """
    body = Darknet53(input_shape, batch_norm_momentum, include_top=False)
    style = darknet_style(batch_norm_momentum)
    neck = yolo_pyramid(_maps(body, 3), _WIDTHS, style, spp=spp)
    return _finish(body, neck, 3, classes, anchors, "yolo_v3", name)


@suggest_keywords
def YOLOv3Tiny(
    classes: int = 80,
    input_shape: tuple[int, int, int] = (416, 416, 3),
    anchors: Sequence[Shapes] | None = None,
    batch_norm_momentum: float | None = None,
    name: str | None = None,
) -> keras.Model:
    """Returns Darknet's small YOLOv3, for images as floats in [0, 1], RGB.

    It gives what `YOLOv3` gives, on maps of stride 16 and 32; 8,858,734 parameters with 80
    classes. Takes what `YOLOv3` takes, and raises the same errors.

    Example:
        >>> YOLOv3Tiny(classes=3).output["boxes"].shape
        (None, 2535, 4)

    Reference:
        `yolov3-tiny.cfg` of Darknet, whose finer map has the anchors 1 to 3.
    """
    style = darknet_style(batch_norm_momentum)
    image = keras.Input(input_shape, name="image")
    fine, x = _tiny_body(image, style)
    x = conv_bn_activation(x, 256, 1, style, "neck_P5_reduce")
    coarse = conv_bn_activation(x, 512, 3, style, "neck_P5")
    x = conv_bn_activation(x, 128, 1, style, "neck_P4_reduce")
    x = keras.layers.UpSampling2D(2, name="neck_P4_upsample")(x)
    x = keras.layers.Concatenate(name="neck_P4_concat")([x, fine])
    neck = {"P4": conv_bn_activation(x, 256, 3, style, "neck_P4"), "P5": coarse}
    body = keras.Model(image, coarse)
    shapes = _scaled(YOLOV3_TINY_SHAPES, input_shape[:2]) if anchors is None else anchors
    return _finish(body, neck, 3, classes, shapes, "yolo_v3_tiny", name)


@suggest_keywords
def YOLO(
    backbone: "str | keras.Model" = "mobilenet_v2",
    classes: int = 20,
    version: int = 3,
    input_shape: tuple[int, int, int] = (320, 320, 3),
    anchors: Sequence[Shapes] | None = None,
    filters: Mapping[str, int] | None = None,
    batch_norm_momentum: float | None = None,
    name: str | None = None,
) -> keras.Model:
    """Returns YOLOv2 or YOLOv3 on a mobile backbone, for images as the backbone takes them.

    It gives what `YOLOv2` or `YOLOv3` gives. Its 3x3 convolutions are depthwise and pointwise
    ones, its activation ReLU6, and its objectness begins at 0.01, so that the many empty anchors
    do not shake the first steps.

    Args:
        backbone: A classifier's name in the registry, or a model of this package with an input of
            fixed size, height and width multiples of 32; its weights are kept.
        classes: Number of classes.
        version: 2, one map of stride 32 with a passthrough, or 3, maps of stride 8, 16 and 32.
        input_shape: (height, width, channels), for a name.
        anchors: (width, height) of each anchor of each map, the finest first, in pixels of the
            input. None are the published ones for COCO, in proportion.
        filters: Channels of the neck for "P3", "P4" and "P5"; version 2 takes twice that of "P5",
            and half that of "P4". None is 48, 96 and 192.
        batch_norm_momentum: Weight of the past in the moving statistics of neck and backbone that
            are built here; None is 0.99, and the family's own.
        name: Name of the model; "yolo" when None.

    Raises:
        ValueError: If an argument is out of range, or the backbone or its size does not fit.

    Example:
        >>> YOLO("mobilenet_v2", classes=3).output["classes"].shape
        (None, 6300, 3)

    Reference:
        YOLO9000, arXiv:1612.08242; YOLOv3, arXiv:1804.02767.
    """
    check_choice("version", version, tuple(_SCORES))
    body = open_backbone(backbone, input_shape, batch_norm_momentum)
    widths = _MOBILE_WIDTHS if filters is None else filters
    _check_filters(widths, _LEVELS[version])
    style = head_style(batch_norm_momentum)
    maps = _maps(body, version)
    if version == 2:
        neck = passthrough(maps, 2 * widths["P5"], widths["P4"] // 2, style, separable=True)
    else:
        neck = yolo_pyramid(maps, widths, style, separable=True)
    bias = prior_bias(_MOBILE_PRIOR)
    return _finish(body, neck, version, classes, anchors, "yolo", name, bias)


def _maps(body: keras.Model, version: int) -> dict[str, KerasTensor]:
    check_size_px(body.inputs[0].shape[1:3], _LAST_STRIDE)
    return dict(feature_maps(body, _LEVELS[version]).output)


def _tiny_body(image: KerasTensor, style: ConvStyle) -> tuple[KerasTensor, KerasTensor]:
    """Returns the map of stride 16 before it is pooled, and that of stride 32."""
    check_size_px(image.shape[1:3], _LAST_STRIDE)
    x = conv_bn_activation(image, 16, 3, style, "stem")
    fine = pooled_stages(x, TINY[:-1], style)
    x = keras.layers.MaxPooling2D(2, name="stage5_block1_pool")(fine)
    for row in TINY[-1]:
        x = conv_bn_activation(x, row.filters, row.kernel_size, style, "stage5_block1")
    x = keras.layers.MaxPooling2D(2, 1, "same", name="stage5_block2_pool")(x)
    return fine, conv_bn_activation(x, 1024, 3, style, "stage5_block2")


def _scaled(shapes: Sequence[Shapes], size_px: tuple[int, int]) -> tuple[Shapes, ...]:
    """Returns the published anchors in proportion to the input."""
    height, width = (side / _SHAPES_FOR_PX for side in size_px)
    return tuple(tuple((w * width, h * height) for w, h in level) for level in shapes)


def _check_filters(filters: Mapping[str, int], levels: Sequence[str]) -> None:
    missing = [level for level in levels if level not in filters]
    if missing:
        raise ValueError(
            f"`filters` must have the channels of {', '.join(levels)}. Received: {dict(filters)}, "
            f"without {', '.join(missing)}."
        )
    for level in levels:
        check_whole(f"filters[{level!r}]", filters[level])


def _check_anchors(anchors: Sequence[Shapes], maps: int) -> None:
    try:
        whole = len(anchors) == maps and all(
            len(level) and all(width > 0 < height for width, height in level) for level in anchors
        )
    except TypeError:  # Something is not a pair, or not a number.
        whole = False
    if not whole:
        raise ValueError(
            "`anchors` must hold (width, height), above 0, of each anchor of "
            f"{'the map' if maps == 1 else f'each of the {maps} maps, the finest first'}. "
            f"Received: {anchors!r}."
        )


def _finish(
    body: keras.Model,
    maps: Mapping[str, KerasTensor],
    version: int,
    classes: int,
    anchors: Sequence[Shapes] | None,
    default_name: str,
    name: str | None,
    objectness_bias: float = 0.0,
) -> keras.Model:
    check_whole("classes", classes)
    size: tuple[int, int] = body.inputs[0].shape[1:3]
    strides = _STRIDES[version][-len(maps) :]
    if anchors is None:
        anchors = _scaled(_SHAPES[version], size)
    _check_anchors(anchors, len(strides))
    input_range = spec_of(body).input_range or MODELS[default_name].input_range
    spec = DetectionSpec(
        size,
        classes,
        yolo_maps(size, strides, anchors),
        "cell",
        _SCORES[version],
        input_range=input_range,
    )
    counts = [len(anchor_map.shapes_px) for anchor_map in spec.maps]
    heads = yolo_head(maps, counts, classes, objectness_bias)
    return finish_detector(body.input, heads, spec, name or default_name)
