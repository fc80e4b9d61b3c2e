"""Training from its arguments to a whole run folder; `train` and `demo` share it."""

import dataclasses
import importlib.metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_cv_course import __version__
from keras_cv_course._atomic import replacing
from keras_cv_course.cli.sources import open_data
from keras_cv_course.cli.train_args import DIGITS, TrainArgs
from keras_cv_course.data import ImageDataset, calibration_array
from keras_cv_course.networks.loading import load_model
from keras_cv_course.quantization import FreezeRanges, quantize_aware
from keras_cv_course.registry import build_model
from keras_cv_course.training import (
    RateSearch,
    Recipe,
    RunFolder,
    compile_classifier,
    compute_reproducibly,
    create_run,
    evaluate_classifier,
    find_learning_rate,
    fit_classifier,
    freeze_first,
    in_precision,
    plot_confusion,
    plot_rates,
    plot_results,
    prepared_for,
    strategy_scope,
    synchronize_batch_norm,
)
from keras_cv_course.training.history import best_row
from keras_cv_course.training.tensorboard_logs import check_tensorboard, tensorboard_logs

# The families' own 0.99 to 0.999 leaves the statistics unsettled after a few hundred steps.
_BATCH_NORM_MOMENTUM = 0.9
_CALIBRATION = 200  # pictures
_QAT_RATE = 0.1  # of the float training's learning rate


def start_run(
    args: TrainArgs,
    project: str,
    name: str | None,
    exist_ok: bool,
    verbose: int,
    find_lr: bool = False,
) -> tuple[RunFolder, dict[str, Any]]:
    """Returns a new run folder with a trained model, and the report in it.

    Args:
        args: What to train.
        project: Folder of the run folders.
        name: Name of the run; None counts up.
        exist_ok: Whether a run of this name is overwritten.
        verbose: As in `model.fit`.
        find_lr: Whether the recipe's rate is replaced by that at which the loss falls fastest.

    Raises:
        ValueError: If the data or the model cannot be had as `args` want it.
        FileExistsError: If there is a run of this name and `exist_ok` is False.
    """
    if args.data != DIGITS:
        # So that the run can go on, and be evaluated, from another working directory.
        args = dataclasses.replace(args, data=str(Path(args.data).expanduser().resolve()))
    # The data and the model first: what is wrong with them is told before a folder is made.
    data = _data(args)
    facts = {
        "class_names": list(data.class_names),
        "input_shape": list(data.input_shape),
        "input_range": list(data.input_range),
        "skipped": list(data.skipped),
        "versions": _versions(),
    }
    with strategy_scope(args.strategy) as devices:
        model = _model(args, len(data.class_names), devices)
        search = _search(args, data, model) if find_lr else None
        if search is not None:
            recipe = dataclasses.replace(args.recipe, learning_rate=search.steepest)
            args = dataclasses.replace(args, recipe=recipe)
        run = create_run({**args.to_yaml(), **facts}, project, name, exist_ok)
        if search is not None:
            plot_rates(search, run.rates_plot)
        history = _fit(run, args, data, model, args.recipe, verbose)
    return run, _complete(run, args, data, history, verbose)


def continue_run(run: RunFolder, verbose: int) -> dict[str, Any]:
    """Returns the report of a run whose interrupted training has been brought to its end.

    Args:
        run: A run that was interrupted.
        verbose: As in `model.fit`.

    Raises:
        ValueError: If its data has other classes now.
    """
    args = TrainArgs.from_yaml(run.load_args())
    data = _data(args)
    run.check_classes(args.data, data.class_names)
    with strategy_scope(args.strategy) as devices:
        model = _model(args, len(data.class_names), devices)
        history = _fit(run, args, data, model, args.recipe, verbose)
    return _complete(run, args, data, history, verbose)


def _data(args: TrainArgs) -> ImageDataset:
    if args.tensorboard:
        check_tensorboard()
    seed = args.recipe.seed
    keras.utils.set_random_seed(seed)
    if args.deterministic:
        compute_reproducibly()
    return open_data(
        args.data, args.input_shape, args.input_range, args.batch, args.val_split, seed
    )


def _model(args: TrainArgs, classes: int, devices: int) -> keras.Model:
    options = {} if args.alpha is None else {"alpha": args.alpha}
    model = build_model(
        args.model,
        input_shape=args.input_shape,
        weights=args.weights,
        classes=classes,
        batch_norm_momentum=_BATCH_NORM_MOMENTUM,
        **options,
    )
    if args.mixed_precision is not None:
        model = in_precision(model, args.mixed_precision)
    synchronize_batch_norm(model, devices > 1)
    return freeze_first(model, args.freeze) if args.freeze else model


def _search(args: TrainArgs, data: ImageDataset, model: keras.Model) -> RateSearch:
    """Returns what a learning-rate range test sees, with the recipe's own pictures."""
    pictures, _ = prepared_for(model, args.recipe, data.epochs, input_range=args.input_range)
    compile_classifier(model, args.recipe, pictures.batches)
    return find_learning_rate(model, pictures.passes())


def _complete(
    run: RunFolder,
    args: TrainArgs,
    data: ImageDataset,
    history: dict[str, list[float]],
    verbose: int,
) -> dict[str, Any]:
    """Returns the report of a run whose float stage is trained, after its other stages."""
    best = _as_delivered(run, args)
    report = {
        "model": args.model,
        "parameters": best.count_params(),
        **_measured(run, best, data, history),
    }
    if args.qat:
        report["qat"] = _train_in_int8(run.quantization_aware(), args, data, best, verbose)
    run.finish(report)
    return report


def _fit(
    run: RunFolder,
    args: TrainArgs,
    data: ImageDataset,
    model: keras.Model,
    recipe: Recipe,
    verbose: int,
    *callbacks: keras.callbacks.Callback,
) -> dict[str, list[float]]:
    logs = [tensorboard_logs(run)] if args.tensorboard else []
    every = [*callbacks, *logs]
    return fit_classifier(
        model, data.epochs, data.val, run, recipe, args.input_range, verbose, every
    )


def _as_delivered(run: RunFolder, args: TrainArgs) -> keras.Model:
    """Returns the best model, and leaves it in the run, for one device and in float32."""
    best = load_model(run.model)
    several = args.strategy is not None or args.recipe.sync_batch_norm
    if args.mixed_precision is not None or several:
        best = in_precision(best, "fp32")
        synchronize_batch_norm(best, False)
        with replacing(run.model) as path:
            best.save(path)
    return best


def _train_in_int8(
    run: RunFolder,
    args: TrainArgs,
    data: ImageDataset,
    best: keras.Model,
    verbose: int,
) -> dict[str, Any]:
    """Fine-tunes the best float model as its int8 file will compute; returns what that reaches."""
    # As it is where the run goes on here, without the float stage before.
    keras.utils.set_random_seed(args.recipe.seed)
    typical = calibration_array(data.train, args.input_shape, args.input_range, _CALIBRATION)
    aware = quantize_aware(best, typical, input_range=args.input_range)
    freeze = FreezeRanges(args.qat_epochs - 1)
    recipe = dataclasses.replace(
        args.recipe,
        epochs=args.qat_epochs,
        learning_rate=args.recipe.learning_rate * _QAT_RATE,
        warmup_epochs=min(args.recipe.warmup_epochs, args.qat_epochs),
        layer_decay=1.0,
        ema=0.0,
    )
    history = _fit(run, args, data, aware, recipe, verbose, freeze)
    return _measured(run, load_model(run.model), data, history)


def _measured(
    run: RunFolder, model: keras.Model, data: ImageDataset, history: dict[str, list[float]]
) -> dict[str, Any]:
    """Returns what a stage of the run reaches, and plots it."""
    batches = (data.test or data.val).as_numpy_iterator()
    result = evaluate_classifier(model.predict_on_batch, batches, data.class_names)
    plot_results(run.results, run.results_plot)
    plot_confusion(result, run.confusion_plot)
    row = best_row(history)
    return {
        "epochs": len(history["epoch"]),
        "best_epoch": row + 1,
        "val_accuracy": history["val_accuracy"][row],
        "split": "val" if data.test is None else "test",
        **result.to_dict(),
    }


def _versions() -> dict[str, str]:
    return {
        "keras_cv_course": __version__,
        "keras": keras.__version__,
        "tensorflow": importlib.metadata.version("tensorflow"),
        "numpy": np.__version__,
    }
