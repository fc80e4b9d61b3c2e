"""A backbone of four convolutions, with the names by which feature maps are found."""

import keras


def tiny_backbone(size=32, pooling=None):
    """Returns a network (batch, size, size, 3) -> (batch, size / 16, size / 16, 16)."""
    x = image = keras.Input((size, size, 3), name="image")
    for name, filters in (("stem", 8), *((f"stage{i}_block1", 16) for i in (1, 2, 3))):
        x = keras.layers.Conv2D(filters, 3, 2, "same", activation="relu", name=f"{name}_conv")(x)
    if pooling:
        x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, x, name="tiny")
