"""A task from outside the package goes through every command without an edit in the package."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_cv_course.data.epochs import Epochs, shuffled
from keras_cv_course.predictors.drawing import draw_lines
from keras_cv_course.predictors.results import Result
from keras_cv_course.tasks import TASKS, register_task
from keras_cv_course.tasks.args import RunArgs, option
from keras_cv_course.tasks.base import Evaluation, Samples, Task, silent
from keras_cv_course.training import recipe_optimizer
from keras_cv_course.training.fitting import Checkpoint, Training
from keras_cv_course.training.recipe import Recipe

SIDE, MOST = 24, 6
RECIPE = Recipe(epochs=30, learning_rate=0.02)


@dataclass(frozen=True)
class Args(RunArgs):
    BUILT_IN = ("dots",)
    WITHOUT = frozenset({"alpha", "mixup", "label_smoothing"})
    data: str = option("dots", "Drawn dots.")
    model: str = option("mobilenet", "Not used.")
    imgsz: int | None = option(SIDE, "Height and width.")
    batch: int = option(16, "Images in a batch.")
    recipe: Recipe = RECIPE


@dataclass(frozen=True)
class Predict:
    digits: int = option(1, "Decimal places of a count.")


@dataclass(frozen=True)
class Export:
    pass


@dataclass(frozen=True, eq=False)
class Count(Result):
    COLUMNS = ("dots",)
    count: float

    def to_dict(self):
        return {"dots": self.count}

    def rows(self):
        return [(str(self.count),)]

    def draw(self):
        return draw_lines(self.image, [f"{self.count} dots"])


@dataclass(frozen=True)
class Dots:
    train: tuple[np.ndarray, np.ndarray]
    val: tuple[np.ndarray, np.ndarray]
    class_names: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    split_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def draw(count, seed):
    rng = np.random.default_rng(seed)
    images = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    numbers = rng.integers(0, MOST + 1, count)
    for image, number in zip(images, numbers, strict=True):
        for place in rng.permutation(36)[:number]:
            y, x = 4 * (place // 6), 4 * (place % 6)
            image[y + 1 : y + 3, x + 1 : x + 3] = 255
    return images, numbers.astype(np.float32)[:, None]


class CountTheDots(Task):
    name, summary = "count", "count dots"
    Args, Predict, Export = Args, Predict, Export
    metrics = ("error",)

    @staticmethod
    def score(row):
        return (-row["val_error"],)

    def open(self, args, files=None):
        return Dots(draw(96, args.recipe.seed), draw(32, args.recipe.seed + 1))

    def build(self, args, data):
        image = keras.Input(args.input_shape, name="image")
        x = keras.layers.Conv2D(8, 4, 4, activation="relu", name="dots_conv")(image)
        x = keras.layers.Flatten(name="dots_flat")(x)
        return keras.Model(image, keras.layers.Dense(1, name="dots")(x))

    def training(self, model, args, recipe, data):
        images, numbers = (tf.constant(part) for part in data.train)
        low, high = args.input_range

        def at(epoch):
            order = shuffled(len(images), recipe.seed, epoch)
            rows = tf.data.Dataset.from_tensor_slices(order).batch(args.batch)
            scale = (high - low) / 255
            return rows.map(
                lambda i: (
                    tf.cast(tf.gather(images, i), tf.float32) * scale + low,
                    tf.gather(numbers, i),
                )
            )

        epochs = Epochs(at, -(-len(images) // args.batch))
        metric = keras.metrics.MeanAbsoluteError(name="error")
        model.compile(recipe_optimizer(model, recipe, epochs.batches), "mse", metrics=[metric])
        val = Epochs(at, epochs.batches).at(tf.constant(0, tf.int64))
        return Training(model, epochs, val, self.score)

    def calibration(self, args, data, count):
        low, high = args.input_range
        return data.train[0][:count].astype(np.float32) / 255 * (high - low) + low

    def held_out(self, data):
        return Samples("val", data.val)

    def samples(self, predictor, args, source, split):
        return Samples(split or "val", draw(32, 1))

    def limited(self, samples, limit):
        images, numbers = samples.content
        return Samples(samples.split, (images[:limit], numbers[:limit]))

    def evaluate(self, predictor, samples, progress=silent):
        images, numbers = samples.content
        counts = [result.count for result in progress(predictor.results(images), len(images))]
        error = np.abs(np.array(counts) - numbers[:, 0]).mean()
        return Evaluation({"error": float(error)}, len(images))

    def read_outputs(self, outputs, images, frames, spec, options):
        counts = np.round(np.asarray(outputs)[:, 0].astype(float), options.digits)
        return [Count(image, float(n)) for image, n in zip(images, counts, strict=True)]


@pytest.fixture(autouse=True)
def task():
    register_task(CountTheDots())
    yield TASKS["count"]
    del TASKS["count"]


def test_a_task_of_ones_own_goes_through_every_command(keras_cv_course, tmp_path, monkeypatch):
    end = Checkpoint.on_epoch_end

    def broken_off(self, epoch, logs=None):
        end(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    train = partial(keras_cv_course, "train", "--project", tmp_path)
    whole = train("--task", "count", "--qat", "--qat-epochs", 2, "--name", "whole", "--json").json
    assert whole["qat"]["error"] < 1.0
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", broken_off)
        assert train("--task", "count", "--qat", "--qat-epochs", 2, "--name", "a").code == 130
    resumed = train("--resume", "--json").json
    assert resumed.pop("run") == str(tmp_path / "a")
    del whole["run"]
    assert resumed == whole
    run = tmp_path / "a"
    assert {p.name for p in run.glob("*.png")} == {"results.png", "results_qat.png"}
    assert keras_cv_course("evaluate", run, "--json").json["error"] == pytest.approx(whole["error"])
    Image.fromarray(draw(1, 5)[0][0]).save(tmp_path / "dots.png")
    rows = keras_cv_course("predict", run, tmp_path / "dots.png", "--digits", 2, "--json").json
    assert rows[0]["dots"] == pytest.approx(draw(1, 5)[1][0, 0], abs=2)
    assert keras_cv_course("predict", run, tmp_path / "dots.png", "--out", tmp_path / "o").code == 0
    assert (tmp_path / "o" / "dots_result.png").is_file()
    for name, options in (("model", ()), ("model_qat", ())):
        exported = keras_cv_course("export", run / f"{name}.keras", *options, "--json")
        assert exported.code == 0, exported.err
        line = ("compare", run / f"{name}.keras", exported.json["path"], "--limit", 8, "--json")
        before, after = keras_cv_course(*line).json["compared"]
        assert after["error"] == pytest.approx(before["error"], abs=0.5)
    assert keras_cv_course("evaluate", exported.json["path"]).code == 0


def test_what_has_no_meaning_for_the_task_is_refused_by_name(keras_cv_course, tmp_path):
    line = ("train", "--task", "count", "--project", tmp_path)
    assert "`alpha` has no meaning" in keras_cv_course(*line, "--alpha", 0.5).err
    assert "--task count has no --stride" in keras_cv_course(*line, "--stride", 16).err
    with pytest.raises(ValueError, match=r"`task` must have a name of its own\. Received: 'count'"):
        register_task(CountTheDots())
