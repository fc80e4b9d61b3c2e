"""The heads of a YOLO side by side, for losses that need all of them at once."""

from collections.abc import Mapping

import keras

HEADS = ("boxes", "objectness", "classes")


def join_heads(model: keras.Model) -> keras.Model:
    """Returns a model with one output for training, which shares the layers of a YOLO.

    Keras gives a loss one output and its target. Which anchors of a YOLO are punished depends on
    the boxes that it predicts, so its losses need all heads. Train what this returns, with plain
    `compile` and `fit`, and then use `model`: for quantization-aware training give it the model
    that `quantize_aware` returns.

    Args:
        model: A YOLO with the outputs "boxes" `(n, anchors, 4)`, "objectness" `(n, anchors, 1)`
            and "classes" `(n, anchors, classes)`.

    Returns:
        A model with the output `(n, anchors, 5 + classes)`: codes, objectness, classes.

    Raises:
        ValueError: If `model` has other outputs.

    Example:
        >>> model = YOLO("mobilenet_v2", classes=3)
        >>> training = join_heads(model)
        >>> training.compile("adam", YOLOv3Loss())
        >>> training.fit(train, shuffle=False)
    """
    outputs = model.output
    if not isinstance(outputs, Mapping) or set(outputs) != set(HEADS):
        raise ValueError(
            f"`model` must be a YOLO with the outputs {HEADS}. Received: {model.name!r} with "
            f"{list(model.output_names)}. SSD and RetinaNet need no joining: give `compile` a "
            "loss for each head."
        )
    joined = keras.layers.Concatenate(axis=-1, name="heads")([outputs[name] for name in HEADS])
    return keras.Model(model.input, joined, name=model.name)
