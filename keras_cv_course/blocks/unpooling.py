"""Max pooling by 2, and its way back: values return to where the largest were."""

import keras
from keras import KerasTensor, ops

# 1 for equal values, and 0 for those that differ by 1 / 256 or more.
_SHARPNESS = 256.0


def max_unpool(x: KerasTensor, before: KerasTensor, pooled: KerasTensor, name: str) -> KerasTensor:
    """Returns `x` in maps of twice the size: each value where the largest of four pixels was.

    The other three are 0. Of equal values the first is the largest: upper left, upper right, lower
    left, lower right, as `argmax` has it. Positions are constants for the gradient.

    Indices and a scatter have no builtin operator in TensorFlow Lite. This is written by phases
    instead, in operators that integer kernels have: the four pixels of each window as four maps,
    what each lacks to the largest, a steep ReLU that makes a mask of it, and the masks' products
    with `x` laid out again. A value that is less than 1/256 below the largest shares with it.

    Args:
        x: float tensor (batch, height, width, channels).
        before: What was pooled, (batch, 2 * height, 2 * width, channels).
        pooled: Its largest values, (batch, height, width, channels).
        name: Prefix of the layers' names.

    Returns:
        (batch, 2 * height, 2 * width, channels).

    Reference:
        SegNet, arXiv:1511.00561, section 3 and figure 3.
    """
    channels = x.shape[-1]
    largest = ops.stop_gradient(pooled)
    phases = ops.nn.space_to_depth(ops.stop_gradient(before), 2)
    parts: list[KerasTensor] = []
    for i in range(4):
        part = phases[..., i * channels : (i + 1) * channels]
        mask = _is_largest(largest, part, f"{name}_phase{i + 1}")
        if parts:
            rest = mask
            for j, earlier in enumerate(parts, 1):
                rest = keras.layers.Subtract(name=f"{name}_phase{i + 1}_less{j}")([rest, earlier])
            mask = keras.layers.ReLU(name=f"{name}_phase{i + 1}_first")(rest)
        parts.append(mask)
    placed = [
        keras.layers.Multiply(name=f"{name}_phase{i}_values")([x, mask])
        for i, mask in enumerate(parts, 1)
    ]
    return ops.nn.depth_to_space(keras.layers.Concatenate(name=f"{name}_phases")(placed), 2)


def _is_largest(largest: KerasTensor, part: KerasTensor, name: str) -> KerasTensor:
    missing = keras.layers.Subtract(name=f"{name}_missing")([largest, part])
    steep = keras.layers.DepthwiseConv2D(
        1,
        depthwise_initializer=keras.initializers.Constant(-_SHARPNESS),
        bias_initializer="ones",
        trainable=False,
        name=f"{name}_steep",
    )(missing)
    return keras.layers.ReLU(name=f"{name}_mask")(steep)
