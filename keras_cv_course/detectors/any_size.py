"""A detector for images of several sizes in training, on the layers of one of fixed size."""

import dataclasses
import itertools
from typing import Any

import keras

from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.specs.detection import DetectionSpec


def any_size(model: keras.Model) -> keras.Model:
    """Returns a detector's network for images of any size, which shares its layers.

    Train what this returns and then use `model`, whose anchors are those of its own input.
    `training.compile_detector` does so with `any_size=True`.

    Args:
        model: A detector of fixed size: SSDLite, RetinaNet, or a YOLO of version 3.

    Returns:
        A model that takes `(batch, height, width, channels)` and gives the outputs of `model`, over
        as many anchors as the size has, see `spec_at`.

    Raises:
        ValueError: If the model is not a detector, or its layers depend on the size of its maps.

    Example:
        >>> model = SSDLite("mobilenet_v2", classes=3)
        >>> any_size(model).output["boxes"].shape
        (None, None, 4)
    """
    detection_spec(model)
    image = model.inputs[0]
    free = keras.Input((None, None, image.shape[-1]), dtype=image.dtype, name=image.name)
    return _called_again(model, free, [])


def spec_at(model: keras.Model, size_px: tuple[int, int]) -> DetectionSpec:
    """Returns what the outputs of `any_size(model)` mean for images of a size.

    Anchors keep their sizes in pixels, since a network sees pixels, and not how large the image
    is: what looks alike is coded alike at every size.

    Args:
        model: A detector.
        size_px: (height, width) of the images, multiples of the strides.

    Raises:
        ValueError: As in `any_size`.

    Example:
        >>> spec_at(SSDLite("mobilenet_v2", classes=3), (256, 256)).count
        2052
    """
    spec, image = detection_spec(model), model.inputs[0]
    shapes: list[tuple[int, int]] = []
    fixed = keras.Input((*size_px, image.shape[-1]), dtype=image.dtype)
    _called_again(model, fixed, shapes)
    # Those of SSD do not: its cells divide the image, into other than whole pixels.
    doubling = all(
        finer.stride_px[i] * 2 == coarser.stride_px[i]
        for finer, coarser in itertools.pairwise(spec.maps)
        for i in (0, 1)
    )
    maps = []
    for level, (rows, columns) in zip(spec.maps, shapes, strict=True):
        stride = level.stride_px if doubling else (size_px[0] / rows, size_px[1] / columns)
        maps.append(dataclasses.replace(level, rows=rows, columns=columns, stride_px=stride))
    return dataclasses.replace(spec, input_size_px=size_px, maps=tuple(maps))


def _called_again(
    model: keras.Model, image: keras.KerasTensor, shapes: list[tuple[int, int]]
) -> keras.Model:
    """Returns the network on another input; `shapes` gets (rows, columns) of each map of boxes."""

    def call(layer: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, BoxCodes):
            return args[0]
        if not isinstance(layer, keras.layers.Reshape):
            return layer(*args, **kwargs)
        if len(layer.target_shape) != 2:
            raise ValueError(
                "`model` must have no layer that depends on the size of its maps, to take several. "
                f"Received: {model.name!r} with {layer.name!r}, which gives "
                f"{layer.target_shape}. Of the YOLOs, version 3 has none."
            )
        # A map as the list of its anchors, see `heads.maps.over_anchors`.
        if layer.name.startswith("boxes_"):
            shapes.append(args[0].shape[1:3])
        return keras.layers.Reshape((-1, layer.target_shape[1]), name=layer.name)(*args)

    return keras.models.clone_model(
        model, input_tensors=image, clone_function=lambda layer: layer, call_function=call
    )
