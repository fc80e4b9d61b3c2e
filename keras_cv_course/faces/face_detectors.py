"""Two published detectors of faces: an SSD on MobileNet, and a Tiny YOLOv2 of separable parts."""

import os

import keras
import numpy as np
from keras import KerasTensor, layers

from keras_cv_course._validation import suggest_keywords
from keras_cv_course.blocks.convolution import (
    ConvStyle,
    activate,
    conv_activation,
    depthwise_bn_activation,
)
from keras_cv_course.detectors._build import check_size_px, finish_detector
from keras_cv_course.faces.published_weights import fill, published_arrays
from keras_cv_course.faces.stored_layers import arrays_of_layers, centred_input, separable
from keras_cv_course.heads.ssd import ssd_head
from keras_cv_course.names import block_name
from keras_cv_course.ops.anchors import AnchorMap, prior_shapes, ssd_maps, yolo_maps
from keras_cv_course.ops.box_coding import SSD_VARIANCES
from keras_cv_course.specs.detection import DetectionSpec

_PIXELS = (0.0, 255.0)
_SSD_SIZE_PX = (512, 512)
_SSD_STYLE = ConvStyle("relu6")
# Filters and steps of the pairs: table 1, arXiv:1704.04861.
_PAIRS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
_MAPS = {11: "P4", 13: "P5"}
# Filters of the further maps, and of the 1x1 convolution before each.
_FURTHER = ((256, 512), (128, 256), (128, 256), (64, 128))
_FACE = 1  # of the three classes that are stored
_XYWH = [1, 0, 3, 2]  # of the stored codes, which are those of y, x, height and width

_TINY_MEAN_RGB = (117.001, 114.697, 97.404)
_TINY_STYLE = ConvStyle("leaky_relu")
_TINY_FILTERS = (16, 32, 64, 128, 256, 512)
_TINY_STRIDE = 32
# (width, height) in cells.
_TINY_CELLS = (
    *((1.603231, 2.094468), (6.041143, 7.080126), (2.882459, 3.518061)),
    *((4.266906, 5.178857), (9.041765, 10.66308)),
)


@suggest_keywords
def SSDFaceDetector(
    weights: str | os.PathLike[str] | None = None, name: str = "ssd_face_detector"
) -> keras.Model:
    """Returns an SSD of faces on MobileNet, for images (batch, 512, 512, 3), pixels of 0 to 255.

    It gives "boxes" (batch, 5118, 4), codes of boxes, and "classes" (batch, 5118, 1), logits of
    there being a face; `Detector` makes boxes of them. A photograph that is not square has black
    borders. 5,505,797 parameters.

    Args:
        weights: None for random ones; "pretrained" for face-api's, which are fetched once; or the
            folder of these files. See `faces.published_weights` for their licence and terms.
        name: Name of the model.

    Raises:
        FileNotFoundError: If `weights` names no file.
        OSError: If the weights cannot be fetched.
        ValueError: If a file is not the published one.

    Example:
        >>> finder = Detector(SSDFaceDetector("pretrained"), ["face"], score_threshold=0.5)
        >>> finder.predict("people.jpg")[0]["boxes"].shape
        (3, 4)

    Reference:
        "SSD: Single Shot MultiBox Detector", arXiv:1512.02325, on "MobileNets", arXiv:1704.04861,
        with the anchors of TensorFlow's Object Detection API. Pointwise convolutions have a bias
        for batch normalization.
    """
    image, x = centred_input(_SSD_SIZE_PX, (127.5,) * 3, 1 / 127.5)
    x = conv_activation(x, 32, 3, _SSD_STYLE, "stem", strides=2)
    maps: dict[str, KerasTensor] = {}
    for pair, (filters, strides) in enumerate(_PAIRS, 1):
        block = block_name(pair, 1)
        x = depthwise_bn_activation(x, 3, _SSD_STYLE, f"{block}_depthwise", strides)
        x = conv_activation(x, filters, 1, _SSD_STYLE, f"{block}_pointwise")
        if pair in _MAPS:
            maps[_MAPS[pair]] = x
    for level, (reduced, filters) in enumerate(_FURTHER, 6):
        x = conv_activation(x, reduced, 1, _SSD_STYLE, f"further_p{level}_reduce")
        x = maps[f"P{level}"] = conv_activation(
            x, filters, 3, _SSD_STYLE, f"further_p{level}_halve", strides=2
        )
    placed = _ssd_anchors([x.shape[1:3] for x in maps.values()])
    spec = DetectionSpec(_SSD_SIZE_PX, 1, placed, "center", "sigmoid", SSD_VARIANCES, _PIXELS)
    heads = ssd_head(maps, [len(m.shapes_px) for m in placed], spec.logits, kernel_size=1)
    model = finish_detector(image, heads, spec, name)
    if weights is not None:
        stored = published_arrays("ssd_detector", weights)
        fill(model, _ssd_arrays(stored, list(maps)), os.fspath(weights))
    return model


@suggest_keywords
def TinyYOLOFaceDetector(
    input_shape: tuple[int, int, int] = (416, 416, 3),
    weights: str | os.PathLike[str] | None = None,
    name: str = "tiny_yolo_face_detector",
) -> keras.Model:
    """Returns a small detector of faces, for images of 416 pixels by default, values of 0 to 255.

    It gives "boxes" (batch, anchors, 4), codes of boxes, and "classes" (batch, anchors, 1), logits
    of there being a face, for five anchors in each cell of 32 pixels; `Detector` makes boxes of
    them. A photograph that is not square has black borders. 193,321 parameters.

    Args:
        input_shape: (height, width, 3), multiples of 32. Small faces need a large one.
        weights: None for random ones; "pretrained" for face-api's, which are fetched once; or the
            folder of these files. See `faces.published_weights` for their licence and terms.
        name: Name of the model.

    Raises:
        FileNotFoundError: If `weights` names no file.
        OSError: If the weights cannot be fetched.
        ValueError: If a size is no multiple of 32, or a file is not the published one.

    Example:
        >>> TinyYOLOFaceDetector((224, 224, 3)).output["boxes"].shape
        (None, 245, 4)

    Reference:
        YOLO9000, arXiv:1612.08242, with the separable convolutions of MobileNets,
        arXiv:1704.04861; face-api.js, `TinyFaceDetector`. The first convolution has no padding.
    """
    size_px = input_shape[:2]
    check_size_px(size_px, _TINY_STRIDE)
    image, x = centred_input(size_px, _TINY_MEAN_RGB)
    stem, *others = _TINY_FILTERS
    x = conv_activation(x, stem, 3, _TINY_STYLE, "stem", padding="valid")
    x = layers.MaxPooling2D(2, 2, "same", name="stem_pool")(x)
    for stage, filters in enumerate(others, 1):
        block = block_name(stage, 1)
        x = activate(separable(x, filters, block), "leaky_relu", f"{block}_activation")
        strides = 2 if stage < len(others) else 1
        x = layers.MaxPooling2D(2, strides, "same", name=f"{block}_pool")(x)
    shapes = [(_TINY_STRIDE * width, _TINY_STRIDE * height) for width, height in _TINY_CELLS]
    placed = yolo_maps(size_px, (_TINY_STRIDE,), (shapes,))
    spec = DetectionSpec(size_px, 1, placed, "cell", "sigmoid", input_range=_PIXELS)
    heads = ssd_head({"P5": x}, [len(_TINY_CELLS)], spec.logits, kernel_size=1)
    model = finish_detector(image, heads, spec, name)
    if weights is not None:
        fill(model, _tiny_arrays(published_arrays("tiny_detector", weights)), os.fspath(weights))
    return model


def _ssd_anchors(cells: list[tuple[int, int]]) -> tuple[AnchorMap, ...]:
    """Returns SSD's maps, of which the first has one small square and two flat shapes."""
    first, *others = ssd_maps(cells, _SSD_SIZE_PX)
    small, flat = _SSD_SIZE_PX[0] * 0.1, _SSD_SIZE_PX[0] * 0.2
    shapes = (*prior_shapes((small,), (1,)), *prior_shapes((flat,), (2, 0.5)))
    return AnchorMap(first.rows, first.columns, first.stride_px, shapes), *others


def _ssd_arrays(stored: dict[str, np.ndarray], levels: list[str]) -> dict[str, list[np.ndarray]]:
    """Returns the arrays of each layer."""
    convolutions = {"stem": "MobilenetV1/Conv2d_0"}
    arrays = {}
    for pair in range(1, len(_PAIRS) + 1):
        block, other = block_name(pair, 1), f"MobilenetV1/Conv2d_{pair}"
        convolutions[f"{block}_pointwise"] = other
        arrays[f"{block}_depthwise_conv"] = [stored[f"{other}_depthwise/depthwise_weights"]]
        arrays[f"{block}_depthwise_bn"] = [
            stored[f"{other}_depthwise/BatchNorm/{key}"]
            for key in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
    for i in range(len(_FURTHER)):
        for j, part in enumerate(("reduce", "halve")):
            convolutions[f"further_p{6 + i}_{part}"] = f"Prediction/Conv2d_{2 * i + j}"
    for name, other in convolutions.items():
        kernel, bias = (
            stored[f"{other}_pointwise/{k}"] for k in ("weights", "convolution_bn_offset")
        )
        arrays[f"{name}_conv"] = [kernel, bias]
    for i, level in enumerate(levels):
        boxes, classes = (
            [
                stored[f"Prediction/BoxPredictor_{i}/{kind}Predictor/{k}"]
                for k in ("weights", "biases")
            ]
            for kind in ("BoxEncoding", "Class")
        )
        arrays[f"boxes_{level}_conv"] = [
            values.reshape(*values.shape[:-1], -1, 4)[..., _XYWH].reshape(values.shape)
            for values in boxes
        ]
        arrays[f"classes_{level}_conv"] = [values[..., _FACE::3] for values in classes]
    return arrays


def _tiny_arrays(stored: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Returns the arrays of each layer."""
    names = {block_name(i, 1): f"conv{i}" for i in range(1, len(_TINY_FILTERS))}
    arrays = arrays_of_layers(stored, {"stem": "conv0", **names})
    anchors = len(_TINY_CELLS)
    codes, scores = [], []
    for values in (stored["conv8/filters"], stored["conv8/bias"]):
        values = values.reshape(*values.shape[:-1], anchors, -1)  # (..., anchors, 5)
        codes.append(values[..., :4].reshape(*values.shape[:-2], -1))
        scores.append(values[..., 4])
    return {**arrays, "boxes_P5_conv": codes, "classes_P5_conv": scores}
