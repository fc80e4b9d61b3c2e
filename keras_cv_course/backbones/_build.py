"""What all builders share: the input, the classifier and the finished model."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import MOST_SIZE_PX, check_rate
from keras_cv_course.backbones._options import BuildOptions
from keras_cv_course.backbones._weights import ImageNet, load_weights
from keras_cv_course.blocks.convolution import activate
from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.names import IMAGE, LOGITS, PREDICTIONS, SPEC
from keras_cv_course.specs.model_spec import ModelSpec


@dataclass(frozen=True)
class Head:
    """The classifier after the last feature map; its kind is a trait of the family.

    Attributes:
        dropout_rate: Share of the values before the last layer, and between hidden ones, that
            training sets to zero.
        hidden_filters: Sizes of the layers before the last.
        hidden_activation: Name of their activation.
        kernel_initializer: As `keras.initializers.get` takes it.
    """

    dropout_rate: float
    hidden_filters: tuple[int, ...] = ()
    hidden_activation: str = "relu"
    kernel_initializer: Any = "glorot_uniform"

    def __post_init__(self) -> None:
        check_rate("dropout_rate", self.dropout_rate)


def _check_shape(argument: str, shape: tuple[int | None, ...], options: BuildOptions) -> None:
    whole = all(
        size is None or (isinstance(size, int) and not isinstance(size, bool)) for size in shape
    )
    if len(shape) != 3 or not whole or shape[-1] is None or shape[-1] < 1:
        raise ValueError(
            f"`{argument}` must be (height, width, channels) in whole numbers; height and width "
            f"may be None. Received: {shape}. For example (224, 224, 3)."
        )
    if any(size is not None and size > MOST_SIZE_PX for size in shape[:2]):
        raise ValueError(
            f"`{argument}` height and width must be at most {MOST_SIZE_PX}. Received: {shape}."
        )
    smallest = options.traits.min_size_px
    if any(size is not None and size < smallest for size in shape[:2]):
        nearest = tuple(size and max(size, smallest) for size in shape[:2])
        raise ValueError(
            f"`{argument}` height and width must be at least {smallest}. Received: {shape}. "
            f"Nearest: {(*nearest, shape[-1])}."
        )
    if None in shape[:2] and not _takes_any_size(options):
        raise ValueError(
            f"`{argument}` height and width must be known, as the number of weights depends on "
            f"them. Received: {shape}. For example {(options.size_px, options.size_px, shape[-1])}."
        )


def _takes_any_size(options: BuildOptions) -> bool:
    flattened = options.include_top and options.traits.head == "flatten"
    return options.traits.any_size and not flattened


def make_input(options: BuildOptions) -> KerasTensor:
    """Returns the tensor (batch, height, width, channels) that the network is built on.

    It is `options.input_tensor`, or an input layer named "image": of the size the paper trains
    at, or of free size for a network without its classifier. A `SpecCarrier` behind it records
    which values the network takes.

    Args:
        options: The builder's arguments.

    Raises:
        ValueError: If the shape is unfit, or contradicts that of `input_tensor`.
        TypeError: If `input_tensor` is not a Keras tensor.
    """
    shape, tensor = options.input_shape, options.input_tensor
    if shape is not None:
        shape = tuple(shape)
        _check_shape("input_shape", shape, options)
    if tensor is None:
        free = options.traits.any_size and not options.include_top
        size_px = None if free else options.size_px
        return _carried(keras.Input(shape or (size_px, size_px, 3), name=IMAGE), options)
    if not isinstance(tensor, KerasTensor):
        raise TypeError(
            "`input_tensor` must be a Keras tensor, like what `keras.Input` returns. "
            f"Received: {type(tensor).__name__}."
        )
    known = tuple(tensor.shape[1:])
    _check_shape("input_tensor", known, options)
    if shape is not None and any(
        asked is not None and asked != size for asked, size in zip(shape, known, strict=True)
    ):
        raise ValueError(
            "`input_shape` must be that of `input_tensor`. Received: "
            f"input_shape={shape} and an `input_tensor` of {known}. Leave `input_shape` out."
        )
    return _carried(tensor, options)


def _carried(image: KerasTensor, options: BuildOptions) -> KerasTensor:
    return SpecCarrier(ModelSpec(input_range=options.input_range), name=SPEC)(image)


def _classify(x: KerasTensor, options: BuildOptions, head: Head) -> KerasTensor:
    convolutional = options.traits.head == "conv"
    if options.traits.head == "flatten":
        x = keras.layers.Flatten(name="top_flat")(x)
    else:
        x = keras.layers.GlobalAveragePooling2D(keepdims=convolutional, name="top_pool")(x)

    def linear(x: KerasTensor, size: int, name: str) -> KerasTensor:
        shared = {"kernel_initializer": head.kernel_initializer, "name": name}
        if convolutional:
            return keras.layers.Conv2D(size, 1, **shared)(x)
        return keras.layers.Dense(size, **shared)(x)

    def drop(x: KerasTensor, name: str) -> KerasTensor:
        rate = head.dropout_rate
        return keras.layers.Dropout(rate, name=name)(x) if rate > 0 else x

    for i, filters in enumerate(head.hidden_filters, 1):
        if i > 1:
            x = drop(x, f"top_dropout{i - 1}")
        hidden = f"top_hidden{i}" if len(head.hidden_filters) > 1 else "top_hidden"
        x = linear(x, filters, f"{hidden}_{'conv' if convolutional else 'dense'}")
        x = activate(x, head.hidden_activation, f"{hidden}_activation")
    x = linear(drop(x, "top_dropout"), options.classes, LOGITS)
    if convolutional:
        x = keras.layers.Reshape((options.classes,), name=f"{LOGITS}_flat")(x)
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
        load_weights(model, options.weights, imagenet, options.traits.classifier_layers)
    return model
