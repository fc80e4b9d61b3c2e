"""Landmarks and expressions of a face, by dense blocks of separable convolutions."""

import os

import keras
from keras import KerasTensor, layers

from keras_cv_course._validation import check_choice, suggest_keywords
from keras_cv_course.blocks.convolution import activate
from keras_cv_course.faces.published_weights import fill, published_arrays
from keras_cv_course.faces.stored_layers import arrays_of_layers, centred_input, separable
from keras_cv_course.names import block_name

_SIZE_PX = 112
_POINTS = 68
EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
# Filters of each block, and its number of convolutions.
_FULL = ((32, 64, 128, 256), 4)
_SIZES = {"full": ("landmarks", *_FULL), "tiny": ("tiny_landmarks", (32, 64, 128), 3)}


@suggest_keywords
def FaceLandmarkNetwork(
    size: str = "full",
    weights: str | os.PathLike[str] | None = None,
    name: str = "face_landmarks",
) -> keras.Model:
    """Returns a network of 68 landmarks, for a face (batch, 112, 112, 3) as pixels of 0 to 255.

    It gives (batch, 136), x and y of each point in the order of iBUG 300-W, as shares of the
    input's width and height. A face that is not square has black borders on both sides.

    Args:
        size: "full" with 356,840 parameters, or "tiny" with 77,224.
        weights: None for random ones; "pretrained" for face-api's, which are fetched once; or the
            folder of these files. See `faces.published_weights` for their licence and terms.
        name: Name of the model.

    Raises:
        FileNotFoundError: If `weights` names no file.
        OSError: If the weights cannot be fetched.
        ValueError: If `size` is none of the two, or a file is not the published one.

    Example:
        >>> FaceLandmarkNetwork("tiny").output_shape
        (None, 136)

    Reference:
        face-api.js, `FaceLandmark68Net`: convolutions of a block are added up as in a densely
        connected one, arXiv:1608.06993, where they are concatenated.
    """
    check_choice("size", size, _SIZES)
    published, filters, depth = _SIZES[size]
    image, x = centred_input((_SIZE_PX, _SIZE_PX))
    x = layers.Dense(2 * _POINTS, name="landmarks")(_pooled_blocks(x, filters, depth))
    model = keras.Model(image, x, name=name)
    return _filled(model, published, weights, filters, depth, "landmarks")


@suggest_keywords
def FaceExpressionNetwork(
    weights: str | os.PathLike[str] | None = None, name: str = "face_expressions"
) -> keras.Model:
    """Returns a network of seven expressions, for a face (batch, 112, 112, 3), pixels of 0 to 255.

    It gives probabilities (batch, 7) in the order of `EXPRESSIONS`. 323,687 parameters. What a face
    shows is not what somebody feels: do not present it as that.

    Args:
        weights: None for random ones; "pretrained" for face-api's, which are fetched once; or the
            folder of these files. See `faces.published_weights` for their licence and terms.
        name: Name of the model.

    Raises:
        FileNotFoundError: If `weights` names no file.
        OSError: If the weights cannot be fetched.
        ValueError: If a file is not the published one.

    Example:
        >>> FaceExpressionNetwork().output_shape
        (None, 7)

    Reference:
        face-api.js, `FaceExpressionNet`.
    """
    image, x = centred_input((_SIZE_PX, _SIZE_PX))
    x = layers.Dense(len(EXPRESSIONS), name="logits")(_pooled_blocks(x, *_FULL))
    x = layers.Softmax(name="expressions")(x)
    return _filled(keras.Model(image, x, name=name), "expressions", weights, *_FULL, "logits")


def _pooled_blocks(x: KerasTensor, filters: tuple[int, ...], depth: int) -> KerasTensor:
    for stage, width in enumerate(filters, 1):
        x = _block(x, width, depth, block_name(stage, 1), first=stage == 1)
    return layers.GlobalAveragePooling2D(name="top_pool")(x)


def _block(x: KerasTensor, filters: int, depth: int, name: str, first: bool) -> KerasTensor:
    """Returns the activated sum of convolutions, each of the activated sum of all before it."""
    if first:
        x = layers.Conv2D(filters, 3, strides=2, padding="same", name=f"{name}_step0_conv")(x)
    else:
        x = separable(x, filters, f"{name}_step0", strides=2)
    x = total = activate(x, "relu", f"{name}_step0_activation")
    for step in range(1, depth):
        y = separable(x, filters, f"{name}_step{step}")
        total = layers.Add(name=f"{name}_step{step}_add")([total, y])
        x = activate(total, "relu", f"{name}_step{step}_activation")
    return x


def _filled(
    model: keras.Model,
    published: str,
    weights: str | os.PathLike[str] | None,
    filters: tuple[int, ...],
    depth: int,
    top: str,
) -> keras.Model:
    if weights is None:
        return model
    names = {
        f"{block_name(stage, 1)}_step{step}": f"dense{stage - 1}/conv{step}"
        for stage in range(1, len(filters) + 1)
        for step in range(depth)
    }
    stored = published_arrays(published, weights)
    fill(model, arrays_of_layers(stored, {**names, top: "fc"}), os.fspath(weights))
    return model
