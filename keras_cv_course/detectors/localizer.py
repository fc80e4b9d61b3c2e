"""One object an image: what it is, where it is, and whether it is there."""

import keras

from keras_cv_course._validation import check_rate, check_whole, suggest_keywords
from keras_cv_course.detectors._build import named_backbone

_BOX = 4


@suggest_keywords
def Localizer(
    backbone: "str | keras.Model" = "mobilenet_v2",
    classes: int = 20,
    input_shape: tuple[int, int, int] = (224, 224, 3),
    objectness: bool = True,
    dropout_rate: float = 0.0,
    name: str | None = None,
) -> keras.Model:
    """Returns a network for images of one object: two dense layers on a backbone's vector.

    It gives a dict of float32 tensors:

    - "classes" `(batch, classes)`: logits, for the softmax;
    - "boxes" `(batch, 4)`: (x, y, width, height) of the upper left corner and the size, in parts
      of the image's width and height, for a squared error;
    - "objectness" `(batch, 1)`: logit of there being an object at all, if requested.

    The loss is the sum of theirs; where there is no object, weigh "classes" and "boxes" with 0.

    Args:
        backbone: A classifier's name in the registry, or a model that gives a vector (batch,
            channels) or a feature map, of which the mean is taken.
        classes: Number of classes.
        input_shape: (height, width, channels), for a name.
        objectness: Whether the object may be absent.
        dropout_rate: Share of the vector that training sets to zero, in [0, 1).
        name: Name of the model; "localizer" when None.

    Raises:
        ValueError: If an argument is out of range, or the backbone gives no vector and no map.

    Example:
        >>> model = Localizer(MobileNetV2((96, 96, 3), include_top=False), classes=3)
        >>> model.compile("adam", {
        ...     "boxes": "mse", "objectness": keras.losses.BinaryCrossentropy(from_logits=True),
        ...     "classes": keras.losses.SparseCategoricalCrossentropy(from_logits=True)})

    Reference:
        CS231n, lecture "Detection and Segmentation": classification and localization as two heads
        on one vector.
    """
    check_whole("classes", classes)
    check_rate("dropout_rate", dropout_rate)
    if isinstance(backbone, str):
        backbone = named_backbone(backbone, input_shape=input_shape)
    x = backbone.output
    if len(backbone.outputs) != 1 or len(x.shape) not in (2, 4):
        raise ValueError(
            "`backbone` must give one vector (batch, channels) or feature map (batch, rows, "
            f"columns, channels). Received: {backbone.name!r} with the outputs "
            f"{[tuple(y.shape) for y in backbone.outputs]}."
        )
    if len(x.shape) == 4:
        x = keras.layers.GlobalAveragePooling2D(name="localizer_pool")(x)
    if dropout_rate > 0:
        x = keras.layers.Dropout(dropout_rate, name="localizer_dropout")(x)
    outputs = {
        "boxes": keras.layers.Dense(_BOX, name="boxes")(x),
        "classes": keras.layers.Dense(classes, name="classes")(x),
    }
    if objectness:
        outputs["objectness"] = keras.layers.Dense(1, name="objectness")(x)
    return keras.Model(backbone.input, outputs, name=name or "localizer")
