"""Models that end in detections: the network, and the layers that make boxes of what it gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.layers.detection_postprocess import OUTPUTS, DetectionPostProcess
from keras_cv_course.layers.head_decoding import HeadDecoding
from keras_cv_course.specs.detection import DetectionSpec

NETWORK_OUTPUTS = ("boxes", "scores")


@dataclass(frozen=True)
class DetectionTail:
    """What makes boxes of a network's outputs; it computes in float in every file.

    Attributes:
        postprocess: Takes codes and scores.
        decoding: What makes these of raw outputs; None where the network gives them itself.
    """

    postprocess: DetectionPostProcess
    decoding: HeadDecoding | None = None


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


def split_detections(model: keras.Model) -> tuple[keras.Model, DetectionTail | None]:
    """Returns the network before a `DetectionPostProcess`, and what follows it.

    Args:
        model: A functional model.

    Returns:
        A network that shares the model's layers and returns a dict: of what a `HeadDecoding`
        takes, or else of "boxes" (codes) and "scores"; and the layers behind it. The model itself
        and None where it does not end in detections and nothing else; a DetectionPostProcess
        elsewhere is one of its float islands.
    """
    ends = [
        layer
        for layer in model.layers
        if isinstance(layer, DetectionPostProcess)
        and len(layer._inbound_nodes) == 1
        and _returned(model.output, layer)
    ]
    if not ends:
        return model, None
    layer = ends[0]
    makers = {id(x._keras_history.operation): x._keras_history.operation for x in layer.input}
    decoding = next((maker for maker in makers.values() if isinstance(maker, HeadDecoding)), None)
    if decoding is None:
        outputs = dict(zip(NETWORK_OUTPUTS, layer.input, strict=True))
    else:
        outputs = dict(decoding._inbound_nodes[0].arguments.args[0])
    network = keras.Model(model.input, outputs, name=model.name)
    return network, DetectionTail(layer, decoding)


def join_detections(network: keras.Model, tail: DetectionTail | None) -> keras.Model:
    """Returns a network with copies of the layers at its end, what `split_detections` took apart.

    Args:
        network: A model with the outputs that the tail takes.
        tail: The layers; without them, the network is returned.
    """
    if tail is None:
        return network
    return keras.Model(network.input, on_outputs(tail, network.output), name=network.name)


def on_outputs(tail: DetectionTail, outputs: Mapping[str, KerasTensor]) -> dict[str, KerasTensor]:
    """Returns the detections that copies of a tail's layers make of a network's outputs."""
    if tail.decoding is not None:
        codes = HeadDecoding.from_config(tail.decoding.get_config())(dict(outputs))
    else:
        codes = [outputs[name] for name in NETWORK_OUTPUTS]
    return DetectionPostProcess.from_config(tail.postprocess.get_config())(codes)


def _returned(structure: Any, layer: DetectionPostProcess) -> bool:
    """Returns whether a model's outputs are the very dict that `layer` returns."""
    if not isinstance(structure, Mapping) or set(structure) != set(OUTPUTS):
        return False
    pairs = zip(keras.tree.flatten(structure), layer.output, strict=True)
    return all(y is own for y, own in pairs)
