"""The task of recognizing people by their faces: one image becomes a vector."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_cv_course.data import all_pairs, digit_people, people_folder, split_people
from keras_cv_course.data.framing import Frame
from keras_cv_course.data.people import People
from keras_cv_course.faces.encoder import FaceEncoder, SiameseEncoder, face_maps
from keras_cv_course.faces.mobile_face_net import MobileFaceNet
from keras_cv_course.faces.photographs import crop_center
from keras_cv_course.faces.projection import fit_projection
from keras_cv_course.faces.verification import choose_threshold, embed_unit
from keras_cv_course.faces.verification_report import VerificationReport, verification_report
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.predictors.predictor import Predictor
from keras_cv_course.predictors.results import Embedding, Result
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks.base import Evaluation, Progress, Samples, Task, Training, silent
from keras_cv_course.tasks.bodies import build_body
from keras_cv_course.tasks.held_out import HeldOutMetrics
from keras_cv_course.tasks.splits import absolute, chosen_split
from keras_cv_course.tasks.verification_args import DIGITS
from keras_cv_course.tasks.verification_args import Args as VerificationArgs
from keras_cv_course.tasks.verification_args import Export as VerificationExport
from keras_cv_course.tasks.verification_args import Predict as VerificationPredict
from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.training.face_encoder import FaceOptions, distorted_copies, face_training
from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.verification_plots import plot_verification

# Share of the pairs of two people that the threshold may accept.
FALSE_ACCEPT_RATE = 0.01
# A person needs two images to be a pair.
_FEWEST_IMAGES = 2
_BATCH_NORM_MOMENTUM = 0.99
# Images that an epoch is judged by, and that the projection is set from.
_MOST_JUDGED = 1000
_MOST_PROJECTED = 2000


@dataclass(frozen=True)
class PeopleData:
    """Whom a run learns from, and who is held out.

    Attributes:
        train: People to learn from.
        val: Others.
        skipped: Files that could not be decoded.
    """

    train: People
    val: People
    skipped: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Empty: an encoder is for people who are not in the data."""
        return ()

    @property
    def split_files(self) -> dict[str, tuple[str, ...]]:
        """Paths of the files of each split; none of digits."""
        parts = {"train": self.train, "val": self.val}
        return {
            name: tuple(map(str, people.images))
            for name, people in parts.items()
            if people.images.ndim == 1
        }


class VerificationTask(Task):
    """Decides whether two images show one person, by the cosine of their vectors."""

    name = "verify"
    summary = "recognize people by their faces"
    Args = VerificationArgs
    Predict = VerificationPredict
    Export = VerificationExport
    metrics = ("eer",)
    resize = "crop"

    @staticmethod
    def score(row: Mapping[str, float]) -> tuple[float, ...]:
        """Returns the score of an epoch: a low equal error rate."""
        return (-float(row["val_eer"]),)

    def open(self, args: VerificationArgs, files: Mapping[str, Any] | None = None) -> PeopleData:
        """Returns people of a folder, or digits; no person is on both sides."""
        people = _people(args.source)
        train, val = _split(people, args.source, args.held_out, args.recipe.seed)
        return PeopleData(train, val, people.skipped)

    def build(self, args: VerificationArgs, data: PeopleData) -> keras.Model:
        """Returns an encoder; of one on a trained backbone, the projection is fitted to people."""
        encoder = _NETWORKS[args.model](args)
        if args.weights is not None:
            some = data.train.at_most(_MOST_PROJECTED)
            shape, values, seed = args.input_shape, args.input_range, args.recipe.seed
            copies = distorted_copies(some, shape, values, crop=args.crop, seed=seed)
            fit_projection(encoder, *copies, seed=seed)
        return encoder

    def spec(self, args: VerificationArgs, data: PeopleData) -> dict[str, Any]:
        """Returns the fields of the spec of the encoder, with how its images are made ready."""
        facts = {"crop": args.crop, "mirrored": args.mirrored}
        return {**super().spec(args, data), "facts": facts}

    def training(
        self, model: keras.Model, args: VerificationArgs, recipe: Recipe, data: PeopleData
    ) -> Training:
        """Returns the encoder with a head that is thrown away, and batches of people."""
        options = FaceOptions(
            args.margin,
            args.scale,
            args.people_per_batch,
            args.images_per_person,
            args.crop,
        )
        trained, train = face_training(model, data.train, recipe, options, args.input_range)
        judged = Samples("val", data.val.at_most(_MOST_JUDGED))
        predictor = self.predictor(model, spec_of(model), args.input_shape, self.Predict())
        measured = HeldOutMetrics(lambda: {"eer": self._report(predictor, judged).eer})
        return Training(trained, train, None, self.score, model, (measured,))

    def calibration(self, args: VerificationArgs, data: PeopleData, count: int) -> np.ndarray:
        """Returns images of people who are learned from, drawn from all of them."""
        order = np.random.default_rng(args.recipe.seed).permutation(len(data.train.labels))
        shape, values = args.input_shape, args.input_range
        return data.train.load(shape, values, args.crop, np.sort(order[:count]))

    def held_out(self, data: PeopleData) -> Samples:
        """Returns the people who are not learned from."""
        return Samples("val", data.val)

    def samples(
        self, predictor: Predictor, args: Mapping[str, Any], source: str, split: str | None
    ) -> Samples:
        """Returns people that an encoder is measured on.

        Of the data that it was trained on, "val" is the people held out then, and "train" the
        others; of other data, all people are taken.
        """
        source = absolute(source, VerificationArgs.BUILT_IN)
        if source != args.get("data") and source != DIGITS:
            if split is not None:
                raise ValueError(
                    f"{source} has no splits: all its people are strangers to the encoder. Leave "
                    "out --split."
                )
            return Samples("all", _people(source))
        held_out = args.get("held_out", VerificationArgs.held_out)
        seed = args.get("recipe", {}).get("seed", 0)
        parts = _split(_people(source), source, held_out, seed)
        people = dict(zip(("train", "val"), parts, strict=True))
        return Samples(*chosen_split(people, split, "val", source))

    def limited(self, samples: Samples, limit: int) -> Samples:
        """Returns at most `limit` images, of as many people as have two of them."""
        return Samples(samples.split, samples.content.at_most(limit))

    def evaluate(
        self, predictor: Predictor, samples: Samples, progress: Progress = silent
    ) -> Evaluation:
        """Returns how well pairs of one person are separated from pairs of two."""
        report = self._report(predictor, samples, progress)
        numbers = {"eer": report.eer, "auc": report.auc, "accuracy": report.accuracy}
        for rate in report.accept_rates:
            if rate.true_accept_rate is not None:
                numbers[f"TAR@{rate.false_accept_rate:g}"] = rate.true_accept_rate
        far = max(FALSE_ACCEPT_RATE, 1 / report.impostor)
        threshold = choose_threshold(report.similarity, report.same, far)
        return Evaluation(
            metrics=numbers,
            images=len(samples.content.labels),
            details={"threshold": threshold, "report": report.to_dict()},
            plots={
                "verification": lambda path: plot_verification(
                    {"held-out people": report}, path, threshold
                )
            },
            facts={"threshold": threshold, "false_accept_rate": far},
        )

    def read_outputs(
        self,
        outputs: Any,
        images: Sequence[np.ndarray],
        frames: Sequence[Frame],
        spec: ModelSpec,
        options: VerificationPredict,
    ) -> list[Result]:
        """Returns the vector of each image, of length 1."""
        vectors = np.asarray(outputs, np.float32)
        return [Embedding(image, row) for image, row in zip(images, vectors, strict=True)]

    def prepare(self, image: np.ndarray, spec: ModelSpec) -> np.ndarray:
        """Returns the middle of an image, as much of it as in training."""
        share = float(spec.facts.get("crop", 1.0))
        return crop_center(image, share)

    def call(
        self, model: keras.Model | TFLiteModel, spec: ModelSpec, options: VerificationPredict
    ) -> Callable[[np.ndarray], Any]:
        """Returns what embeds a batch, mirrored as well where the encoder was measured so."""
        embed = super().call(model, spec, options)
        return partial(embed_unit, embed, mirrored=bool(spec.facts.get("mirrored", False)))

    def _report(
        self, predictor: Predictor, samples: Samples, progress: Progress = silent
    ) -> VerificationReport:
        people: People = samples.content
        results = progress(predictor.stream(list(people.images)), len(people.labels))
        vectors = np.stack([result.embedding for result in results])
        a, b, same = all_pairs(people.labels)
        return verification_report(np.einsum("nd,nd->n", vectors[a], vectors[b]), same)


def _people(source: str) -> People:
    return digit_people() if source == DIGITS else people_folder(source, _FEWEST_IMAGES)


def _split(people: People, source: str, held_out: float, seed: int) -> tuple[People, People]:
    count = round(len(people.names) * held_out)
    if not 2 <= count <= len(people.names) - 2:
        raise ValueError(
            "`held_out` must leave at least two people on each side. Received: "
            f"{held_out} of the {len(people.names)} people of {source} with two images or more."
        )
    return split_people(people, held_out, seed)


def _face_encoder(args: VerificationArgs) -> keras.Model:
    body = build_body(args, args.backbone, _BATCH_NORM_MOMENTUM)
    return FaceEncoder(face_maps(body), args.embedding_dim, grid=args.grid)


_NETWORKS: dict[str, Callable[[VerificationArgs], keras.Model]] = {
    "face_encoder": _face_encoder,
    "mobile_face_net": lambda args: MobileFaceNet(args.input_shape, args.embedding_dim),
    "siamese_encoder": lambda args: SiameseEncoder(args.input_shape, args.embedding_dim),
}


TASK = VerificationTask()
