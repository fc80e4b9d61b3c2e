"""What all builders share: checked arguments, the input, the classifier and the finished model."""

import os
from dataclasses import dataclass
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_choice, check_rate, check_whole
from keras_cv_course.backbones._weights import ImageNet, load_weights
from keras_cv_course.blocks.convolution import activate
from keras_cv_course.names import IMAGE, LOGITS, PREDICTIONS

MIN_SIZE_PX = 32


@dataclass(frozen=True)
class BuildOptions:
    """Arguments that every builder takes, checked.

    Attributes:
        size_px: Height and width where `input_shape` is None, the size the paper trains at.
        input_shape: (height, width, channels), None where a size is free, or None as a whole.
        include_top: Whether the classifier is built.
        weights: None, "imagenet" or a path.
        input_tensor: Keras tensor (batch, height, width, channels) to build on, or None.
        pooling: None, "avg" or "max", for a network without its classifier.
        classes: Size of the classifier.
        classifier_activation: Activation of the classifier, None for logits.
        name: Name of the model.
    """

    size_px: int
    input_shape: tuple[int | None, ...] | None
    include_top: bool
    weights: str | os.PathLike[str] | None
    input_tensor: KerasTensor | None
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str

    def __post_init__(self) -> None:
        if keras.config.image_data_format() != "channels_last":
            raise ValueError(
                "The builders take pictures as (height, width, channels), but Keras is set to "
                "'channels_first'. Call `keras.config.set_image_data_format('channels_last')`."
            )
        check_choice("pooling", self.pooling, (None, "avg", "max"))
        _check_classifier(self)


@dataclass(frozen=True)
class Head:
    """The classifier after the last feature map.

    Attributes:
        dropout_rate: Share of the pooled features that training sets to zero.
        convolutional: Whether the classifier is a 1x1 convolution of the pooled map, as in
            MobileNet and MobileNetV3, or a dense layer.
        hidden_filters: Size of a layer before the classifier, 0 for none.
        hidden_activation: Name of that layer's activation.
        kernel_initializer: As `keras.initializers.get` takes it.
    """

    dropout_rate: float
    convolutional: bool
    hidden_filters: int = 0
    hidden_activation: str = "relu"
    kernel_initializer: Any = "glorot_uniform"

    def __post_init__(self) -> None:
        check_rate("dropout_rate", self.dropout_rate)


def _check_classifier(options: BuildOptions) -> None:
    check_whole("classes", options.classes)
    if options.include_top:
        if options.pooling is not None:
            raise ValueError(
                "`pooling` is for a network without its classifier. Received: "
                f"pooling={options.pooling!r} with include_top=True. Leave it out, or set "
                "`include_top=False`."
            )
        return
    if options.classes != 1000 or options.classifier_activation not in ("softmax", None):
        raise ValueError(
            "`classes` and `classifier_activation` describe the classifier. Received: "
            f"classes={options.classes}, classifier_activation={options.classifier_activation!r} "
            "with include_top=False. Leave them out, or set `include_top=True`."
        )


def _check_shape(argument: str, shape: tuple[int | None, ...]) -> None:
    whole = all(
        size is None or (isinstance(size, int) and not isinstance(size, bool)) for size in shape
    )
    if len(shape) != 3 or not whole or shape[-1] is None or shape[-1] < 1:
        raise ValueError(
            f"`{argument}` must be (height, width, channels) in whole numbers; height and width "
            f"may be None. Received: {shape}. For example (224, 224, 3)."
        )
    if any(size is not None and size < MIN_SIZE_PX for size in shape[:2]):
        nearest = tuple(size and max(size, MIN_SIZE_PX) for size in shape[:2])
        raise ValueError(
            f"`{argument}` height and width must be at least {MIN_SIZE_PX}. Received: {shape}. "
            f"Nearest: {(*nearest, shape[-1])}."
        )


def make_input(options: BuildOptions) -> KerasTensor:
    """Returns the tensor (batch, height, width, channels) that the network is built on.

    It is `options.input_tensor`, or an input layer named "image": of the size the paper trains
    at, or of free size for a network without its classifier.

    Raises:
        ValueError: If the shape is unfit, or contradicts that of `input_tensor`.
        TypeError: If `input_tensor` is not a Keras tensor.
    """
    shape, tensor = options.input_shape, options.input_tensor
    if shape is not None:
        shape = tuple(shape)
        _check_shape("input_shape", shape)
    if tensor is None:
        size_px = options.size_px if options.include_top else None
        return keras.Input(shape or (size_px, size_px, 3), name=IMAGE)
    if not isinstance(tensor, KerasTensor):
        raise TypeError(
            "`input_tensor` must be a Keras tensor, like what `keras.Input` returns. "
            f"Received: {type(tensor).__name__}."
        )
    known = tuple(tensor.shape[1:])
    _check_shape("input_tensor", known)
    if shape is not None and any(
        asked is not None and asked != size for asked, size in zip(shape, known, strict=True)
    ):
        raise ValueError(
            "`input_shape` must be that of `input_tensor`. Received: "
            f"input_shape={shape} and an `input_tensor` of {known}. Leave `input_shape` out."
        )
    return tensor


def _classify(x: KerasTensor, options: BuildOptions, head: Head) -> KerasTensor:
    pool = keras.layers.GlobalAveragePooling2D(keepdims=head.convolutional, name="top_pool")
    x = pool(x)
    if head.hidden_filters:
        x = keras.layers.Conv2D(
            head.hidden_filters,
            1,
            kernel_initializer=head.kernel_initializer,
            name="top_hidden_conv",
        )(x)
        x = activate(x, head.hidden_activation, "top_hidden_activation")
    if head.dropout_rate > 0:
        x = keras.layers.Dropout(head.dropout_rate, name="top_dropout")(x)
    shared = {"kernel_initializer": head.kernel_initializer, "name": LOGITS}
    if head.convolutional:
        x = keras.layers.Conv2D(options.classes, 1, **shared)(x)
        x = keras.layers.Reshape((options.classes,), name=f"{LOGITS}_flat")(x)
    else:
        x = keras.layers.Dense(options.classes, **shared)(x)
    if options.classifier_activation is None:
        return x
    return keras.layers.Activation(options.classifier_activation, name=PREDICTIONS)(x)


def finish(
    x: KerasTensor, image: KerasTensor, options: BuildOptions, head: Head, imagenet: ImageNet
) -> keras.Model:
    """Returns the model from `image` to the classifier of the last feature map `x`, weights loaded.

    Without its classifier the model gives `x` (batch, height, width, channels), or with `pooling`
    its mean or largest values (batch, channels).

    Args:
        x: Last feature map.
        image: What `make_input` gave.
        options: The builder's arguments.
        head: The family's classifier.
        imagenet: Where the family's ImageNet weights come from.

    Raises:
        ValueError: If the weights do not fit.
        OSError: If they cannot be read or downloaded.
    """
    if options.include_top:
        x = _classify(x, options, head)
    elif options.pooling == "avg":
        x = keras.layers.GlobalAveragePooling2D(name="top_pool")(x)
    elif options.pooling == "max":
        x = keras.layers.GlobalMaxPooling2D(name="top_pool")(x)
    sources = keras.utils.get_source_inputs(image)
    inputs = sources[0] if len(sources) == 1 else sources
    model = keras.Model(inputs, x, name=options.name)
    if options.weights is not None:
        load_weights(model, options.weights, imagenet)
    return model
