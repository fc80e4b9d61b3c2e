"""The block of FractalNet: columns of convolutions that are joined where they end together."""

from dataclasses import dataclass

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.layers.fractal_join import FractalJoin


@dataclass(frozen=True)
class Fractal:
    """What all blocks of a FractalNet have in common.

    Attributes:
        columns: Number of columns; the deepest has `2 ** (columns - 1)` convolutions a block.
        drop_path_rate: Probability with which training drops an input of a join.
        global_share: Share of the images for which training draws one column for all joins.
    """

    columns: int
    drop_path_rate: float = 0.15
    global_share: float = 0.5


def fractal_block(
    x: KerasTensor, filters: int, fractal: Fractal, style: ConvStyle, name: str
) -> KerasTensor:
    """Returns the join of all columns of convolutions of `x`.

    Column 0 has a convolution in every row, each further one in every other row of the one before.
    Columns whose convolutions end in one row are joined there, and go on from the result, which is
    the paper's expansion rule written row by row. Layers are `{name}_row1_column0_conv`, …,
    `{name}_row2_join`.

    Args:
        x: float tensor (batch, height, width, channels).
        filters: Channels of every convolution.
        fractal: Number of columns, and what is dropped.
        style: Activation, momentum, epsilon and initializer.
        name: Prefix of the layers' names.

    Reference:
        FractalNet: Ultra-Deep Neural Networks without Residuals, arXiv:1605.07648, equation 2 and
        figure 1.
    """
    starts = [x] * fractal.columns
    for row in range(1, 2 ** (fractal.columns - 1) + 1):
        ending = [c for c in range(fractal.columns) if row % 2**c == 0]
        place = f"{name}_row{row}"
        ends = [
            conv_bn_activation(starts[c], filters, 3, style, f"{place}_column{c}") for c in ending
        ]
        joined = ends[0] if len(ends) == 1 else _join(ends, ending, fractal, f"{place}_join")
        for c in ending:
            starts[c] = joined
    return starts[0]


def _join(ends: list[KerasTensor], columns: list[int], fractal: Fractal, name: str) -> KerasTensor:
    if fractal.drop_path_rate == 0:
        return keras.layers.Average(name=name)(ends)
    join = FractalJoin(
        columns, fractal.columns, fractal.drop_path_rate, fractal.global_share, name=name
    )
    return join(ends)
