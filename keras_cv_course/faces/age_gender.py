"""Age and gender of a face by one small Xception."""

import os

import keras
from keras import KerasTensor, layers

from keras_cv_course._validation import suggest_keywords
from keras_cv_course.blocks.convolution import ConvStyle, activate, conv_activation
from keras_cv_course.faces.published_weights import fill, published_arrays
from keras_cv_course.faces.stored_layers import arrays_of_layers, centred_input, separable
from keras_cv_course.names import block_name

_SIZE_PX = 112
_STYLE = ConvStyle("relu")
_STEM_FILTERS = 32
_TOP_FILTERS = 512
# Filters and whether a block halves the size, and what face-api calls it.
_BLOCKS = {
    (1, 1): (64, True, "entry_flow/reduction_block_0"),
    (2, 1): (128, True, "entry_flow/reduction_block_1"),
    (2, 2): (128, False, "middle_flow/main_block_0"),
    (2, 3): (128, False, "middle_flow/main_block_1"),
    (3, 1): (256, True, "exit_flow/reduction_block"),
}


@suggest_keywords
def AgeGenderNetwork(
    weights: str | os.PathLike[str] | None = None, name: str = "age_gender"
) -> keras.Model:
    """Returns a network of age and gender, for a face (batch, 112, 112, 3), pixels of 0 to 255.

    It gives "age" (batch, 1) in years, and "gender" (batch, 2), probabilities of male and female.
    421,731 parameters. Both are guesses from looks: do not decide about anybody by them.

    Args:
        weights: None for random ones; "pretrained" for face-api's, which are fetched once; or the
            folder of these files. See `faces.published_weights` for their licence and terms.
        name: Name of the model.

    Raises:
        FileNotFoundError: If `weights` names no file.
        OSError: If the weights cannot be fetched.
        ValueError: If a file is not the published one.

    Example:
        >>> {name: y.shape for name, y in AgeGenderNetwork().output.items()}
        {'age': (None, 1), 'gender': (None, 2)}

    Reference:
        face-api.js, `AgeGenderNet`: Xception, arXiv:1610.02357, with two blocks in its middle and
        without batch normalization.
    """
    image, x = centred_input((_SIZE_PX, _SIZE_PX))
    x = conv_activation(x, _STEM_FILTERS, 3, _STYLE, "stem", strides=2)
    for place, (filters, halves, _) in _BLOCKS.items():
        block = block_name(*place)
        x = _halving(x, filters, block) if halves else _middle(x, filters, block)
    x = activate(separable(x, _TOP_FILTERS, "top"), "relu", "top_activation")
    x = layers.GlobalAveragePooling2D(name="top_pool")(x)
    gender = layers.Dense(2, name="gender_logits")(x)
    outputs = {
        "age": layers.Dense(1, name="age")(x),
        "gender": layers.Softmax(name="gender")(gender),
    }
    model = keras.Model(image, outputs, name=name)
    if weights is not None:
        stored = published_arrays("age_gender", weights)
        fill(model, arrays_of_layers(stored, _names()), os.fspath(weights))
    return model


def _halving(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Returns the sum of two separable convolutions of `x`, pooled, and of its projection."""
    shortcut = layers.Conv2D(filters, 1, strides=2, name=f"{name}_shortcut_conv")(x)
    # The first block gets what the stem has activated.
    y = x if name == block_name(1, 1) else activate(x, "relu", f"{name}_step0_activation")
    y = activate(separable(y, filters, f"{name}_step0"), "relu", f"{name}_step1_activation")
    y = separable(y, filters, f"{name}_step1")
    y = layers.MaxPooling2D(3, 2, "same", name=f"{name}_pool")(y)
    return layers.Add(name=f"{name}_add")([y, shortcut])


def _middle(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Returns the sum of `x` and three separable convolutions of it."""
    y = x
    for step in range(3):
        y = activate(y, "relu", f"{name}_step{step}_activation")
        y = separable(y, filters, f"{name}_step{step}")
    return layers.Add(name=f"{name}_add")([y, x])


def _names() -> dict[str, str]:
    """Returns what face-api calls each layer."""
    names = {
        "stem": "entry_flow/conv_in",
        "top": "exit_flow/separable_conv",
        "age": "fc/age",
        "gender_logits": "fc/gender",
    }
    for place, (_, halves, stored) in _BLOCKS.items():
        block = block_name(*place)
        for step in range(2 if halves else 3):
            names[f"{block}_step{step}"] = f"{stored}/separable_conv{step}"
        if halves:
            names[f"{block}_shortcut"] = f"{stored}/expansion_conv"
    return names
