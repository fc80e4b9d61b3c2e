"""tensorflow-model-optimization's quantization-aware training on Keras 2, in a process of its own.

`python tfmot_reference.py NETWORK IN.npz OUT.npz` reads inputs, weights and ranges, and writes what
tfmot's form of the network computes with them.
"""

import sys
from types import ModuleType
from typing import Any

import numpy as np


def blocks(keras: ModuleType) -> Any:
    """A network of convolution, depthwise convolution and sum, of either version of Keras."""
    layers = keras.layers
    x = image = layers.Input((24, 24, 3), name="image")
    for i, (filters, strides) in enumerate(((8, 2), (8, 1), (12, 2), (12, 1))):
        y = layers.Conv2D(16, 3, strides, padding="same", use_bias=False, name=f"expand_{i}")(x)
        y = layers.ReLU(6.0, name=f"expand_relu_{i}")(_normalized(layers, y, f"expand_bn_{i}"))
        y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"spread_{i}")(y)
        y = layers.ReLU(6.0, name=f"spread_relu_{i}")(_normalized(layers, y, f"spread_bn_{i}"))
        y = layers.Conv2D(filters, 1, use_bias=False, name=f"project_{i}")(y)
        y = _normalized(layers, y, f"project_bn_{i}")
        x = layers.Add(name=f"sum_{i}")([x, y]) if strides == 1 else y
    return keras.Model(image, x)


def mobilenet_v2(keras: ModuleType) -> Any:
    """Keras' own MobileNetV2, of either version of Keras, without its dense layer."""
    return keras.applications.MobileNetV2((64, 64, 3), alpha=0.35, include_top=False, weights=None)


NETWORKS = {"blocks": blocks, "mobilenet_v2": mobilenet_v2}


def _normalized(layers: Any, x: Any, name: str) -> Any:
    return layers.BatchNormalization(momentum=0.9, name=name)(x)


def _set_weights(layers: list[Any], given: Any) -> None:
    for layer in layers:
        count = len(layer.weights)
        layer.set_weights([given[f"weight/{layer.name}/{i}"] for i in range(count)])


def _ranges(model: Any) -> dict[str, list[Any]]:
    """Returns the two variables of each rounded tensor, by the layer that makes it."""
    ranges_by_name: dict[str, list[Any]] = {}
    for wrapper in model.layers:
        kinds = ("output_m", "quantize_layer_m")
        limits = [v for v in wrapper.weights if v.name.split("/")[-1].startswith(kinds)]
        if limits:
            name = wrapper.layer.name if hasattr(wrapper, "layer") else "input"
            ranges_by_name[name] = sorted(limits, key=lambda v: "max" in v.name)
    return ranges_by_name


def main(network: str, source: str, target: str) -> None:
    """Writes what the network computes of x, and its ranges after a step of training on it."""
    import tf_keras as keras
    from tensorflow_model_optimization.quantization.keras import quantize_model

    given = np.load(source)
    model = NETWORKS[network](keras)
    _set_weights(model.layers, given)
    model = quantize_model(model)
    model(given["x"], training=True)  # the ranges of kernels follow in training only
    wrapped = [wrapper.layer for wrapper in model.layers if hasattr(wrapper, "layer")]
    normalizations = [x for x in wrapped if isinstance(x, keras.layers.BatchNormalization)]
    _set_weights(normalizations, given)
    ranges = _ranges(model)
    for name, variables in ranges.items():
        for variable, limit in zip(variables, given[f"range/{name}"], strict=True):
            variable.assign(limit)
    results = {"y": model(given["x"], training=False).numpy()}
    model(given["x"], training=True)
    for name, variables in ranges.items():
        results[f"moved/{name}"] = np.array([v.numpy() for v in variables])
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
