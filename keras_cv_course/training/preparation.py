"""What a recipe does to images and labels on their way to the network."""

from typing import Any

import keras

from keras_cv_course.data.augmentation import colour_jitter
from keras_cv_course.data.batch_sizes import random_batch_sizes
from keras_cv_course.data.epochs import Epochs, as_epochs
from keras_cv_course.training.recipe import Recipe

_PIXELS = 255.0


def prepared(
    train: Any, recipe: Recipe, classes: int, input_range: tuple[float, float] = (-1.0, 1.0)
) -> Epochs:
    """Returns training batches as a recipe wants them: distorted, mixed, resized.

    Images are mirrored, moved, recoloured and erased first, then mixed, then resized. Labels
    become shares of the classes where the recipe mixes or smooths; the smoothing itself is done
    by the loss, see `smoothed_cross_entropy`. What is drawn depends on the recipe's seed, the
    epoch and the number of the batch alone.

    Args:
        train: `Epochs`, or a `tf.data.Dataset` of a known number of batches, of `(images,
            labels)`: float32 `(batch, height, width, channels)` in `input_range`, and class
            numbers `(batch,)`.
        recipe: What is done.
        classes: Number of classes.
        input_range: Smallest and largest pixel value.

    Raises:
        ValueError: If a dataset has no known number of batches.

    Example:
        >>> images = prepared(data.epochs, Recipe(mixup=0.2), classes=10)
        >>> model.fit(images.passes(), epochs=20, shuffle=False)
    """
    epochs = as_epochs(train)
    layers = distortions(recipe)
    mix = _mixing(recipe)
    low, high = input_range
    scale = (high - low) / _PIXELS

    def change(images: Any, labels: Any) -> tuple[Any, Any]:
        if layers:
            # Keras' colour operations are made for pixels.
            images = (images - low) / scale
            for layer in layers:
                images = layer(images, training=True)
            images = images * scale + low
        if recipe.soft_labels:
            labels = _one_hot(classes)(labels)
        if mix is not None:
            mixed = mix({"images": images, "labels": labels}, training=True)
            images, labels = mixed["images"], mixed["labels"]
        return images, labels

    random = [*layers, *([] if mix is None else [mix])]
    if random:
        epochs = epochs.map_random(change, random, recipe.seed)
    elif recipe.soft_labels:
        epochs = epochs.map(change)
    if recipe.batch_sizes_px:
        epochs = random_batch_sizes(epochs, recipe.batch_sizes_px, recipe.seed)
    return epochs


def as_shares(data: Any, classes: int) -> Any:
    """Returns a dataset's batches with shares of the classes `(batch, classes)` for labels.

    Args:
        data: `tf.data.Dataset` of batches of (images, class numbers).
        classes: Number of classes.
    """
    encode = _one_hot(classes)
    return data.map(lambda images, labels: (images, encode(labels)))


def distortions(recipe: Recipe) -> list[keras.layers.Layer]:
    """Returns Keras' layers that make of pixels of 0 to 255 an image that could have been taken.

    Args:
        recipe: Which, how much, and from which seed where the layers are called by themselves.

    Example:
        >>> model = keras.Sequential([*distortions(Recipe(flip=True, turn=0.05)), network])
    """
    plain: dict[str, Any] = {"seed": recipe.seed, "dtype": "float32"}
    moved = plain | {"fill_mode": "nearest"}
    layers: list[keras.layers.Layer] = []
    if recipe.flip:
        layers.append(keras.layers.RandomFlip("horizontal", **plain))
    if recipe.shift:
        layers.append(keras.layers.RandomTranslation(recipe.shift, recipe.shift, **moved))
    if recipe.turn:
        layers.append(keras.layers.RandomRotation(recipe.turn, **moved))
    if recipe.zoom:
        layers.append(keras.layers.RandomZoom(recipe.zoom, **moved))
    if recipe.colour:
        layers.append(colour_jitter(**plain))
    if recipe.rand_augment:
        count, strength = recipe.rand_augment, recipe.rand_augment_strength
        layers.append(keras.layers.RandAugment((0, _PIXELS), count, strength, **plain))
    if recipe.erase:
        share = (recipe.erase, recipe.erase)
        layers.append(keras.layers.RandomErasing(share, value_range=(0, _PIXELS), **plain))
    return layers


def _mixing(recipe: Recipe) -> keras.layers.Layer | None:
    options: dict[str, Any] = {"seed": recipe.seed, "dtype": "float32"}
    if recipe.mixup:
        return keras.layers.MixUp(recipe.mixup, **options)
    if recipe.cutmix:
        return keras.layers.CutMix(recipe.cutmix, **options)
    return None


def _one_hot(classes: int) -> keras.layers.Layer:
    return keras.layers.CategoryEncoding(classes, output_mode="one_hot", dtype="float32")
