"""Trains a detector by a recipe, in a run folder, as `fitting` trains a classifier."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras

from keras_cv_course._validation import check_whole
from keras_cv_course.data.box_augmentation import MIXUP_ALPHA, augmented_boxes, random_shapes
from keras_cv_course.data.detection import with_targets
from keras_cv_course.data.epochs import Epochs, as_epochs
from keras_cv_course.detectors.any_size import spec_at
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.detectors.detector import Detector
from keras_cv_course.metrics.detection_callback import AveragePrecision
from keras_cv_course.training.applying import recipe_callbacks, recipe_optimizer
from keras_cv_course.training.detection import compile_detector, target_encoder
from keras_cv_course.training.fitting import Training, fit_run
from keras_cv_course.training.history import best_row
from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.run_folder import RunFolder

# Of SSD's windows: as much further away as half of the closer look.
_ZOOM_OUT = 0.6
MONITOR = "val_AP50"
# Of the detections that average precision is computed of.
LOWEST_SCORE = 0.01


def fit_detector(
    model: keras.Model,
    recipe: Recipe,
    train: Any,
    samples: Callable[[], Iterable[Any]],
    class_names: Sequence[str],
    run: RunFolder,
    resize: str = "stretch",
    every: int = 1,
    verbose: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **loss_options: Any,
) -> dict[str, list[float]]:
    """Returns loss and average precision of every epoch; the best model is then in `run.model`.

    Compiles with the optimizer, rates and penalties of the recipe and the loss of the detector's
    family, and trains in the run folder as `fit_run` does, so that it resumes after a kill. The
    best model is that of the highest AP50. What the recipe does to images is done to `train`
    before, see `detection_images`.

    Args:
        model: A detector, float or quantization-aware.
        recipe: How to train.
        train: `Epochs`, or a `tf.data.Dataset` of a known number of batches, of (images,
            targets), see `target_encoder`.
        samples: Called before each evaluation, returns held-out images and what is in them.
        class_names: Names of the classes, by label.
        run: Where the files go.
        resize: How `train` brings images to the size of the input, see `Detector`.
        every: Epochs from one evaluation to the next; the last epoch is evaluated in any case.
        verbose: As in `model.fit`.
        callbacks: More callbacks for `model.fit`, the same when the run continues.
        **loss_options: Options of the loss, see `compile_detector`.

    Returns:
        Columns of `run.results`: "epoch", "loss", those of the heads, "val_AP", "val_AP50" (NaN in
        epochs without an evaluation) and "learning_rate".

    Raises:
        ValueError: If `every` is out of its range, the loss cannot do what the recipe asks for, the
            model is not a detector, `train` has no known length, or `run.resume` holds the state of
            another model.
        FloatingPointError: If the loss becomes NaN or infinite.
    """
    options = (resize, every)
    training = detector_training(
        model, recipe, train, samples, class_names, *options, **loss_options
    )
    return fit_run(
        training.model,
        training.train,
        None,
        run,
        recipe.epochs,
        verbose,
        [*recipe_callbacks(recipe), *callbacks, *training.callbacks],
        score=training.score,
        saved_model=training.saved_model,
    )


def detector_training(
    model: keras.Model,
    recipe: Recipe,
    train: Any,
    samples: Callable[[], Iterable[Any]],
    class_names: Sequence[str],
    resize: str = "stretch",
    every: int = 1,
    **loss_options: Any,
) -> Training:
    """Returns a compiled detector with its images and the callback that measures it.

    Args:
        model: As in `fit_detector`, like the other arguments.
        recipe: How to train.
        train: (images, targets).
        samples: Returns held-out images and what is in them.
        class_names: Names of the classes, by label.
        resize: How images are brought to the size of the input.
        every: Epochs from one evaluation to the next.
        **loss_options: Options of the loss.

    Raises:
        ValueError: As in `fit_detector`.
    """
    check_whole("every", every)
    train = as_epochs(train)
    if recipe.label_smoothing:
        loss_options["label_smoothing"] = recipe.label_smoothing
    optimizer = recipe_optimizer(model, recipe, train.batches)
    several = bool(recipe.batch_sizes_px)
    trained = compile_detector(model, optimizer, several, **loss_options)
    detector = Detector(model, class_names, score_threshold=LOWEST_SCORE, resize=resize)
    scores = _Precision(recipe.epochs, detector.predict, samples, class_names, every)
    return Training(trained, train, None, by_average_precision, model, (scores,))


class _Precision(AveragePrecision):
    """Evaluates every few epochs, counted so that the last one is among them."""

    def __init__(self, epochs: int, *args: Any) -> None:
        super().__init__(*args)
        self.shift = (self.every - epochs) % self.every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch + self.shift, logs)


def by_average_precision(row: Mapping[str, float]) -> tuple[float, ...]:
    """Returns the score of an epoch by which detectors are kept; one not evaluated has the least.

    Args:
        row: The epoch's numbers by name.
    """
    score = float(row[MONITOR])
    return (-math.inf if math.isnan(score) else score,)


def best_epoch(history: Mapping[str, Sequence[float]]) -> int:
    """Returns the row of the epoch of the highest AP50, of equal ones the first."""
    return best_row(history, by_average_precision)


def detection_images(
    batches: Epochs, recipe: Recipe, model: keras.Model, input_range: tuple[float, float]
) -> Epochs:
    """Returns batches for `fit_detector` as a recipe wants them: changed, resized, with targets.

    Args:
        batches: As `data.detection_epochs` gives them.
        recipe: How to train: `mosaic`, `mixup`, `zoom` (and with it shifts), `flip`, `colour`,
            `batch_sizes_px`.
        model: The detector.
        input_range: Smallest and largest value that it takes.
    """
    steps = {
        "mosaic": recipe.mosaic,
        "mixup": recipe.mixup > 0,
        "window": recipe.zoom > 0,
        "flip": recipe.flip,
        "colour": recipe.colour,
    }
    chosen = [step for step, wanted in steps.items() if wanted]
    if chosen:
        sides = (1 - recipe.zoom, 1 + _ZOOM_OUT * recipe.zoom)
        alpha = recipe.mixup or MIXUP_ALPHA
        batches = augmented_boxes(batches, chosen, recipe.seed, 1.0, sides, alpha)
    if not recipe.batch_sizes_px:
        return with_targets(batches, target_encoder(detection_spec(model)), input_range)
    sizes = recipe.batch_sizes_px
    encoders = {(size, size): target_encoder(spec_at(model, (size, size))) for size in sizes}
    return with_targets(random_shapes(batches, sizes, seed=recipe.seed), encoders, input_range)
