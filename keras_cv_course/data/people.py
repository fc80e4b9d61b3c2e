"""Images of people, or of anything that comes in several images of one: who is on which."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from keras_cv_course._validation import check_choice, check_crop
from keras_cv_course.data.dataset import check_input, rescale
from keras_cv_course.data.input_files import existing_folder
from keras_cv_course.data.photographs import image_files, photograph_reader, readable

_DARKEST_INK = 16.0


@dataclass(frozen=True, eq=False)
class People:
    """Images, and who is on each.

    Attributes:
        images: Paths of the files `(n,)`, or the images themselves, uint8
            `(n, height, width, channels)`.
        labels: Number of the person on each, int32 `(n,)`, from 0.
        names: Name of each person, by number.
        skipped: Files that could not be decoded and are left out.
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ValueError(
                "`labels` must be the person of each image. Received: "
                f"{len(self.labels)} for {len(self.images)} images."
            )
        if not np.array_equal(np.unique(self.labels), np.arange(len(self.names))):
            raise ValueError(
                "`names` must name each person that there are images of, by number from 0. "
                f"Received: {len(self.names)} names for the numbers "
                f"{np.unique(self.labels)[:5].tolist()}…"
            )

    def select(self, names: Sequence[str]) -> "People":
        """Returns some of the people, renumbered in the order of `names`.

        Raises:
            ValueError: If a name is unknown, or `names` is empty.
        """
        if not len(names):
            raise ValueError("`names` must name at least one person. Received none.")
        for name in names:
            check_choice("names", name, self.names)
        old = [self.names.index(name) for name in names]
        new = np.full(len(self.names), -1, np.int32)
        new[old] = np.arange(len(old))
        kept = np.flatnonzero(new[self.labels] >= 0)
        return People(self.images[kept], new[self.labels[kept]], tuple(names))

    def load(
        self,
        input_shape: tuple[int, int, int],
        input_range: tuple[float, float],
        crop: float = 1.0,
        rows: np.ndarray | None = None,
    ) -> np.ndarray:
        """Returns images as a model takes them, float32 `(n, height, width, channels)`.

        Args:
            input_shape: (height, width, channels) of the model's input.
            input_range: Smallest and largest value that the model takes.
            crop: Share of each side to crop around the center, see `image_reader`.
            rows: Numbers of the images; None is all.
        """
        read = image_reader(self, input_shape, input_range, crop)
        rows = np.arange(len(self.labels)) if rows is None else np.asarray(rows, np.int64)
        drawn = tf.data.Dataset.from_tensor_slices(rows)
        images = drawn.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(len(rows))
        return np.asarray(next(images.as_numpy_iterator()))

    def at_most(self, count: int) -> "People":
        """Returns the first images of the first people, as many of each as there is room for.

        Args:
            count: The most images; at least 4, two each of two people.

        Raises:
            ValueError: If it is less.
        """
        if count < 4:
            raise ValueError(
                f"`count` must be at least 4: two images each of two people. Received: {count!r}."
            )
        names = self.names[: count // 2]
        chosen = self.select(names)
        each = max(2, count // len(names))
        earlier = np.array([np.sum(chosen.labels[:i] == x) for i, x in enumerate(chosen.labels)])
        kept = earlier < each
        return People(chosen.images[kept], chosen.labels[kept], names)


def people_folder(folder: str | os.PathLike[str], min_images: int = 1) -> People:
    """Returns the people of a folder that holds a folder of images for each.

    Args:
        folder: The folder. Files are read as `read_photograph` does, also in folders below that of
            the person. A file that cannot be decoded is logged and left out.
        min_images: People with fewer images are left out; 2 for training on pairs.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds fewer than two people with `min_images`.

    Example:
        >>> train, unseen = split_people(people_folder("people", min_images=2))
    """
    root = existing_folder(folder)
    fewest = max(min_images, 1)
    owners = {
        file: person.name
        for person in sorted(root.iterdir())
        if person.is_dir()
        for file in image_files(person)
    }
    good = readable(list(owners), channels=3)
    counts = Counter(owners[file] for file in good)
    names = tuple(name for name, count in counts.items() if count >= fewest)
    if len(names) < 2:
        raise ValueError(
            f"{root} must hold a folder for each of at least two people, with {fewest} or more "
            f"images. It holds {len(names)} such folders."
        )
    files = [file for file in good if owners[file] in names]
    labels = [names.index(owners[file]) for file in files]
    skipped = tuple(file for file in owners if file not in set(good))
    return People(np.array(files), np.array(labels, np.int32), names, skipped)


def digit_people() -> People:
    """Returns scikit-learn's 1,797 handwritten digits, ten "people", as 8 x 8 grey images.

    Two images of one digit act as two images of one person. What is learned on some digits can be
    tried on others, of which not one was seen: `split_people(digit_people(), 0.3)`.
    """
    source = load_digits()
    images = np.round(source.images * (255.0 / _DARKEST_INK)).astype(np.uint8)[..., None]
    names = tuple(str(name) for name in source.target_names)
    return People(images, source.target.astype(np.int32), names)


def split_people(people: People, held_out: float = 0.2, seed: int = 0) -> tuple[People, People]:
    """Returns two sets of different people: for training, and held out.

    Args:
        people: Whom to split.
        held_out: Share of the people that is held out, above 0 and below 1.
        seed: Decides who.

    Raises:
        ValueError: If the share leaves one of the sets without anyone.
    """
    count = round(len(people.names) * held_out)
    if not 0 < held_out < 1 or not 0 < count < len(people.names):
        raise ValueError(
            "`held_out` must be a share, above 0 and below 1, that leaves someone on each side. "
            f"Received: {held_out!r} of {len(people.names)} people."
        )
    order = np.random.default_rng(seed).permutation(len(people.names))
    parts = np.sort(order[count:]), np.sort(order[:count])
    train, unseen = (people.select([people.names[i] for i in part]) for part in parts)
    return train, unseen


def join_people(*sets: People) -> People:
    """Returns the people of several sets; those of one name are one person.

    Args:
        *sets: Sets of files, or of images of one size.
    """
    names = tuple(dict.fromkeys(name for people in sets for name in people.names))
    number = {name: i for i, name in enumerate(names)}
    labels = [number[people.names[label]] for people in sets for label in people.labels]
    images = np.concatenate([people.images for people in sets])
    return People(images, np.array(labels, np.int32), names)


def image_reader(
    people: People,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    crop: float = 1.0,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from an image's number to the image as a model takes it.

    Images are cropped to the aspect ratio of `input_shape` around their centre and resized
    bilinearly. Grey ones are repeated for three channels, and coloured ones made grey for one.

    Args:
        people: Whose images.
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.
        crop: Share of each side to crop around the centre first, from 0.001 to 1: for
            images with much around the face.

    Raises:
        ValueError: If an argument is out of its range.
    """
    check_input(input_shape, input_range)
    check_crop(crop)
    source, to_range = tf.constant(people.images), rescale(input_range)
    of_files = source.dtype == tf.string
    image_in = photograph_reader(people.images.tolist() if of_files else (), input_shape[2])

    def read(row: tf.Tensor) -> tf.Tensor:
        image = source[row]
        if of_files:
            image = image_in(image)
        elif image.shape[-1] != input_shape[2]:
            grey = image.shape[-1] == 1
            image = (tf.image.grayscale_to_rgb if grey else tf.image.rgb_to_grayscale)(image)
        if crop < 1:
            image = tf.image.central_crop(image, crop)
        image = keras.preprocessing.image.smart_resize(image, input_shape[:2])
        return tf.ensure_shape(to_range(image), input_shape)

    return read
