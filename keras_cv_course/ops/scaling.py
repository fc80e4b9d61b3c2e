"""How wide, deep and large a scaled network is; plain arithmetic on Python numbers."""

import math
from dataclasses import dataclass

from keras_cv_course._validation import MOST_FILTERS, MOST_REPEATS, check_positive


@dataclass(frozen=True)
class Scaling:
    """Factors by which a network grows.

    Attributes:
        depth: Factor of the number of blocks, what builders call `depth_coefficient`.
        width: Factor of the number of filters, what builders call `alpha`.
        resolution: Factor of the height and the width of the input.
    """

    depth: float
    width: float
    resolution: float

    def __post_init__(self) -> None:
        for argument in ("depth", "width", "resolution"):
            check_positive(argument, getattr(self, argument))

    @property
    def flops_factor(self) -> float:
        """Factor of the multiply-adds: linear in depth, square in width and resolution."""
        return self.depth * self.width**2 * self.resolution**2


def compound_scaling(
    phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15
) -> Scaling:
    """Returns the factors that grow depth, width and resolution in balance.

    Depth is `alpha**phi`, width `beta**phi`, resolution `gamma**phi`. The defaults are the
    constants that the paper found by a grid search at `phi=1`; they multiply the cost by 1.92,
    about 2, for each step of `phi`.

    Args:
        phi: Compound coefficient, how much to grow: 0 leaves the network as it is, below 0
            shrinks it.
        alpha: Depth's share, at least 1.
        beta: Width's share, at least 1.
        gamma: Resolution's share, at least 1.

    Raises:
        ValueError: If `alpha`, `beta` or `gamma` is below 1 or `phi` is not finite.

    Example:
        >>> scaling = compound_scaling(1)
        >>> scaling.depth, scaling.width, scaling.resolution
        (1.2, 1.1, 1.15)
        >>> round(scaling.flops_factor, 2)
        1.92

    Reference:
        EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks,
        arXiv:1905.11946, equation 3 and section 4. The published B1 to B7 follow a hand-rounded
        table and not integer values of `phi`.
    """
    if not math.isfinite(phi):
        raise ValueError(f"`phi` must be a finite number. Received: {phi!r}.")
    for argument, base in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if not 1 <= base < math.inf:
            raise ValueError(
                f"`{argument}` must be at least 1, so that cost grows with `phi`. "
                f"Received: {base!r}. To shrink a network give a negative `phi`."
            )
    return Scaling(depth=alpha**phi, width=beta**phi, resolution=gamma**phi)


def make_divisible(value: float, divisor: int = 8) -> int:
    """Returns the multiple of `divisor` nearest to `value`, but at least 0.9 of it.

    Args:
        value: Number of filters before rounding.
        divisor: What the result is a multiple of, and the smallest result; kernels are fastest
            at multiples of 8.

    Raises:
        ValueError: If `value` is far above what a network can have.

    Example:
        >>> make_divisible(33), make_divisible(12), make_divisible(11)
        (32, 16, 16)
    """
    if not value <= MOST_FILTERS:
        raise ValueError(
            f"A layer must have at most {MOST_FILTERS:,} filters. Received: {value:,.0f}. Choose "
            "smaller `alpha` or filters."
        )
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def round_filters(filters: int, width: float, divisor: int = 8) -> int:
    """Returns a number of filters scaled by `width` and made divisible by `divisor`.

    Example:
        >>> round_filters(32, 1.1), round_filters(40, 1.1)
        (32, 48)
    """
    return make_divisible(filters * width, divisor)


def round_repeats(repeats: int, depth: float) -> int:
    """Returns a number of blocks scaled by `depth` and rounded up.

    Raises:
        ValueError: If that is far above what a network can have.

    Example:
        >>> round_repeats(2, 1.0), round_repeats(2, 1.1)
        (2, 3)
    """
    repeated = math.ceil(repeats * depth)
    if repeated > MOST_REPEATS:
        raise ValueError(
            f"A stage must have at most {MOST_REPEATS:,} blocks. Received: {repeated:,}. Choose a "
            "smaller depth."
        )
    return repeated
