"""From predictions on feature maps to one list over all anchors."""

from collections.abc import Mapping

import keras
from keras import KerasTensor


def over_anchors(maps: Mapping[str, KerasTensor], values: int, name: str) -> KerasTensor:
    """Returns the predictions of all maps, (batch, anchors, values): map, row, column, anchor.

    Args:
        maps: By level, (batch, rows, columns, anchors of a cell * values), of known sizes.
        values: Numbers that each anchor has.
        name: Prefix of the layers' names.

    Raises:
        ValueError: If the size of a map is not known.
    """
    lists = []
    for level, x in maps.items():
        if None in x.shape[1:]:
            raise ValueError(
                "A detector must have an input of fixed size, since its anchors depend on it. "
                f"Received: map {level!r} of shape {tuple(x.shape)}. Build the backbone with "
                "input_shape=(height, width, channels)."
            )
        rows, columns, channels = x.shape[1:]  # (batch, rows, columns, anchors * values)
        count = rows * columns * (channels // values)
        lists.append(keras.layers.Reshape((count, values), name=f"{name}_{level}_list")(x))
    if len(lists) == 1:
        return lists[0]
    return keras.layers.Concatenate(axis=1, name=f"{name}_lists")(lists)
