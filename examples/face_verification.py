"""Trains an encoder of faces, takes it to int8, and verifies people it has never seen.

    python examples/face_verification.py
    python examples/face_verification.py --data people --weights imagenet

`people` holds a folder of images for each person, cropped alike; without it, handwritten digits
stand in: the encoder learns on six digits to distinguish others. Half of the people held out decide
the threshold, half the result: by people whom the encoder has learned by heart, a threshold comes
out far too low. The folder `--out` then holds `encoder.keras`, `encoder.tflite`, the image
`roc.png`, and `verification.json` and `.npz` with threshold, report and pairs, where
`keras-cv-course faces` and `face_demo.py` find them.

Seed 0, one split, as int8 files: digits EER 27.9 % of 63,903 pairs (float 25.0 %), a minute; ORL's
30 people with MobileNetV2 from ImageNet EER 2.87 % of 1,770 pairs (float 3.60 %), three minutes on
two cores that had other work as well. benchmarks/faces.md has folds and intervals.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from keras_cv_course import MobileNetV2
from keras_cv_course.data import People, all_pairs, digit_people, people_folder, split_people
from keras_cv_course.faces import (
    FaceEncoder,
    FaceVerifier,
    SiameseEncoder,
    choose_threshold,
    face_maps,
    fit_projection,
    verification_report,
)
from keras_cv_course.faces.verification import Embed, embed_unit
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert
from keras_cv_course.training import (
    FaceOptions,
    Recipe,
    distorted_copies,
    fit_face_encoder,
    plot_verification,
    save_verification,
    train_only,
)

DIGITS = Recipe(epochs=20, learning_rate=3e-3, warmup_epochs=0)
FACES = Recipe(
    epochs=3,
    learning_rate=3e-5,
    warmup_epochs=0,
    flip=True,
    shift=0.06,
    turn=0.02,
    zoom=0.1,
    colour=True,
)
INT8_EPOCHS = 2
FACES_RANGE, DIGITS_RANGE = (-1.0, 1.0), (0.0, 1.0)

Pairs = tuple[np.ndarray, np.ndarray]


def digit_encoder(train: People, recipe: Recipe, faces: FaceOptions) -> keras.Model:
    """Returns the course's encoder, trained from nothing."""
    encoder = SiameseEncoder((28, 28, 1))
    fit_face_encoder(encoder, train, recipe, faces, verbose=2)
    return encoder


def face_encoder(
    train: People, recipe: Recipe, faces: FaceOptions, options: argparse.Namespace
) -> keras.Model:
    """Returns an encoder on MobileNetV2, its projection set from the people, and fine-tuned."""
    shape = (options.size, options.size, 3)
    weights = None if options.weights == "none" else options.weights
    backbone = MobileNetV2(shape, options.alpha, include_top=False, weights=weights)
    encoder = FaceEncoder(face_maps(backbone), grid=options.size // 32)
    copies = distorted_copies(train, shape, FACES_RANGE, crop=faces.crop, seed=recipe.seed)
    fit_projection(encoder, *copies)
    train_only(encoder, ("stage5", "stage6", "p3_", "p4_", "expanded_"))
    fit_face_encoder(encoder, train, recipe, faces, verbose=2)
    return encoder


def similarity(embed: Embed, images: np.ndarray, labels: np.ndarray) -> Pairs:
    """Returns the cosine of every pair of images, and whether it is of one person."""
    vectors = embed_unit(embed, images)
    a, b, same = all_pairs(labels)
    return np.sum(vectors[a] * vectors[b], axis=1), same


def parse() -> argparse.Namespace:
    """Returns what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with a folder for each person")
    parser.add_argument("--weights", default="imagenet", help='"imagenet", a file, or "none"')
    parser.add_argument("--size", type=int, default=160, help="of the network's input, in pixels")
    parser.add_argument("--alpha", type=float, default=1.0, help="width of the network")
    parser.add_argument("--crop", type=float, default=1.0, help="share of each side that is kept")
    parser.add_argument(
        "--held-out", type=float, default=0.4, help="share of people not trained on"
    )
    parser.add_argument("--far", type=float, default=0.01, help="false accepts of the threshold")
    parser.add_argument("--epochs", type=int, help="of training in float")
    parser.add_argument("--out", type=Path, default=Path("runs/faces"), help="folder to write")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Trains, exports, verifies, and writes the report."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)

    keras.utils.set_random_seed(options.seed)
    people = people_folder(options.data, min_images=2) if options.data else digit_people()
    train, held_out = split_people(people, options.held_out, options.seed)
    deciding, unseen = split_people(held_out, 0.5, options.seed)
    print(f"learns on {len(train.names)}, decides by {deciding.names}, is tried on {unseen.names}")
    recipe, values = (FACES, FACES_RANGE) if options.data else (DIGITS, DIGITS_RANGE)
    recipe = replace(recipe, epochs=options.epochs or recipe.epochs, seed=options.seed)
    faces = FaceOptions(crop=options.crop)
    if options.data:
        encoder = face_encoder(train, recipe, faces, options)
    else:
        encoder = digit_encoder(train, recipe, faces)

    learned, decided, images = (
        x.load(encoder.input_shape[1:], values, options.crop) for x in (train, deciding, unseen)
    )
    typical = np.random.default_rng(options.seed).permutation(learned)[:200]
    aware = quantize_aware(encoder, typical, input_range=values)
    tuning = replace(recipe, epochs=INT8_EPOCHS, learning_rate=recipe.learning_rate / 10)
    fit_face_encoder(aware, train, tuning, faces, verbose=2)
    encoder.save(options.out / "encoder.keras")
    file = convert(aware, options.out / "encoder.tflite", "int8", "uint8")
    print(f"{file.path}: {file.size_bytes:,} bytes")

    embed = TFLiteModel(file.path)
    threshold = choose_threshold(*similarity(embed, decided, deciding.labels), options.far)
    reports = {
        "int8 file": verification_report(*similarity(embed, images, unseen.labels)),
        "float": verification_report(*similarity(encoder.predict_on_batch, images, unseen.labels)),
    }
    for name, report in reports.items():
        print(f"{name}: {report}")
        accepted = report.similarity >= threshold
        print(
            f"at {threshold:.4f}, {options.far:.0%} of false accepts of who decides: "
            f"{np.mean(accepted[report.same]):.1%} of one person accepted, "
            f"{np.mean(accepted[~report.same]):.2%} of two"
        )
    plot_verification(reports, options.out / "roc.png", threshold)
    save_verification(options.out, reports["int8 file"], threshold, values, crop=options.crop)
    verifier = FaceVerifier(embed, threshold)
    for same in (True, False):
        other = 1 + int(np.argmax((unseen.labels[1:] == unseen.labels[0]) == same))
        who = [unseen.names[unseen.labels[row]] for row in (0, other)]
        print(who, verifier.verify(images[0], images[other]))


if __name__ == "__main__":
    main()
