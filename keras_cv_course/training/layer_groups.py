"""The parts of a network that are frozen, unfrozen and given a rate together."""

from collections.abc import Iterator

import keras

from keras_cv_course.names import STEM, parse, stage_name, unnamed_message

# What may be between the classifier and the output.
_AFTER_HEAD = (keras.layers.Reshape, keras.layers.Activation, keras.layers.Softmax)


def every_layer(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yields the layers of a model, and instead of a model among them that one's layers."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from every_layer(layer)
        else:
            yield layer


def layer_groups(model: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """Returns the layers with weights of a network, by group, from the image to the classifier.

    Groups are "stem", each block like "stage1_block1", "top" with what follows the last block, and
    "logits", the classifier. Layers with weights before the stem, like a Normalization, belong to
    the stem; those of necks, decoders and heads to the group before them.

    Args:
        model: A network of this package, or one that `transfer` returned, or one around such a
            network.

    Raises:
        ValueError: If the layers are not named so.

    Example:
        >>> list(layer_groups(MobileNetV2()))[-3:]
        ['stage7_block1', 'top', 'logits']
    """
    groups: dict[str, list[keras.layers.Layer]] = {}
    group = STEM
    for layer in every_layer(model):
        place = parse(layer.name)
        if place is not None:
            group = place.group
        if layer.weights:
            groups.setdefault(group, []).append(layer)
    if len(groups) < 2:
        raise ValueError(unnamed_message(model.name))
    return groups


def stage_outputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Returns the feature map at the end of each stage, `(batch, height, width, channels)`.

    Args:
        model: A network of this package.

    Raises:
        ValueError: If the layers are not named so.

    Example:
        >>> list(stage_outputs(MobileNetV2()))[-1]
        'stage7'
    """
    outputs = {}
    for layer in model.layers:
        place = parse(layer.name)
        if place is not None and place.stage:
            outputs[stage_name(place.stage)] = layer.output
    if not outputs:
        raise ValueError(unnamed_message(model.name))
    return outputs


def classifier_of(model: keras.Model) -> tuple[keras.layers.Layer, list[keras.layers.Layer]]:
    """Returns the last layer with weights, and the layers behind it.

    Args:
        model: A functional classifier.

    Raises:
        ValueError: If it does not end in a dense layer or a convolution of 1x1.
    """
    layers = list(model.layers)
    rest: list[keras.layers.Layer] = []
    while layers and isinstance(layers[-1], _AFTER_HEAD):
        rest.insert(0, layers.pop())
    head = layers[-1] if layers else None
    dense = isinstance(head, keras.layers.Dense)
    pointwise = isinstance(head, keras.layers.Conv2D) and head.kernel_size == (1, 1)
    if not (dense or pointwise):
        raise ValueError(
            "`model` must end in a classifier, a dense layer or a convolution of 1x1, with at most "
            f"a Reshape and an activation behind it. Received: {model.name!r}, which ends in "
            f"{type(head).__name__}. Build it with `include_top=True`."
        )
    return head, rest
