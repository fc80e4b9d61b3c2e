"""A classifier as a network of convolutions alone, for images of any size."""

from typing import Any

import keras
from keras import layers

_POOLS = {
    layers.GlobalAveragePooling2D: layers.AveragePooling2D,
    layers.GlobalMaxPooling2D: layers.MaxPooling2D,
}


def to_fully_convolutional(model: keras.Model) -> keras.Model:
    """Returns a classifier whose dense layers are convolutions, with the same weights.

    On images of the size of `model` it gives the same values, as a map of one pixel. On larger ones
    it gives a map, each pixel of which is what `model` says of the part of the image that it sees,
    as if `model` were moved over the image in steps of its stride. That is exact for networks
    without padding; padding lets windows of `model` end in zeros where the map goes on, and
    squeeze-and-excitation in its blocks takes the mean of the whole image.

    Args:
        model: Functional or built Sequential model of one image of a fixed size. Behind its last
            feature map stand a Flatten or a global pooling, dense layers or 1x1 convolutions, and
            layers that work value by value.

    Returns:
        A model from (batch, height, width, channels) of any size to (batch, rows, columns,
        classes).

    Raises:
        ValueError: If the size of the input is unknown, or the model is no such classifier.

    Example:
        >>> classifier = MobileNetV2((96, 96, 3), classes=10)
        >>> to_fully_convolutional(classifier)(np.zeros((1, 128, 160, 3))).shape
        TensorShape([1, 2, 3, 10])

    Reference:
        Fully Convolutional Networks for Semantic Segmentation, arXiv:1411.4038, section 3.1.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1 or None in model.inputs[0].shape[1:]:
        raise ValueError(
            "`model` must make one vector of one image of a fixed size. Received: "
            f"{model.name!r} with inputs {[tuple(x.shape) for x in model.inputs]} and outputs "
            f"{[tuple(x.shape) for x in model.outputs]}."
        )
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    head = _head(model)
    image = keras.Input((None, None, model.inputs[0].shape[-1]), name=model.inputs[0].name)
    copies: dict[str, keras.Layer] = {}

    def copy(layer: keras.Layer) -> keras.Layer:
        changed = _convolution(layer) if layer.name in head else None
        copies[layer.name] = changed or layer.__class__.from_config(layer.get_config())
        return copies[layer.name]

    structured = keras.tree.pack_sequence_as(model.input, [image])
    result = keras.models.clone_model(model, input_tensors=structured, clone_function=copy)
    for layer in model.layers:
        changed = copies.get(layer.name)
        if changed is not None and layer.weights:
            shapes = [weight.shape for weight in changed.weights]
            values = zip(layer.get_weights(), shapes, strict=True)
            changed.set_weights([value.reshape(shape) for value, shape in values])
    return keras.Model(image, result.outputs[0], name=f"{model.name}_fully_convolutional")


def _head(model: keras.Model) -> set[str]:
    """Returns the names of the layers from the one that makes a vector, or pools, to the output."""
    names: set[str] = set()
    layer = model.outputs[0]._keras_history.operation
    while True:
        names.add(layer.name)
        if isinstance(layer, (layers.Flatten, *_POOLS)):
            return names
        inputs = layer._inbound_nodes[-1].input_tensors
        if len(inputs) != 1:
            raise ValueError(
                "`model` must end in a Flatten or a global pooling and a chain of layers behind it."
                f" Received: {model.name!r}, in which {layer.name!r} has {len(inputs)} inputs."
            )
        layer = inputs[0]._keras_history.operation


def _convolution(layer: keras.Layer) -> keras.Layer | None:
    """Returns what stands for a layer of the head; None for one that works value by value."""
    before = layer._inbound_nodes[-1].input_tensors[0]
    for kind, pool in _POOLS.items():
        if isinstance(layer, kind):
            return pool(tuple(before.shape[1:3]), strides=1, name=layer.name)
    if isinstance(layer, layers.Flatten | layers.Reshape):
        return layers.Identity(name=layer.name)
    if not isinstance(layer, layers.Dense):
        return None
    maker = before._keras_history.operation
    while isinstance(maker, layers.Dropout):
        maker = maker._inbound_nodes[-1].input_tensors[0]._keras_history.operation
    flat = isinstance(maker, layers.Flatten)
    size = tuple(maker._inbound_nodes[-1].input_tensors[0].shape[1:3]) if flat else (1, 1)
    options: dict[str, Any] = {
        name: getattr(layer, name)
        for name in ("activation", "use_bias", "kernel_initializer", "bias_initializer")
    }
    return layers.Conv2D(layer.units, size, name=layer.name, dtype=layer.dtype_policy, **options)
