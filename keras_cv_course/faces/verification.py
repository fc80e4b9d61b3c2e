"""One to one: do two images show the same person?"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Embed = Callable[[np.ndarray], Any]
_BATCH = 64


@dataclass(frozen=True)
class Verification:
    """The answer for two images.

    Attributes:
        similarity: Cosine of their embeddings, in [-1, 1]; higher is more alike.
        threshold: What it had to reach.
        same: Whether it did.
    """

    similarity: float
    threshold: float
    same: bool

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON can hold them."""
        return asdict(self)


class FaceVerifier:
    """Decides whether two images show the same person.

    It embeds each image, brings the embeddings to length 1, and takes their product: the cosine,
    in [-1, 1], where higher is more alike. Two images are of one person if it is at least the
    threshold. Images must be as the encoder was trained on: cropped alike, in its size and
    range. Nothing is detected, cropped or rescaled here.

    Args:
        embed: Takes float32 images `(n, height, width, channels)` and returns vectors `(n, d)`
            of any length: `predict_on_batch` of a Keras encoder, or a `TFLiteModel`.
        threshold: Smallest similarity of one person, in [-1, 1]; see `choose_threshold`.
        mirrored: Whether the mirrored image is embedded as well, and the two embeddings, each of
            length 1, are added: a little more accurate for twice the time.

    Raises:
        TypeError: If `embed` cannot be called.
        ValueError: If the threshold is out of its range.

    Example:
        >>> verifier = FaceVerifier(TFLiteModel("encoder.tflite"), threshold=0.42)
        >>> verifier.verify(image_a, image_b).same
        True
    """

    def __init__(self, embed: Embed, threshold: float, mirrored: bool = False) -> None:
        if not callable(embed):
            raise TypeError(
                "`embed` must be a function from images to vectors, e.g. "
                f"`encoder.predict_on_batch`. Received: {type(embed).__name__}."
            )
        if not -1 <= threshold <= 1:
            raise ValueError(
                f"`threshold` must be a cosine, in [-1, 1]. Received: {threshold!r}. "
                "`choose_threshold` gives one."
            )
        self.embed = embed
        self.threshold = float(threshold)
        self.mirrored = mirrored

    def verify(self, image_a: np.ndarray, image_b: np.ndarray) -> Verification:
        """Returns whether two images `(height, width, channels)` show the same person.

        Raises:
            ValueError: If they are not images of one shape, or the encoder gives no vectors.
        """
        similarity = float(self.similarity(_one(image_a), _one(image_b))[0])
        return Verification(similarity, self.threshold, similarity >= self.threshold)

    def similarity(self, images_a: np.ndarray, images_b: np.ndarray) -> np.ndarray:
        """Returns the cosine of each pair of two batches of images, float32 `(n,)`.

        Raises:
            ValueError: If the batches are of two shapes, or the encoder gives no vectors.
        """
        if np.shape(images_a) != np.shape(images_b):
            raise ValueError(
                "`images_a` and `images_b` must have one shape. Received: "
                f"{np.shape(images_a)} and {np.shape(images_b)}."
            )
        a, b = (embed_unit(self.embed, x, self.mirrored) for x in (images_a, images_b))
        return np.clip(np.sum(a * b, axis=1), -1.0, 1.0)


def embed_unit(embed: Embed, images: np.ndarray, mirrored: bool = False) -> np.ndarray:
    """Returns embeddings of length 1, float32 `(n, d)`; a vector of zeros stays one.

    Args:
        embed: As in `FaceVerifier`. It gets at most 64 images at once.
        images: Images `(n, height, width, channels)`, at least one.
        mirrored: As in `FaceVerifier`.

    Raises:
        ValueError: If there is no batch of images, or `embed` does not give a vector for each.
    """
    images = np.asarray(images, np.float32)
    if images.ndim != 4 or not len(images):
        raise ValueError(
            "`images` must be at least one image, (n, height, width, channels). Received: "
            f"{images.shape}. An image alone needs `image[None]`."
        )
    vectors = _unit(_embed(embed, images))
    if mirrored:
        vectors = _unit(vectors + _unit(_embed(embed, images[:, :, ::-1])))
    return vectors


def choose_threshold(
    similarity: np.ndarray, same: np.ndarray, false_accept_rate: float = 0.01
) -> float:
    """Returns the smallest threshold that accepts no more pairs of two people than a rate.

    Choose it on people who are neither in training, on whom it would be far too low, nor among
    those on whom the result is evaluated.

    Args:
        similarity: Cosine of each pair `(n,)`.
        same: Whether it is of one person `(n,)`.
        false_accept_rate: Share of the pairs of two people that may be taken for one, above 0 and
            below 1.

    Raises:
        ValueError: If an argument is out of its range, or there are fewer pairs of two people
            than 1 / `false_accept_rate`.

    Example:
        >>> threshold = choose_threshold(similarity, same, 0.001)
    """
    similarity, same = check_pairs(similarity, same)
    if not 0 < false_accept_rate < 1:
        raise ValueError(
            f"`false_accept_rate` must be above 0 and below 1. Received: {false_accept_rate!r}."
        )
    impostors = np.sort(similarity[~same])[::-1]
    allowed = int(np.floor(false_accept_rate * len(impostors) + 1e-9))
    if allowed < 1:
        raise ValueError(
            "`false_accept_rate` must be at least 1 in the number of pairs of two people. "
            f"Received: {false_accept_rate!r} for {len(impostors)} such pairs."
        )
    if allowed == len(impostors):
        return -1.0
    # Just above the first that must not be accepted.
    return min(float(np.nextafter(impostors[allowed], np.inf)), 1.0)


def check_pairs(similarity: Any, same: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns similarities as float64 and labels as bool, both `(n,)`.

    Raises:
        ValueError: If they are not as many, or not finite, or none is of one person or of two.
    """
    similarity = np.asarray(similarity, np.float64)
    same = np.asarray(same)
    if similarity.ndim != 1 or similarity.shape != same.shape:
        raise ValueError(
            "`similarity` and `same` must be as many numbers, (n,). Received: "
            f"{similarity.shape} and {same.shape}."
        )
    if not np.all(np.isfinite(similarity)):
        raise ValueError("`similarity` must be finite. Received: NaN or infinity.")
    if set(np.unique(same).tolist()) != {0, 1}:
        raise ValueError(
            "`same` must be 1 for pairs of one person and 0 for pairs of two, with some of each. "
            f"Received: {np.unique(same)[:5].tolist()}."
        )
    return similarity, same.astype(bool)


def _embed(embed: Embed, images: np.ndarray) -> np.ndarray:
    starts = range(0, len(images), _BATCH)
    vectors = [np.asarray(embed(images[i : i + _BATCH]), np.float32) for i in starts]
    shapes = [(x.ndim, len(x)) for x in vectors]
    if shapes != [(2, len(images[i : i + _BATCH])) for i in starts]:
        raise ValueError(
            "`embed` must return a vector for each image, (n, d). Received: "
            f"{vectors[0].shape} for {len(images[:_BATCH])} images."
        )
    return np.concatenate(vectors)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _one(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim != 3:
        raise ValueError(
            f"An image must be an array (height, width, channels). Received: {image.shape}."
        )
    return image[None]
