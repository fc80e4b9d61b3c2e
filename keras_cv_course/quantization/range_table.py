"""Which layer of a quantization-aware model has which range, as a table."""

import io
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from keras_cv_course.quantization.calibration import rounding_layers
from keras_cv_course.quantization.fake_quantization import FakeQuantize
from keras_cv_course.quantization.keep_float import KeepFloat
from keras_cv_course.quantization.kernels import largest_weights

_LEVELS = 255
_WIDTH = 100


@dataclass(frozen=True)
class LayerRange:
    """Range of one layer's weights or of the tensors that one layer rounds.

    Attributes:
        layer: Name of the layer.
        kind: "kernel", "activation", "prescribed" (by the int8 kernel) or "float" (kept so).
        low: Smallest value; None for "float", and 0 with `high` 0 where no data was seen.
        high: Largest value.
        step: Distance of two neighbouring values; of a kernel with a range for each channel, the
            largest one.
        count: How many tensors share the range; for a kernel, how many ranges it has.
    """

    layer: str
    kind: str
    low: float | None
    high: float | None
    step: float | None
    count: int


@dataclass(frozen=True)
class RangeSummary:
    """What `summary` found; prints as a table.

    Attributes:
        name: Name of the model.
        rows: One for each range, in the order of the layers.
    """

    name: str
    rows: tuple[LayerRange, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the rows as JSON can hold them."""
        return asdict(self)

    def __str__(self) -> str:
        table = Table(title=f"{self.name}: {len(self.rows)} ranges")
        for column in ("layer", "kind", "from", "to", "step", "count"):
            table.add_column(column, justify="left" if column in ("layer", "kind") else "right")
        for row in self.rows:
            limits = ("" if x is None else f"{x:.4g}" for x in (row.low, row.high, row.step))
            table.add_row(row.layer, row.kind, *limits, str(row.count))
        file = io.StringIO()
        Console(file=file, width=_WIDTH, highlight=False).print(table)
        return file.getvalue().rstrip("\n")


def summary(model: keras.Model) -> RangeSummary:
    """Returns which layer has which range.

    Args:
        model: What `quantize_aware` has returned.

    Raises:
        ValueError: If the model is not quantization-aware.

    Example:
        >>> print(summary(aware))
    """
    rounding_layers(model)
    rows = (_row(layer) for layer in model.layers)
    return RangeSummary(model.name, tuple(row for row in rows if row is not None))


def _row(layer: keras.Layer) -> LayerRange | None:
    if isinstance(layer, FakeQuantize):
        low, high = (float(limit) for limit in layer.range())
        kind = "activation" if layer.fixed_range is None else "prescribed"
        return LayerRange(layer.name, kind, low, high, (high - low) / _LEVELS, layer.sites)
    if isinstance(layer, KeepFloat):
        return LayerRange(layer.name, "float", None, None, None, 1)
    largest = largest_weights(layer)
    if largest is None:
        return None
    high, count = float(np.max(largest)), int(np.size(largest))
    return LayerRange(layer.name, "kernel", -high, high, 2 * high / (_LEVELS - 1), count)
