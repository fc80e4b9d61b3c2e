"""Inception modules: branches of convolutions and pooling side by side, as data and as layers."""

from dataclasses import dataclass
from typing import TypeAlias

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import (
    ConvStyle,
    conv_activation,
    conv_bn_activation,
)


@dataclass(frozen=True)
class Conv:
    """A convolution of a branch, normalized where the style is, and activated.

    Attributes:
        filters: Channels of the output.
        kernel_size: Height and width of the window.
        strides: Step of the window.
        padding: "same" or "valid".
    """

    filters: int
    kernel_size: tuple[int, int] = (1, 1)
    strides: int = 1
    padding: str = "same"


@dataclass(frozen=True)
class Pool:
    """A pooling of a branch.

    Attributes:
        kind: "avg" or "max".
        strides: Step of the 3x3 window.
        padding: "same" or "valid".
    """

    kind: str
    strides: int = 1
    padding: str = "same"


@dataclass(frozen=True)
class Split:
    """Branches of a branch, whose outputs are concatenated.

    Attributes:
        branches: The steps of each.
    """

    branches: "tuple[Branch, ...]"


Step: TypeAlias = Conv | Pool | Split
Branch: TypeAlias = tuple[Step, ...]
Module: TypeAlias = tuple[Branch, ...]

_POOLS = {"avg": keras.layers.AveragePooling2D, "max": keras.layers.MaxPooling2D}


def run_steps(x: KerasTensor, steps: Branch, style: ConvStyle, name: str) -> KerasTensor:
    """Returns `x` after the steps of a branch.

    Layers are `{name}_part1_conv`, `{name}_part1_bn` and so on, `{name}_part2_pool` where a step
    pools, and `{name}_part3_branch1_part1_conv` where it splits.

    Args:
        x: float tensor (batch, height, width, channels).
        steps: What is done, in order.
        style: Activation, momentum and initializer.
        name: Prefix of the layers' names.
    """
    for i, step in enumerate(steps, 1):
        part = f"{name}_part{i}"
        if isinstance(step, Split):
            x = inception_module(x, step.branches, style, part)
        elif isinstance(step, Pool):
            pool = _POOLS[step.kind]
            x = pool(3, step.strides, step.padding, name=f"{part}_pool")(x)
        else:
            window = (step.filters, step.kernel_size, style, part, step.strides, step.padding)
            convolve = conv_activation if style.normalization == "none" else conv_bn_activation
            x = convolve(x, *window)
    return x


def inception_module(x: KerasTensor, branches: Module, style: ConvStyle, name: str) -> KerasTensor:
    """Returns the concatenated outputs of branches that all read `x`.

    Layers are those of `run_steps` with `{name}_branch1` and so on, and `{name}_concat` where there
    are several.

    Args:
        x: float tensor (batch, height, width, channels).
        branches: The steps of each; a branch without steps is `x` itself.
        style: Activation, momentum and initializer.
        name: Prefix of the layers' names, e.g. "stage2_block1".

    Reference:
        Going Deeper with Convolutions, arXiv:1409.4842, figure 2.
    """
    outputs = [
        run_steps(x, steps, style, f"{name}_branch{i}") for i, steps in enumerate(branches, 1)
    ]
    if len(outputs) == 1:
        return outputs[0]
    return keras.layers.Concatenate(name=f"{name}_concat")(outputs)
