"""The pair model: one encoder for two images, and a distance between what it gives."""

import math

import keras

from keras_cv_course._validation import check_choice
from keras_cv_course.layers.distances import (
    AbsoluteDifference,
    CosineSimilarity,
    EuclideanDistance,
)

INPUTS = ("image_a", "image_b")
# A distance makes a pair less likely the same, a similarity more.
_SLOPES = {"euclidean": -1.0, "cosine": 1.0}
_LAYERS = {
    "euclidean": ("distance", EuclideanDistance),
    "cosine": ("similarity", CosineSimilarity),
    "absolute": ("difference", AbsoluteDifference),
}


def SiameseNetwork(
    encoder: keras.Model,
    distance: str = "euclidean",
    head: str | None = "sigmoid",
    name: str = "siamese_network",
) -> keras.Model:
    """Returns a model of two images, "image_a" and "image_b", that share one encoder.

    With a head it gives the probability `(batch, 1)`, "same", that both show one person (or
    digit, or whatever the encoder distinguishes); train it with "binary_crossentropy". The head
    is initialized so that a greater distance means less similar. From a random slope, which has
    the wrong sign in half of the cases, training shrinks all embeddings to a point and ends there.
    Without a head, it gives the distance or similarity `(batch, 1)` itself; train a
    "euclidean" one with `ContrastiveLoss`. Images have the shape and range that the encoder takes.
    Quantization keeps one encoder, with one set of ranges.

    Args:
        encoder: Model of one input and one output, vectors `(batch, n)`. It is part of the
            result, not copied: training the pair trains it.
        distance: "euclidean", which is smaller for those more alike; "cosine", which is larger;
            or "absolute", the difference of each of the n values, for the head to weigh.
        head: "sigmoid" for a dense layer of one unit and a sigmoid, or None, not for "absolute".
        name: Name of the model.

    Raises:
        TypeError: If `encoder` is not a Keras model.
        ValueError: If the encoder does not give one vector for one input, or another argument is
            not one of its choices.

    Example:
        >>> pair = SiameseNetwork(SiameseEncoder((28, 28, 1)))
        >>> pair.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        >>> pair.fit([images_a, images_b], same, epochs=10)

    Reference:
        "Learning a Similarity Metric Discriminatively, with Application to Face Verification",
        Chopra, Hadsell and LeCun, CVPR 2005, figure 1.
    """
    check_choice("distance", distance, _LAYERS)
    check_choice("head", head, ("sigmoid", None))
    if distance == "absolute" and head is None:
        raise ValueError(
            '`head` must be "sigmoid" with distance="absolute", which gives a difference for each '
            "value of the embedding and not one for the pair. Received: None."
        )
    _check_encoder(encoder)
    a, b = (keras.Input(encoder.input_shape[1:], name=name) for name in INPUTS)
    layer_name, layer = _LAYERS[distance]
    x = layer(name=layer_name)([encoder(a), encoder(b)])
    if head == "sigmoid":
        slope = _slope(distance, x.shape[-1])
        x = keras.layers.Dense(1, kernel_initializer=slope, name="same_logit")(x)
        x = keras.layers.Activation("sigmoid", name="same")(x)
    return keras.Model([a, b], x, name=name)


def _slope(distance: str, size: int) -> keras.initializers.Initializer:
    """Returns the first weights of the head, with the sign that the distance asks for."""
    if distance == "absolute":
        largest = math.sqrt(6 / (size + 1))  # Glorot's, of which the negative half
        return keras.initializers.RandomUniform(-largest, 0.0)
    return keras.initializers.Constant(_SLOPES[distance])


def _check_encoder(encoder: keras.Model) -> None:
    if not isinstance(encoder, keras.Model):
        raise TypeError(f"`encoder` must be a keras.Model. Received: {type(encoder).__name__}.")
    one = len(encoder.inputs) == len(encoder.outputs) == 1
    if not one or len(encoder.output_shape) != 2:
        raise ValueError(
            "`encoder` must give a vector (batch, n) for one input. Received: "
            f"{encoder.name!r} with inputs of shape {[tuple(x.shape) for x in encoder.inputs]} and "
            f"outputs of shape {[tuple(y.shape) for y in encoder.outputs]}. Build a network with "
            "pooling, e.g. FaceEncoder."
        )
