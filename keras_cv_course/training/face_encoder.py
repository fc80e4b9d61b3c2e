"""Trains an encoder of faces on people, in float or quantization-aware."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from keras_cv_course._validation import check_positive, check_whole
from keras_cv_course.data.face_augmentation import FaceDistortion, face_distortion
from keras_cv_course.data.pairs import balanced_batches
from keras_cv_course.data.people import People
from keras_cv_course.faces.verification import embed_unit
from keras_cv_course.layers.cosine_logits import CosineLogits
from keras_cv_course.losses.margin_softmax import CosFace
from keras_cv_course.quantization.aware import is_quantize_aware
from keras_cv_course.quantization.calibration import FreezeRanges

_BATCH = 64
# Who somebody is shows in less than what a face does: changes are small, and colours stay.
GENTLE = FaceDistortion(
    shift=0.06, turn_degrees=7.0, zoom=0.1, contrast=0.2, brightness=0.1, grey_share=0.0
)


@dataclass(frozen=True)
class FaceRecipe:
    """How an encoder is trained.

    Attributes:
        input_range: Smallest and largest value that it takes.
        epochs: Passes over as many pictures as there are.
        learning_rate: Highest rate of Adam, which falls to 0 along half a cosine.
        people_per_batch: At most; all where there are fewer.
        pictures_per_person: In a batch.
        margin: Of CosFace.
        scale: Of CosFace.
        distortion: How far pictures are changed; None leaves them as they are.
        crop: Share of each side that is kept around the centre first.
        seed: Decides batches and distortions.
    """

    input_range: tuple[float, float] = (-1.0, 1.0)
    epochs: int = 10
    learning_rate: float = 1e-4
    people_per_batch: int = 16
    pictures_per_person: int = 4
    margin: float = 0.2
    scale: float = 24.0
    distortion: FaceDistortion | None = GENTLE
    crop: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("epochs", self.epochs)
        check_positive("learning_rate", self.learning_rate)


def fit_face_encoder(
    encoder: keras.Model, people: People, recipe: FaceRecipe, verbose: int = 0
) -> dict[str, list[float]]:
    """Returns loss and accuracy of every epoch of training an encoder on people.

    A `CosineLogits` layer, which begins with the mean embedding of each person, and the CosFace
    loss ask for the right person; the layer is thrown away. Layers that must not be trained are
    frozen beforehand, see `train_only`. The ranges of a quantization-aware encoder are frozen for
    the last epoch.

    Args:
        encoder: Gives embeddings `(batch, n)`; float, or what `quantize_aware` has made of it.
        people: Whom to train on; each needs a picture, and is the better for several.
        recipe: How.
        verbose: As in `model.fit`.

    Raises:
        ValueError: If the data does not fit the recipe.

    Example:
        >>> train, unseen = split_people(people_folder("people"))
        >>> fit_face_encoder(encoder, train, FaceRecipe(epochs=5))
    """
    shape = encoder.input_shape[1:]
    pictures = people.load(shape, recipe.input_range, recipe.crop)
    vectors = embed_unit(encoder.predict_on_batch, pictures)
    means = np.stack([vectors[people.labels == i].mean(axis=0) for i in range(len(people.names))])
    head = CosineLogits(len(people.names), name="people")
    model = keras.Model(encoder.input, head(encoder.output))
    head.set_weights([means])

    batches = balanced_batches(
        people,
        shape,
        recipe.input_range,
        min(recipe.people_per_batch, len(people.names)),
        recipe.pictures_per_person,
        crop=recipe.crop,
        seed=recipe.seed,
    )
    if recipe.distortion is not None:
        distort = face_distortion(recipe.input_range, recipe.distortion, recipe.seed)
        batches = batches.map(lambda images, labels: (distort(images), labels))
    rate = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate, recipe.epochs * len(batches)
    )
    loss = CosFace(recipe.margin, recipe.scale)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    aware = is_quantize_aware(encoder)
    callbacks = [FreezeRanges(after=recipe.epochs - 1)] if aware else []
    fitted = model.fit(
        batches, epochs=recipe.epochs, callbacks=callbacks, shuffle=False, verbose=verbose
    )
    history: dict[str, list[float]] = fitted.history
    return history


def train_only(encoder: keras.Model, prefixes: Sequence[str]) -> None:
    """Lets the layers learn whose names begin with one of some prefixes; the others are frozen.

    Batch norm is frozen everywhere: a few hundred faces would move its statistics far from those
    of the pictures that the network was trained on.

    Raises:
        ValueError: If no layer with weights has such a name.
    """
    for layer in encoder.layers:
        named = layer.name.startswith(tuple(prefixes))
        layer.trainable = named and not isinstance(layer, keras.layers.BatchNormalization)
    if not encoder.trainable_weights:
        raise ValueError(
            f"`prefixes` must be beginnings of names of layers with weights in {encoder.name!r}. "
            f"Received: {list(prefixes)}."
        )


def distorted_copies(
    people: People,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    copies: int = 3,
    crop: float = 1.0,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns all pictures and distorted copies, with who is on each, for `fit_projection`.

    Args:
        people: Whose pictures.
        input_shape: (height, width, channels) of the encoder's input.
        input_range: Smallest and largest value that the encoder takes.
        copies: Copies of each picture, half of them mirrored, changed as `GENTLE` says.
        crop: Share of each side that is kept around the centre first.
        seed: Decides the distortions.

    Returns:
        float32 `((1 + copies) * n, height, width, channels)` and int32 numbers of the people.
    """
    pictures = people.load(input_shape, input_range, crop)
    distort = face_distortion(input_range, GENTLE, seed)
    parts = [pictures]
    for _ in range(copies):
        starts = range(0, len(pictures), _BATCH)
        parts.append(np.concatenate([distort(pictures[i : i + _BATCH]) for i in starts]))
    return np.concatenate(parts), np.tile(people.labels, len(parts))
