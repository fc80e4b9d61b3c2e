"""Trains an encoder of faces on people, in float or quantization-aware."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from keras_cv_course._validation import check_positive, check_whole
from keras_cv_course.data.epochs import Epochs
from keras_cv_course.data.face_augmentation import (
    FaceDistortion,
    face_distortion,
    keyed_distortion,
)
from keras_cv_course.data.pairs import balanced_epochs
from keras_cv_course.data.people import People
from keras_cv_course.faces.verification import embed_unit
from keras_cv_course.layers.cosine_logits import CosineLogits
from keras_cv_course.losses.margin_softmax import CosFace
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.quantization.aware import is_quantize_aware
from keras_cv_course.quantization.calibration import FreezeRanges
from keras_cv_course.training.applying import recipe_callbacks, recipe_optimizer
from keras_cv_course.training.recipe import Recipe

_BATCH = 64
_STILL = FaceDistortion(0.0, 0.0, 0.0, None, 0.0, 0.0, 0.0)
# Identity is a finer trait than expression: changes are small, and colours stay.
GENTLE = FaceDistortion(
    shift=0.06, turn_degrees=7.0, zoom=0.1, contrast=0.2, brightness=0.1, grey_share=0.0
)
# Fields of a recipe that would mix people, or that need a network for images of any size.
FOREIGN = frozenset(
    {"layer_decay", "label_smoothing", "rand_augment", "rand_augment_strength", "erase"}
    | {"mixup", "cutmix", "mosaic", "batch_sizes_px"}
)


@dataclass(frozen=True)
class FaceOptions:
    """What the training of an encoder has beside its recipe.

    Attributes:
        margin: Of CosFace.
        scale: Of CosFace.
        people_per_batch: At most; all where there are fewer.
        images_per_person: In a batch.
        crop: Share of each side that is kept around the centre first.
    """

    margin: float = 0.2
    scale: float = 24.0
    people_per_batch: int = 16
    images_per_person: int = 4
    crop: float = 1.0

    def __post_init__(self) -> None:
        for name in ("people_per_batch", "images_per_person"):
            check_whole(name, getattr(self, name))
        check_positive("scale", self.scale)


def fit_face_encoder(
    encoder: keras.Model,
    people: People,
    recipe: Recipe,
    options: FaceOptions | None = None,
    input_range: tuple[float, float] | None = None,
    verbose: int = 0,
) -> dict[str, list[float]]:
    """Returns loss and accuracy of every epoch of training an encoder on people.

    A `CosineLogits` layer, which begins with the mean embedding of each person, and the CosFace
    loss ask for the right person; the layer is thrown away. Layers that must not be trained are
    frozen beforehand, see `train_only`. The ranges of a quantization-aware encoder are frozen for
    the last epoch.

    Args:
        encoder: Gives embeddings `(batch, n)`; float, or what `quantize_aware` has made of it.
        people: Whom to train on; each needs an image, and is the better for several.
        recipe: How; `flip`, `shift`, `turn`, `zoom` and `colour`, which changes contrast and
            brightness here, distort the images.
        options: What else there is to decide; None is the defaults.
        input_range: Smallest and largest value that the encoder takes; None where it records them.
        verbose: As in `model.fit`.

    Raises:
        ValueError: If the data does not fit, the recipe asks for what has no meaning for an
            encoder, or the range is not known.

    Example:
        >>> train, unseen = split_people(people_folder("people"))
        >>> fit_face_encoder(encoder, train, Recipe(epochs=5, learning_rate=3e-5, flip=True))
    """
    model, train = face_training(encoder, people, recipe, options or FaceOptions(), input_range)
    aware = is_quantize_aware(encoder)
    freeze = [FreezeRanges(after=recipe.epochs - 1)] if aware else []
    fitted = model.fit(
        train.since(0),
        epochs=recipe.epochs,
        steps_per_epoch=train.batches,
        callbacks=[*recipe_callbacks(recipe), *freeze],
        shuffle=False,
        verbose=verbose,
    )
    history: dict[str, list[float]] = fitted.history
    return history


def face_training(
    encoder: keras.Model,
    people: People,
    recipe: Recipe,
    options: FaceOptions,
    input_range: tuple[float, float] | None = None,
) -> tuple[keras.Model, Epochs]:
    """Returns a compiled model with the head that is thrown away, and its batches.

    The model shares its layers with the encoder, so that training it trains the encoder.

    Args:
        encoder: As in `fit_face_encoder`, like the other arguments.
        people: Whom to train on.
        recipe: How.
        options: What else there is to decide.
        input_range: Smallest and largest value that the encoder takes.

    Raises:
        ValueError: As in `fit_face_encoder`.
    """
    plain = Recipe()
    for name in sorted(FOREIGN):
        if getattr(recipe, name) != getattr(plain, name):
            raise ValueError(
                f"`recipe.{name}` has no meaning for an encoder of faces. Received: "
                f"{getattr(recipe, name)!r}."
            )
    values = input_range or spec_of(encoder).input_range
    if values is None:
        raise ValueError(
            f"`input_range` must be given, since {encoder.name!r} does not carry it. Received: "
            "None. For example (-1.0, 1.0)."
        )
    shape = encoder.input_shape[1:]
    head = CosineLogits(len(people.names), name="people")
    model = keras.Model(encoder.input, head(encoder.output))
    head.set_weights([_mean_embeddings(encoder, people, values, options.crop)])
    train = balanced_epochs(
        people,
        shape,
        values,
        min(options.people_per_batch, len(people.names)),
        options.images_per_person,
        crop=options.crop,
        seed=recipe.seed,
    )
    distortion = recipe_distortion(recipe, GENTLE)
    if distortion is not None:
        distort = keyed_distortion(values, distortion)
        train = train.map_with_key(lambda key, x, y: (distort(key, x), y), recipe.seed)
    optimizer = recipe_optimizer(model, recipe, train.batches)
    model.compile(optimizer, CosFace(options.margin, options.scale), metrics=["accuracy"])
    return model, train


def recipe_distortion(recipe: Recipe, like: FaceDistortion) -> FaceDistortion | None:
    """Returns how a recipe distorts images of faces; None if it does not.

    Args:
        recipe: Its `flip`, `shift`, `turn` and `zoom` count, and `colour`.
        like: What images are mirrored by and how their light is changed, where requested.
    """
    distortion = FaceDistortion(
        shift=recipe.shift,
        turn_degrees=360 * recipe.turn,
        zoom=recipe.zoom,
        mirror=like.mirror if recipe.flip else None,
        contrast=like.contrast if recipe.colour else 0.0,
        brightness=like.brightness if recipe.colour else 0.0,
        grey_share=like.grey_share if recipe.colour else 0.0,
    )
    return None if distortion == _STILL else distortion


def _mean_embeddings(
    encoder: keras.Model, people: People, input_range: tuple[float, float], crop: float
) -> np.ndarray:
    """Returns the mean embedding of each person, `(people, n)`."""
    shape, parts = encoder.input_shape[1:], []
    for start in range(0, len(people.labels), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(people.labels)))
        images = people.load(shape, input_range, crop, rows)
        parts.append(embed_unit(encoder.predict_on_batch, images))
    vectors = np.concatenate(parts)
    return np.stack([vectors[people.labels == i].mean(axis=0) for i in range(len(people.names))])


def train_only(encoder: keras.Model, prefixes: Sequence[str]) -> None:
    """Lets the layers learn whose names begin with one of some prefixes; the others are frozen.

    Batch norm is frozen everywhere: a few hundred faces would move its statistics far from those
    of the images that the network was trained on.

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
    """Returns all images and distorted copies, with who is on each, for `fit_projection`.

    Args:
        people: Whose images.
        input_shape: (height, width, channels) of the encoder's input.
        input_range: Smallest and largest value that the encoder takes.
        copies: Copies of each image, half of them mirrored, changed as `GENTLE` says.
        crop: Share of each side that is kept around the centre first.
        seed: Decides the distortions.

    Returns:
        float32 `((1 + copies) * n, height, width, channels)` and int32 numbers of the people.
    """
    images = people.load(input_shape, input_range, crop)
    distort = face_distortion(input_range, GENTLE, seed)
    parts = [images]
    for _ in range(copies):
        starts = range(0, len(images), _BATCH)
        parts.append(np.concatenate([distort(images[i : i + _BATCH]) for i in starts]))
    return np.concatenate(parts), np.tile(people.labels, len(parts))
