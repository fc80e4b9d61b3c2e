"""dlib's encoder of faces, a residual network of 29 convolutions."""

import os

import keras
import numpy as np
from keras import KerasTensor, layers

from keras_cv_course._validation import suggest_keywords
from keras_cv_course.blocks.convolution import ConvStyle, activate, conv_activation
from keras_cv_course.faces.published_weights import fill, published_arrays
from keras_cv_course.faces.stored_layers import centred_input
from keras_cv_course.names import block_name

_SIZE_PX = 150
_EMBEDDING_DIM = 128
_STYLE = ConvStyle("relu")
# Filters, number of blocks, and whether the first halves the size: `resnet_v1` of dlib.
_STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
# What face-api calls the blocks, in the order of `_STAGES`.
_STORED = (
    ("conv32_1", "conv32_2", "conv32_3"),
    ("conv64_down", "conv64_1", "conv64_2", "conv64_3"),
    ("conv128_down", "conv128_1", "conv128_2"),
    ("conv256_down", "conv256_1", "conv256_2"),
    ("conv256_down_out",),
)
_PARTS = {"first": "conv1", "second": "conv2"}


@suggest_keywords
def DlibFaceEncoder(
    weights: str | os.PathLike[str] | None = None, name: str = "dlib_face_encoder"
) -> keras.Model:
    """Returns dlib's encoder, for faces (batch, 150, 150, 3) as pixels of 0 to 255, RGB.

    It gives vectors (batch, 128) that are not of length 1. Two faces are of one person if the
    Euclidean distance of their vectors is below 0.6. It takes a face as dlib cuts it out, with eyes
    and mouth in the same places and a quarter of its width around it: elsewhere it finds little.
    5,607,488 parameters that are trained, 0.27 billion multiplications and additions.

    Args:
        weights: None for random ones; "pretrained" for those of dlib's
            `dlib_face_recognition_resnet_model_v1` as face-api stores them, in eight bits, which
            are fetched once; or the folder of these files. See `faces.published_weights` for their
            licence and terms.
        name: Name of the model.

    Raises:
        FileNotFoundError: If `weights` names no file.
        OSError: If the weights cannot be fetched.
        ValueError: If a file is not the published one.

    Example:
        >>> DlibFaceEncoder().output_shape
        (None, 128)

    Reference:
        dlib, `dnn_face_recognition_ex.cpp`: ResNet-34 of arXiv:1512.03385 with fewer layers and
        half the filters. Batch normalization is part of the kernels. A smaller sum is padded with
        zeros at the bottom and on the right, as dlib does.
    """
    image, x = centred_input((_SIZE_PX, _SIZE_PX))
    x = conv_activation(x, _STAGES[0][0], 7, _STYLE, "stem", strides=2, padding="valid")
    x = layers.MaxPooling2D(3, 2, name="stem_pool")(x)
    for stage, (filters, count, halves) in enumerate(_STAGES, 1):
        for block in range(1, count + 1):
            x = _block(x, filters, halves and block == 1, block_name(stage, block))
    x = layers.GlobalAveragePooling2D(name="top_pool")(x)
    x = layers.Dense(_EMBEDDING_DIM, use_bias=False, name="embedding")(x)
    model = keras.Model(image, x, name=name)
    if weights is not None:
        arrays = published_arrays("recognition", weights)
        fill(model, _arrays(arrays), os.fspath(weights))
    return model


def _block(x: KerasTensor, filters: int, halves: bool, name: str) -> KerasTensor:
    """Returns the activated sum of `x` and two 3x3 convolutions of it, or of half its size."""
    first = ("valid", 2) if halves else ("same", 1)
    y = conv_activation(x, filters, 3, _STYLE, f"{name}_first", padding=first[0], strides=first[1])
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_second_conv")(y)
    if halves:
        x = _halved(x, filters, name)
        missing = x.shape[1] - y.shape[1]
        if missing:
            zeros = ((0, missing), (0, missing))
            y = layers.ZeroPadding2D(zeros, name=f"{name}_second_pad")(y)
    return activate(layers.Add(name=f"{name}_add")([x, y]), "relu", f"{name}_activation")


def _halved(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Returns the mean of 2x2 pixels, and zeros in the channels that `x` does not have.

    The mean is a convolution with a constant kernel, since XNNPACK takes no AVERAGE_POOL_2D in
    int8 whose input and output have different scales.
    """
    mean = layers.DepthwiseConv2D(
        2,
        strides=2,
        use_bias=False,
        depthwise_initializer=keras.initializers.Constant(0.25),
        trainable=False,
        name=f"{name}_shortcut_conv",
    )(x)
    added = filters - x.shape[-1]
    return keras.ops.pad(mean, ((0, 0), (0, 0), (0, 0), (0, added))) if added else mean


def _arrays(stored: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Returns the arrays of each layer."""
    arrays = {"stem_conv": _folded(stored, "conv32_down"), "embedding": [stored["fc"]]}
    for stage, names in enumerate(_STORED, 1):
        for block, name in enumerate(names, 1):
            for part, conv in _PARTS.items():
                layer = f"{block_name(stage, block)}_{part}_conv"
                arrays[layer] = _folded(stored, f"{name}/{conv}")
    return arrays


def _folded(stored: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    """Returns kernel and bias of a convolution with the scale and the shift that follow it."""
    scale, shift = stored[f"{name}/scale/weights"], stored[f"{name}/scale/biases"]
    kernel, bias = stored[f"{name}/conv/filters"], stored[f"{name}/conv/bias"]
    return [kernel * scale, bias * scale + shift]
