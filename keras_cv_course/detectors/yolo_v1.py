"""YOLOv1: one dense layer predicts the boxes of a grid of cells from the whole image."""

from collections.abc import Mapping

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_whole, suggest_keywords
from keras_cv_course.backbones.darknet import EXTRACTION, TINY, darknet_style, pooled_stages
from keras_cv_course.backbones.rows import ConvRow
from keras_cv_course.blocks.convolution import activate, conv_activation, conv_bn_activation
from keras_cv_course.detectors._build import finish_detector
from keras_cv_course.ops.anchors import AnchorMap
from keras_cv_course.registry import MODELS
from keras_cv_course.specs.detection import DetectionSpec

_SIZE_PX = 448
_GRID = 7
_HIDDEN = 4096
_DROPOUT = 0.5
_BOX = 4


@suggest_keywords
def YOLOv1(
    classes: int = 20, boxes_per_cell: int = 2, channels: int = 3, name: str | None = None
) -> keras.Model:
    """Returns the YOLO of the first paper, for images of 448x448 as floats in [0, 1], RGB.

    24 convolutions and two dense layers; 271,703,550 parameters, more than 1 GB. The last layer
    gives 7 x 7 x (5B + C) numbers: "boxes" (batch, 49B, 4), "objectness" (batch, 49B, 1) and
    "classes" (batch, 49B, classes), where the B boxes of a cell have the same classes. All are
    what the sum of squares is taken of, without sigmoid or softmax. Cells are ordered row by row.

    Args:
        classes: Number of classes, the paper's C.
        boxes_per_cell: The paper's B.
        channels: Channels of the image.
        name: Name of the model; "yolo_v1" when None.

    Raises:
        ValueError: If a number is not above 0.

    Example:
        >>> YOLOv1().output["classes"].shape
        (None, 98, 20)

    Reference:
        You Only Look Once, arXiv:1506.02640, figure 3 and section 2. The convolutions have biases
        and no batch normalization, as at the time of the paper.
    """
    style = darknet_style()
    image = keras.Input((_SIZE_PX, _SIZE_PX, channels), name="image")
    x = conv_activation(image, 64, 7, style, "stem", strides=2)
    x = pooled_stages(x, EXTRACTION, style, normalized=False)
    for b, strides in enumerate((1, 2, 1, 1), 1):
        x = conv_activation(x, 1024, 3, style, f"stage5_block{b}", strides)
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dense(_HIDDEN, kernel_initializer="he_normal", name="hidden")(x)
    x = activate(x, style.activation, "hidden_activation")
    x = keras.layers.Dropout(_DROPOUT, name="hidden_dropout")(x)
    return _finish(image, x, classes, boxes_per_cell, name or "yolo_v1")


@suggest_keywords
def YOLOv1Tiny(
    classes: int = 20,
    boxes_per_cell: int = 2,
    channels: int = 3,
    batch_norm_momentum: float | None = None,
    name: str | None = None,
) -> keras.Model:
    """Returns Darknet's small YOLOv1, for images of 448x448 as floats in [0, 1], RGB.

    It gives what `YOLOv1` gives; 27,099,950 parameters.

    Args:
        classes: Number of classes.
        boxes_per_cell: Boxes that each cell predicts.
        channels: Channels of the image.
        batch_norm_momentum: Weight of the past in the moving statistics; 0.99 when None.
        name: Name of the model; "yolo_v1_tiny" when None.

    Raises:
        ValueError: If a number is not above 0.

    Example:
        >>> YOLOv1Tiny(classes=3).output["boxes"].shape
        (None, 98, 4)

    Reference:
        `yolov1-tiny.cfg` of Darknet.
    """
    style = darknet_style(batch_norm_momentum)
    image = keras.Input((_SIZE_PX, _SIZE_PX, channels), name="image")
    x = conv_bn_activation(image, 16, 3, style, "stem")
    x = pooled_stages(x, (*TINY, (ConvRow(1024), ConvRow(256))), style)
    x = keras.layers.Flatten(name="flat")(x)
    return _finish(image, x, classes, boxes_per_cell, name or "yolo_v1_tiny")


def _finish(
    image: KerasTensor, x: KerasTensor, classes: int, boxes_per_cell: int, name: str
) -> keras.Model:
    check_whole("classes", classes)
    check_whole("boxes_per_cell", boxes_per_cell)
    cell = _SIZE_PX / _GRID
    maps = AnchorMap(_GRID, _GRID, (cell, cell), ((_SIZE_PX, _SIZE_PX),) * boxes_per_cell)
    spec = DetectionSpec(
        (_SIZE_PX, _SIZE_PX),
        classes,
        (maps,),
        "square",
        "objectness_linear",
        input_range=MODELS["yolo_v1"].input_range,
    )
    return finish_detector(image, _heads(x, spec, boxes_per_cell), spec, name)


def _heads(x: KerasTensor, spec: DetectionSpec, per_cell: int) -> Mapping[str, KerasTensor]:
    """Returns the last layer's outputs from separate layers, which together have its parameters."""
    cells = _GRID * _GRID
    outputs = {}
    for key, values in (("boxes", _BOX), ("objectness", 1)):
        flat = keras.layers.Dense(spec.count * values, name=f"{key}_dense")(x)
        outputs[key] = keras.layers.Reshape((spec.count, values), name=f"{key}_list")(flat)
    flat = keras.layers.Dense(cells * spec.classes, name="classes_dense")(x)
    shared = keras.layers.Reshape((cells, 1, spec.classes), name="classes_cells")(flat)
    if per_cell > 1:
        shared = keras.layers.Concatenate(axis=2, name="classes_shared")([shared] * per_cell)
    outputs["classes"] = keras.layers.Reshape((spec.count, spec.classes), name="classes_list")(
        shared
    )
    return outputs
