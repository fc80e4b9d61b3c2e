"""From an image to the vector that identifies the face in it."""

import keras
from keras import KerasTensor, layers

from keras_cv_course._validation import check_rate, check_whole
from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.names import SPEC, parse
from keras_cv_course.networks.feature_maps import feature_maps
from keras_cv_course.ops.normalization import l2_normalize
from keras_cv_course.specs.model_spec import ModelSpec


def SiameseEncoder(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    embedding_dim: int = 48,
    name: str = "siamese_encoder",
) -> keras.Model:
    """Returns a small network from images to vectors `(batch, embedding_dim)`, of any length.

    19,888 parameters for grey images of 28 x 28; made for handwritten characters, in [0, 1].

    Args:
        input_shape: (height, width, channels), height and width at least 4.
        embedding_dim: Size of the vectors.
        name: Name of the model.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> SiameseEncoder().count_params()
        19888
    """
    check_whole("embedding_dim", embedding_dim)
    if len(input_shape) != 3 or any(size is None or size < 4 for size in input_shape[:2]):
        raise ValueError(
            "`input_shape` must be (height, width, channels), height and width at least 4, which "
            f"two poolings halve. Received: {input_shape}."
        )
    image = keras.Input(input_shape, name="image")
    x = SpecCarrier(ModelSpec(input_range=(0.0, 1.0)), name=SPEC)(image)
    for block in (1, 2):
        x = layers.Conv2D(64, 2, padding="same", activation="relu", name=f"block{block}_conv")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        x = layers.Dropout(0.3, name=f"block{block}_dropout")(x)
    x = layers.GlobalAveragePooling2D(name="top_pool")(x)
    x = layers.Dense(embedding_dim, name="embedding")(x)
    return keras.Model(image, x, name=name)


def FaceEncoder(
    backbone: keras.Model,
    embedding_dim: int = 128,
    dropout_rate: float = 0.0,
    grid: int | None = None,
    name: str = "face_encoder",
) -> keras.Model:
    """Returns a network from images to vectors of length 1, `(batch, embedding_dim)`.

    What the backbone gives is pooled and projected by a dense layer; the projections of several
    feature maps are added up, each so with an int8 range of its own. The cosine of two vectors,
    their product, is how alike two faces are. `fit_projection` sets the dense layers from images
    of people, without gradients.

    Args:
        backbone: Network without its classifier, whose output is a feature map, a pooled vector,
            or a dict of feature maps as of `feature_maps`. It is part of the result, not copied.
            The result takes the images that it takes.
        embedding_dim: Size of the vectors.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        grid: None pools each feature map as a whole, which forgets where in the face something
            is. A number averages it to a map with this many rows and columns, at most as many as it
            has, which suits faces that are at the same place in their images.
        name: Name of the model.

    Raises:
        TypeError: If `backbone` is not a Keras model.
        ValueError: If the backbone's output is not as above, or another argument is out of its
            range.

    Example:
        >>> backbone = MobileNetV2((160, 160, 3), include_top=False, weights="imagenet")
        >>> encoder = FaceEncoder(face_maps(backbone), grid=5)
        >>> encoder.predict(images).shape
        (8, 128)
    """
    if not isinstance(backbone, keras.Model):
        raise TypeError(f"`backbone` must be a keras.Model. Received: {type(backbone).__name__}.")
    check_whole("embedding_dim", embedding_dim)
    check_rate("dropout_rate", dropout_rate)
    maps = backbone.output if isinstance(backbone.output, dict) else {"": backbone.output}
    parts: list[KerasTensor] = []
    for level, x in maps.items():
        prefix = f"{level.lower()}_" if level else ""
        x = _pool(x, grid, prefix)
        if dropout_rate > 0:
            x = layers.Dropout(dropout_rate, name=f"{prefix}dropout")(x)
        # One bias is enough for the sum.
        projection = layers.Dense(embedding_dim, use_bias=not parts, name=f"{prefix}projection")
        parts.append(projection(x))
    x = layers.Add(name="projections")(parts) if len(parts) > 1 else parts[0]
    x = layers.Activation(l2_normalize, name="embedding")(x)
    return keras.Model(backbone.input, x, name=name)


def face_maps(backbone: keras.Model) -> keras.Model:
    """Returns a network's feature maps that separate faces best where few people are known.

    They are "P3", "P4" and "expanded", the widened map inside the block that follows P4. What comes
    behind is about the things of ImageNet; before, about edges. Figures are in
    `benchmarks/faces.md`.

    Args:
        backbone: Network of this package with inverted residuals: MobileNetV2, MobileNetV3,
            EfficientNet or EfficientNet-Lite.

    Raises:
        ValueError: If it is not one of these.

    Example:
        >>> encoder = FaceEncoder(face_maps(MobileNetV2((160, 160, 3), include_top=False)), grid=5)
    """
    maps = feature_maps(backbone, ("P3", "P4"))
    behind = False
    for layer in backbone.layers:
        place = parse(layer.name)
        if behind and place is not None and place.part == "expand_activation":
            outputs = {**maps.output, "expanded": layer.output}
            return keras.Model(backbone.input, outputs, name=f"{backbone.name}_face_maps")
        behind = behind or layer.output is maps.output["P4"]
    raise ValueError(
        "`backbone` must be a network of inverted residuals, like MobileNetV2. Received: "
        f"{backbone.name!r}. Give FaceEncoder the maps of `feature_maps`."
    )


def _pool(x: KerasTensor, grid: int | None, prefix: str) -> KerasTensor:
    """Returns a feature map as a vector."""
    if len(x.shape) == 2 and grid is None:
        return x
    if len(x.shape) != 4:
        raise ValueError(
            "`backbone` must give feature maps (batch, height, width, channels), or without `grid` "
            f"a vector (batch, n). Received: an output of shape {tuple(x.shape)}."
        )
    if grid is None:
        return layers.GlobalAveragePooling2D(name=f"{prefix}pool")(x)
    sizes = x.shape[1:3]
    if isinstance(grid, bool) or grid < 1 or None in sizes or any(size % grid for size in sizes):
        raise ValueError(
            "`grid` must divide height and width of each feature map. Received: "
            f"{grid!r} for a map of {sizes}. Choose another grid, or another `input_shape` of the "
            "backbone."
        )
    if tuple(sizes) != (grid, grid):
        window = (sizes[0] // grid, sizes[1] // grid)
        x = layers.AveragePooling2D(window, name=f"{prefix}grid")(x)
    return layers.Flatten(name=f"{prefix}flat")(x)
