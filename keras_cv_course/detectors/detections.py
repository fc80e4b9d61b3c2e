"""Models that end in detections: where the network ends, and what makes boxes begins."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.layers.detection_postprocess import OUTPUTS, DetectionPostProcess
from keras_cv_course.layers.head_decoding import HeadDecoding
from keras_cv_course.specs.detection import DetectionSpec

CODES = ("boxes", "scores")  # what a DetectionPostProcess takes


def detection_spec(model: keras.Model) -> DetectionSpec:
    """Returns what the raw outputs of a detector mean.

    Args:
        model: What a builder of detectors has returned, loaded or rewritten for quantization.

    Raises:
        ValueError: If the model is not a detector.
    """
    layers = [layer for layer in model.layers if isinstance(layer, BoxCodes)]
    if len(layers) != 1:
        raise ValueError(
            "`model` must be a detector of this package, with a BoxCodes layer behind its box "
            f"codes. Received: {model.name!r} with {len(layers)} such layers. Build one with "
            "SSDLite, RetinaNet or YOLO."
        )
    return layers[0].spec


def suppression_of(model: keras.Model) -> DetectionPostProcess | None:
    """Returns the last layer of a model, if the model returns its detections and nothing else.

    Args:
        model: A functional model.
    """
    return next(
        (
            layer
            for layer in model.layers
            if isinstance(layer, DetectionPostProcess)
            and len(layer._inbound_nodes) == 1
            and _returned(model.output, layer)
        ),
        None,
    )


def without_suppression(model: keras.Model) -> keras.Model:
    """Returns a model with the same layers that returns a dict of "boxes" (codes) and "scores".

    Args:
        model: A functional model that ends in detections, see `suppression_of`.
    """
    layer = suppression_of(model)
    assert layer is not None
    return keras.Model(model.input, dict(zip(CODES, layer.input, strict=True)), name=model.name)


def network_of(model: keras.Model) -> keras.Model:
    """Returns the network before the layers that make boxes at a model's end, with the same layers.

    Args:
        model: A functional model.

    Returns:
        A network that returns a dict: of what a `HeadDecoding` takes, or else of "boxes" (codes)
        and "scores". The model itself if it returns anything but detections.
    """
    layer = suppression_of(model)
    if layer is None:
        return model
    makers = (x._keras_history.operation for x in layer.input)
    decoding = next((maker for maker in makers if isinstance(maker, HeadDecoding)), None)
    if decoding is None:
        return without_suppression(model)
    outputs = dict(decoding._inbound_nodes[0].arguments.args[0])
    return keras.Model(model.input, outputs, name=model.name)


def _returned(structure: Any, layer: DetectionPostProcess) -> bool:
    """Returns whether a model's outputs are the very dict that `layer` returns."""
    if not isinstance(structure, Mapping) or set(structure) != set(OUTPUTS):
        return False
    pairs = zip(keras.tree.flatten(structure), layer.output, strict=True)
    return all(y is own for y, own in pairs)
