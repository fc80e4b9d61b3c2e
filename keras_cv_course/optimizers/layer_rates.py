"""Keras' optimizers with a learning rate for each layer."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_cv_course._validation import check_positive


class _LayerRates:
    """What the optimizers below add to those of Keras: `rates`, looked up when they are built.

    The rate itself is multiplied, and not the gradient, whose size Adam does not heed. Decoupled
    weight decay stays at the optimizer's rate.
    """

    def __init__(self, rates: Mapping[str, float], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for rate in rates.values():
            check_positive("rates", rate)
        self.rates = dict(rates)
        self.multipliers: list[float] = []

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the optimizer's variables, and finds each variable's layer by its path."""
        super().build(variables)  # type: ignore[misc]
        self.multipliers = [self._rate(variable.path) for variable in variables]

    def _rate(self, path: str) -> float:
        return next((self.rates[name] for name in path.split("/") if name in self.rates), 1.0)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        multiplier = self.multipliers[self._get_variable_index(variable)]  # type: ignore[attr-defined]
        super().update_step(gradient, variable, learning_rate * multiplier)  # type: ignore[misc]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the optimizer again."""
        return super().get_config() | {"rates": dict(self.rates)}  # type: ignore[misc]


@keras.saving.register_keras_serializable(package="keras_cv_course")
class LayerRateSGD(_LayerRates, keras.optimizers.SGD):
    """`keras.optimizers.SGD`, with a learning rate for each layer.

    Args:
        rates: What the rate is multiplied by, by the name of the layer; 1 for all others.
        *args: As in Keras.
        **kwargs: As in Keras.

    Raises:
        ValueError: If one of `rates` is not above 0.
    """


@keras.saving.register_keras_serializable(package="keras_cv_course")
class LayerRateAdam(_LayerRates, keras.optimizers.Adam):
    """`keras.optimizers.Adam`, with a learning rate for each layer; see `LayerRateSGD`."""


@keras.saving.register_keras_serializable(package="keras_cv_course")
class LayerRateAdamW(_LayerRates, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW`, with a learning rate for each layer; see `LayerRateSGD`."""
