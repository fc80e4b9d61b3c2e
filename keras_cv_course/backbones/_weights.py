"""Filling a network with stored weights: all of them, or none when one does not fit."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from keras_cv_course.backbones._stored import StoredLayer, read_layers
from keras_cv_course.names import LOGITS, TOP, parse, unnamed_message

# keras.applications' EfficientNet files hold these deviations where a variance belongs; there
# `weights="imagenet"` sets it right by one more Rescaling.
_IMAGENET_DEVIATION_RGB = (0.229, 0.224, 0.225)

_Plan = list[tuple[keras.Variable, np.ndarray]]


@dataclass(frozen=True)
class ImageNet:
    """Where ImageNet weights of a network come from.

    Attributes:
        builder: Name of the builder in keras.applications.
        options: Arguments of that builder.
        sizes_px: Input sizes for which it has weights; empty where the builder has one size.
        bgr: Whether these weights, and files that keras.applications' network wrote, take BGR. The
            input channels of the first kernel are reversed, since every network of this package
            takes RGB.
        unavailable: Why there are no weights for this network and what there is; "" where there
            are.
    """

    builder: str = ""
    options: Mapping[str, Any] | None = None
    sizes_px: tuple[int, ...] = ()
    bgr: bool = False
    unavailable: str = ""


def load_weights(
    model: keras.Model,
    weights: str | os.PathLike[str],
    imagenet: ImageNet,
    classifier_layers: int = 1,
) -> None:
    """Fills `model` with stored weights.

    A classifier of another size than the stored one keeps its fresh values, and so does the model
    without classifier leave the stored one unread. The bias of a convolution that has none in
    `model` goes into the mean of the batch normalization after it, which changes no output.

    Args:
        model: Network of this package; changed in place, and only if everything fits.
        weights: "imagenet", or the path of a weights file or of a saved model.
        imagenet: What "imagenet" means.
        classifier_layers: Number of layers that a network without its classifier leaves unread.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is broken, or its weights do not fit the network.
        OSError: If the download fails.
    """
    layers = _own_layers(model)
    if weights == "imagenet":
        source = f"keras.applications.{imagenet.builder}"
        stored = _imagenet_layers(model, layers, imagenet)
    else:
        source = os.fspath(weights)
        stored = read_layers(weights, layers)
        if imagenet.bgr and parse(stored[0].origin) is None:  # not a file of this package
            stored = _from_bgr(stored)
    for variable, value in _plan(layers, stored, source, classifier_layers):
        variable.assign(value)
    for layer in layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def _own_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the network's layers with weights, without those that an `input_tensor` brought."""
    places = [parse(layer.name) for layer in model.layers]
    named = [i for i, place in enumerate(places) if place is not None and place.group != TOP]
    if not named:
        raise ValueError(unnamed_message(model.name))
    first = named[0]
    return [layer for layer in model.layers[first:] if layer.weights]


def _imagenet_layers(
    model: keras.Model, layers: list[keras.layers.Layer], imagenet: ImageNet
) -> list[StoredLayer]:
    if imagenet.unavailable:
        raise ValueError(
            f"`weights='imagenet'` is not available for this network: {imagenet.unavailable} "
            "Use `weights=None` or the path of a weights file."
        )
    options = dict(imagenet.options or {})
    if imagenet.sizes_px:
        height, width = model.inputs[0].shape[1:3]
        fits = height == width and height in imagenet.sizes_px
        size = height if fits else imagenet.sizes_px[-1]
        options["input_shape"] = (size, size, 3)
    top = any(layer.name == LOGITS for layer in layers)
    builder = getattr(keras.applications, imagenet.builder)
    try:
        reference = builder(weights="imagenet", include_top=top, **options)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise OSError(
            f"The ImageNet weights of keras.applications.{imagenet.builder} could not be fetched: "
            f"{error}. Check the network, or give the path of a weights file as `weights`."
        ) from error
    stored = [
        StoredLayer(layer.name, tuple(layer.get_weights()))
        for layer in reference.layers
        if layer.weights
    ]
    return _from_bgr(stored) if imagenet.bgr else stored


def _from_bgr(stored: list[StoredLayer]) -> list[StoredLayer]:
    """Returns layers of which the first takes RGB."""
    kernel, *others = stored[0].arrays
    return [replace(stored[0], arrays=(kernel[:, :, ::-1], *others)), *stored[1:]]


def _plan(
    layers: list[keras.layers.Layer],
    stored: list[StoredLayer],
    source: str,
    classifier_layers: int,
) -> _Plan:
    """Returns each variable with its value to be; raises unless all fit."""
    if len(stored) < len(layers):
        missing = layers[len(stored)].name
        raise ValueError(
            f"{source} must hold {len(layers)} layers with weights for this network. It holds "
            f"{len(stored)}: nothing is left for layer {missing!r}. Check the builder's options; "
            "a file without classifier needs `include_top=False`."
        )
    _check_left_over(layers, stored, source, classifier_layers)
    plan: _Plan = []
    bias = None
    for layer, stored_layer in zip(layers, stored, strict=False):
        if bias is not None and not isinstance(layer, keras.layers.BatchNormalization):
            raise ValueError(
                f"{source} does not fit this network: it has a bias for the layer before "
                f"{layer.name!r}, which has none, and no normalization behind it to take that. "
                "Check the builder's options, like `variant`."
            )
        arrays, bias = _adapt(layer, stored_layer, bias)
        if layer.name == LOGITS and arrays[0].shape[-1] != layer.kernel.shape[-1]:
            arrays, bias = _fresh_classifier(layer, arrays), None
        shapes = [array.shape for array in arrays]
        wanted = [tuple(variable.shape) for variable in layer.weights]
        if shapes != wanted:
            raise ValueError(
                f"{source} does not fit this network: layer {layer.name!r} has weights of "
                f"{wanted}, layer {stored_layer.name!r} of the file has {shapes}. Check the "
                "builder's options, like `alpha` and the channels of `input_shape`."
            )
        plan.extend(zip(layer.weights, arrays, strict=True))
    return plan


def _check_left_over(
    layers: list[keras.layers.Layer],
    stored: list[StoredLayer],
    source: str,
    classifier_layers: int,
) -> None:
    """Raises unless what `layers` leave unread is the classifier of a network built without."""
    left = stored[len(layers) :]
    has_classifier = layers[-1].name == LOGITS
    # The layers of a classifier have kernel and bias each.
    other = len(left) > classifier_layers or any(len(s.arrays) != 2 for s in left)
    if left and (has_classifier or other):
        raise ValueError(
            f"{source} must hold {len(layers)} layers with weights for this network. It holds "
            f"{len(stored)}, from {left[0].name!r} on too many. Check the builder's options."
        )


def _adapt(
    layer: keras.layers.Layer, stored_layer: StoredLayer, bias: np.ndarray | None
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Returns a layer's weights in this package's form, and a bias for the next layer to take.

    Args:
        layer: Layer to be filled.
        stored_layer: What the file has for it.
        bias: Bias of the convolution before, if `layer` must take it in.
    """
    arrays = list(stored_layer.arrays)
    if isinstance(layer, keras.layers.BatchNormalization) and len(arrays) == 4 and bias is not None:
        arrays[2] = arrays[2] - bias  # (conv + bias) - mean = conv - (mean - bias)
        return arrays, None
    if isinstance(layer, keras.layers.Normalization) and len(arrays) == 3:
        if np.allclose(arrays[1], _IMAGENET_DEVIATION_RGB, rtol=0, atol=1e-6):
            arrays[1] = np.square(arrays[1])
        return arrays, None
    if len(arrays) == 2 and len(layer.weights) == 1:
        return arrays[:1], arrays[1]
    if layer.name == LOGITS and arrays[0].ndim != len(layer.kernel.shape):
        arrays[0] = _reshape_kernel(arrays[0])
    return arrays, None


def _reshape_kernel(kernel: np.ndarray) -> np.ndarray:
    """Returns a dense kernel as that of a 1x1 convolution, or the other way round."""
    if kernel.ndim == 2:
        return kernel[np.newaxis, np.newaxis]  # (1, 1, in, out)
    return kernel[0, 0] if kernel.shape[:2] == (1, 1) else kernel


def _fresh_classifier(layer: keras.layers.Layer, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Returns the classifier's own values where only the number of classes differs."""
    if arrays[0].shape[:-1] == tuple(layer.kernel.shape[:-1]):
        return [np.asarray(value) for value in layer.get_weights()]
    return arrays
