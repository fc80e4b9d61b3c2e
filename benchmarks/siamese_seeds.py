"""How many seeds of a Siamese network with a sigmoid unit learn, for each distance.

1,200 pairs of scikit-learn's handwritten digits, half of one digit and half of two; accuracy on
400 other pairs, where chance is 0.5. `--any-sign` lets the unit behind the distance start with any
sign, as a plain Dense would. Prints Markdown.
"""

import argparse

import keras
import numpy as np
from machine import caption

from keras_cv_course.data import digit_people
from keras_cv_course.data.pairs import sample_pairs
from keras_cv_course.faces import SiameseEncoder, SiameseNetwork

LEARNED = 0.6  # accuracy; networks that collapse stay at 0.5


def accuracy(
    images: np.ndarray, labels: np.ndarray, distance: str, seed: int, any_sign: bool
) -> float:
    """Returns the accuracy of one network on pairs that it has not seen."""
    keras.utils.set_random_seed(seed)
    a, b, same = sample_pairs(labels, 1200, np.random.default_rng(seed))
    network = SiameseNetwork(SiameseEncoder((8, 8, 1)), distance)
    if any_sign:
        kernel = network.get_layer("same_logit").kernel
        kernel.assign(keras.initializers.GlorotUniform(seed=seed)(kernel.shape))
    network.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    network.fit([images[a], images[b]], same[:, None].astype("float32"), epochs=30, verbose=0)
    a, b, same = sample_pairs(labels, 400, np.random.default_rng(1000 + seed))
    targets = same[:, None].astype("float32")
    return float(network.evaluate([images[a], images[b]], targets, verbose=0)[1])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--any-sign", action="store_true")
    args = parser.parse_args()
    people = digit_people()
    images = people.images.astype("float32") / 255
    print(f"{caption()}\n\n| distance | seeds that learn | lowest | mean | highest |")
    print("|---|---|---|---|---|")
    for distance in ("euclidean", "absolute", "cosine"):
        accuracies = [
            accuracy(images, people.labels, distance, seed, args.any_sign)
            for seed in range(args.seeds)
        ]
        learned = sum(value > LEARNED for value in accuracies)
        print(
            f"| {distance} | {learned} of {len(accuracies)} | {min(accuracies):.3f} "
            f"| {np.mean(accuracies):.3f} | {max(accuracies):.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
