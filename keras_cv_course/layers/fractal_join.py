"""The mean of several paths, of which training drops some."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_cv_course")
class FractalJoin(keras.layers.Layer):
    """Mean of tensors of one shape, which are the ends of columns of a fractal block.

    In training, an image in its turn takes part in one of two kinds of drop-path. Local: each
    input is dropped with a probability, but at least one is kept, and the mean is that of the
    others. Global: one column is drawn for the whole network, and its input is the result; where it
    does not end here, the mean of all is. Joins of one network that have one `seed` draw the same
    column, as long as they are called equally often. In inference the result is the mean of all.

    Inputs: a list of float tensors (batch, height, width, channels). Output: one such tensor.

    Args:
        columns: Numbers of the columns that end here, one for each input, from 0.
        column_count: Number of columns of the network.
        drop_rate: Probability of dropping an input, in [0, 1); 0 drops none, globally neither.
        global_share: Share of the images that are sampled globally, in [0, 1].
        seed: Of the columns that are drawn.
        **kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        FractalNet: Ultra-Deep Neural Networks without Residuals, arXiv:1605.07648, section 3.
    """

    def __init__(
        self,
        columns: Sequence[int],
        column_count: int,
        drop_rate: float = 0.15,
        global_share: float = 0.5,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        columns = tuple(columns)
        if not columns or not set(columns) <= set(range(column_count)):
            raise ValueError(
                f"`columns` must be numbers below `column_count`. Received: columns={columns}, "
                f"column_count={column_count}."
            )
        if not (0 <= drop_rate < 1 and 0 <= global_share <= 1):
            raise ValueError(
                "`drop_rate` must be in [0, 1) and `global_share` in [0, 1]. Received: "
                f"drop_rate={drop_rate}, global_share={global_share}."
            )
        self.columns = columns
        self.column_count = column_count
        self.drop_rate = drop_rate
        self.global_share = global_share
        self.seed = seed
        self.global_seeds = keras.random.SeedGenerator(seed)
        self.local_seeds = keras.random.SeedGenerator()

    def call(self, inputs: list[Any], training: bool | None = None) -> Any:
        """Returns the mean of the inputs, or of those that are kept."""
        if not training or self.drop_rate == 0:
            return _sum(inputs) * (1 / len(inputs))
        batch = ops.shape(inputs[0])[0]
        kept = ops.where(self._is_global(batch), self._of_a_column(batch), self._of_each(batch))
        shares = ops.cast(kept / ops.sum(kept, axis=1, keepdims=True), self.compute_dtype)
        # (batch, 1, 1, 1) for each input
        return _sum([x * shares[:, i, None, None, None] for i, x in enumerate(inputs)])

    def _is_global(self, batch: Any) -> Any:
        draw = keras.random.uniform((batch, 1), seed=self.global_seeds)
        return draw < self.global_share

    def _of_a_column(self, batch: Any) -> Any:
        """Returns 1 for the input of the drawn column, or for all if it does not end here."""
        drawn = keras.random.randint((batch, 1), 0, self.column_count, seed=self.global_seeds)
        chosen = ops.cast(drawn == ops.convert_to_tensor([self.columns], drawn.dtype), "float32")
        return ops.where(ops.any(chosen > 0, axis=1, keepdims=True), chosen, ops.ones_like(chosen))

    def _of_each(self, batch: Any) -> Any:
        """Returns 1 for each input that is kept: by its own draw, or if all others are dropped."""
        draws = keras.random.uniform((batch, len(self.columns)), seed=self.local_seeds)
        largest = draws == ops.max(draws, axis=1, keepdims=True)
        return ops.cast(ops.logical_or(draws >= self.drop_rate, largest), "float32")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the first input."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {
            "columns": self.columns,
            "column_count": self.column_count,
            "drop_rate": self.drop_rate,
            "global_share": self.global_share,
            "seed": self.seed,
        }


def _sum(tensors: list[Any]) -> Any:
    total = tensors[0]
    for x in tensors[1:]:
        total = total + x
    return total
