"""Models that end in detections: the network, and the layer that makes boxes of what it gives."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_cv_course.layers.detection_postprocess import OUTPUTS, DetectionPostProcess

NETWORK_OUTPUTS = ("boxes", "scores")


def split_detections(model: keras.Model) -> tuple[keras.Model, DetectionPostProcess | None]:
    """Returns the network in front of a `DetectionPostProcess`, and that layer.

    Args:
        model: A functional model.

    Returns:
        A network that shares the model's layers and returns a dict of "boxes" (codes) and
        "scores", and the layer; the model itself and None where it has no such layer.

    Raises:
        ValueError: If the layer is not the last, is called twice, or other outputs stand beside.
    """
    found = [layer for layer in model.layers if isinstance(layer, DetectionPostProcess)]
    if not found:
        return model, None
    layer = found[0]
    alone = len(found) == 1 and len(layer._inbound_nodes) == 1
    if not alone or not _returned(model.output, layer):
        raise ValueError(
            "`model` must return what its only DetectionPostProcess gives, and nothing else, to "
            f"become a file. Received: {model.name!r} with the outputs {list(model.output_names)}. "
            "Make it with keras.Model(inputs, layer([codes, scores]))."
        )
    outputs = dict(zip(NETWORK_OUTPUTS, layer.input, strict=True))
    return keras.Model(model.input, outputs, name=model.name), layer


def join_detections(network: keras.Model, layer: DetectionPostProcess | None) -> keras.Model:
    """Returns a network with a copy of the layer at its end, what `split_detections` took apart.

    Args:
        network: A model with the outputs "boxes" and "scores".
        layer: A layer; without one, the network is returned.
    """
    if layer is None:
        return network
    copy = DetectionPostProcess.from_config(layer.get_config())
    outputs = copy([network.output[name] for name in NETWORK_OUTPUTS])
    return keras.Model(network.input, outputs, name=network.name)


def _returned(structure: Any, layer: DetectionPostProcess) -> bool:
    """Returns whether a model's outputs are the very dict that `layer` returns."""
    if not isinstance(structure, Mapping) or set(structure) != set(OUTPUTS):
        return False
    pairs = zip(keras.tree.flatten(structure), layer.output, strict=True)
    return all(y is own for y, own in pairs)
