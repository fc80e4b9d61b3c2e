"""Layers that round activations as int8 does, and hold their ranges."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_cv_course.quantization import scale_bounds, tfmot
from keras_cv_course.quantization.grid import Kernel, grid, nearest
from keras_cv_course.quantization.integer_kernels import kernel_behind, readers_with_bounds

# What rounding does in training.
INSIDE = "inside"
# A sigmoid of 0.999 is 255/256 because int8 has nothing above, not because it must not be learned;
# and the scores that a model is surest of must be moved when they are wrong.
THROUGH = "through"
# A loss takes the logarithm of probabilities: one that is rounded to 0 has no gradient.
AS_IS = "as_is"


@keras.saving.register_keras_serializable(package="keras_cv_course")
class FakeQuantize(keras.layers.Layer):
    """Rounds a tensor to the 256 values that int8 has in a range; gradients pass inside of it.

    The range follows the data in training: it starts as that of the first batch, and is a moving
    average from then on. Tensors that an integer kernel needs in one range (those that are
    concatenated) share a layer. Each is a site with extremes of its own, and the range is their
    union.

    Args:
        sites: How many different tensors share the range.
        fixed_range: Smallest and largest value where the integer kernel prescribes them, e.g. of a
            sigmoid; the layer has no weights then.
        frozen: Whether the range is constant in training.
        exact: Whether inference computes what the int8 kernel before the rounding does, to the
            bit, see `integer_kernels`; else it rounds as training does.
        **kwargs: As in `keras.layers.Layer`.

    Reference:
        Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference, arXiv:1712.05877, section 3.
    """

    keeps_values = True  # as far as a model's spec is concerned

    def __init__(
        self,
        sites: int = 1,
        fixed_range: Sequence[float] | None = None,
        frozen: bool = False,
        exact: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.exact = exact
        self.sites = sites
        self.fixed_range = None if fixed_range is None else tuple(map(float, fixed_range))
        self.frozen = frozen
        self.observing = False
        self._low: list[keras.Variable] = []
        self._high: list[keras.Variable] = []

    def build(self, input_shape: Any) -> None:
        """Creates the extremes of each site, 0 until data is seen."""
        if self.fixed_range is not None:
            return
        for name, variables in (("low", self._low), ("high", self._high)):
            for site in range(self.sites):
                variable = self.add_weight(
                    name=f"{name}_{site}",
                    shape=(),
                    initializer="zeros",
                    trainable=False,
                    aggregation="mean",
                )
                variables.append(variable)

    def call(
        self,
        inputs: Any,
        site: int | None = 0,
        operands: Sequence[Any] = (),
        in_training: str = INSIDE,
        training: bool | None = None,
    ) -> Any:
        """Returns the rounded inputs.

        Args:
            inputs: float32 tensor of any shape.
            site: Which of the sites the tensor is; None leaves the range alone.
            operands: What the arithmetic reads that makes the inputs, if it needs to know.
            in_training: What training does: "inside" rounds and lets gradients pass inside of the
                range, "through" rounds and lets them all pass, "as_is" does not round.
            training: Whether the range follows the inputs.
        """
        if self.fixed_range is None and site is not None:
            if self.observing:
                self._follow(inputs, site, tfmot.of_calibration())
            elif training and not self.frozen:
                self._follow(inputs, site, tfmot.of_activations())
        if self.observing or (training and in_training == AS_IS):
            return inputs
        low, high = self._extremes() if training else self.range()
        rounded = tfmot.of_activations()(inputs, False, {"min_var": low, "max_var": high})
        if training and in_training == THROUGH:
            return inputs + ops.stop_gradient(rounded - inputs)
        if not self.exact or training:
            return rounded
        exact = self._kernel(site)(inputs, operands, grid(low, high))
        return rounded + ops.stop_gradient(exact - rounded)

    def range(self) -> tuple[Any, Any]:
        """Returns the smallest and the largest value of the file's, scalar tensors.

        Both are 0 before any data. A range that is too small for what reads it is widened, see
        `scale_bounds`.
        """
        return self._range_for_readers({})

    def _range_for_readers(self, known: dict[int, tuple[Any, Any]]) -> tuple[Any, Any]:
        if id(self) in known:
            return known[id(self)]
        low, high = self._extremes()
        if self.fixed_range is None:
            low, high = scale_bounds.measurable(low, high)
            for reader, least_input in readers_with_bounds(self):
                first, last = (0.0, 0.0) if reader is None else reader._range_for_readers(known)
                low, high = scale_bounds.widened(low, high, least_input(last - first))
        known[id(self)] = low, high
        return low, high

    def _extremes(self) -> tuple[Any, Any]:
        if self.fixed_range is not None:
            low, high = self.fixed_range
            return ops.convert_to_tensor(low), ops.convert_to_tensor(high)
        if self.sites == 1:
            return self._low[0].value, self._high[0].value
        lows, highs = ([v.value for v in extremes] for extremes in (self._low, self._high))
        return ops.min(ops.stack(lows)), ops.max(ops.stack(highs))

    def forget(self) -> None:
        """Sets the range back to what it is before any data."""
        for variable in (*self._low, *self._high):
            variable.assign(ops.zeros(()))

    def is_unset(self) -> bool:
        """Whether the range has seen no data, or only zeros."""
        low, high = self._extremes()
        return bool(low == high)

    def take_zeros(self) -> None:
        """Gives a range to a tensor that is 0 for all data."""
        for variable, limit in ((self._low[0], 0), (self._high[0], 1)):
            variable.assign(scale_bounds.OF_ZEROS[limit])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        names = ("sites", "fixed_range", "frozen", "exact")
        return super().get_config() | {name: getattr(self, name) for name in names}

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> keras.KerasTensor:
        """Returns a tensor like the inputs."""
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def _kernel(self, site: int | None) -> Kernel:
        """Returns what makes the tensor of a site in the int8 file."""
        for node in self._inbound_nodes:
            arguments = node.arguments
            if arguments.kwargs.get("site", 0) == site:
                operands = arguments.kwargs.get("operands", ())
                return kernel_behind(arguments.args[0], operands, FakeQuantize)
        return nearest

    def _follow(self, inputs: Any, site: int, quantizer: Any) -> None:
        """Moves the range of a site as a quantizer does that sees the inputs."""
        low, high = self._low[site], self._high[site]
        batch = ops.stack([ops.min(inputs), ops.max(inputs)])
        # A range without data takes the batch's: an average would need 1000 steps to get there.
        unset = ops.equal(low, high)
        low.assign(ops.where(unset, ops.minimum(batch[0], 0.0), low))
        high.assign(ops.where(unset, ops.maximum(batch[1], 0.0), high))
        # Of the inputs, a quantizer needs no more than the extremes; to read them once is faster.
        quantizer(batch, True, {"min_var": low.value, "max_var": high.value})
