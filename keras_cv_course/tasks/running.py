"""The runner: from arguments to a whole run folder, for every task alike.

A run has one or two stages, float and quantization-aware, each of which resumes after a kill. What
differs between tasks is defined by the `Task`.
"""

import dataclasses
import importlib.metadata
import logging
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_cv_course import __version__
from keras_cv_course._atomic import replacing
from keras_cv_course.data.shard_reader import corrupt_shards_named
from keras_cv_course.networks.loading import load_model
from keras_cv_course.networks.specs import spec_of, with_spec
from keras_cv_course.predictors.mosaics import save_mosaic
from keras_cv_course.quantization import FreezeRanges, quantize_aware
from keras_cv_course.tasks import get_task
from keras_cv_course.tasks.args import RunArgs
from keras_cv_course.tasks.base import Evaluation, Task
from keras_cv_course.tasks.splits import check_files
from keras_cv_course.training import (
    RateSearch,
    Recipe,
    RunFolder,
    compute_reproducibly,
    create_run,
    find_learning_rate,
    fit_run,
    freeze_first,
    in_precision,
    plot_rates,
    plot_results,
    recipe_callbacks,
    strategy_scope,
    synchronize_batch_norm,
)
from keras_cv_course.training.history import best_row
from keras_cv_course.training.patience import StopWithoutProgress
from keras_cv_course.training.tensorboard_logs import check_tensorboard, tensorboard_logs

_LOG = logging.getLogger(__name__)
_CALIBRATION = 200  # images
_QAT_RATE = 0.1  # of the float training's learning rate
_OLDEST = "classify"  # The task of runs that do not record one.


@corrupt_shards_named()
def start_run(
    task: Task,
    args: RunArgs,
    project: str = "runs",
    name: str | None = None,
    exist_ok: bool = False,
    verbose: int = 0,
    find_lr: bool = False,
) -> tuple[RunFolder, dict[str, Any]]:
    """Returns a new run folder with a trained model, and the report in it.

    Args:
        task: What to train for.
        args: Of the task's `Args`.
        project: Folder of the run folders.
        name: Name of the run; None counts up.
        exist_ok: Whether a run of this name is overwritten.
        verbose: As in `model.fit`.
        find_lr: Whether the recipe's rate is replaced by that at which the loss falls fastest.

    Raises:
        ValueError: If the data or the model cannot be had as `args` want it.
        FileNotFoundError: If there is no such data.
        FileExistsError: If there is a run of this name and `exist_ok` is False.

    Example:
        >>> task = get_task("classify")
        >>> run, report = start_run(task, task.Args(data="digits", imgsz=32))
    """
    args = dataclasses.replace(args, data=args.source)
    # The data and the model first: what is wrong with them is reported before a folder is made.
    data = _opened(task, args)
    with strategy_scope(args.strategy) as devices:
        model = _built(task, args, data, devices)
        search = _search(task, args, data, model) if find_lr else None
        if search is not None:
            recipe = dataclasses.replace(args.recipe, learning_rate=search.steepest)
            args = dataclasses.replace(args, recipe=recipe)
        content = {**args.to_yaml(), **_facts(task, args, data)}
        run = create_run(content, project, name, exist_ok)
        with run.locked():
            run.save_split(data.split_files)
            _announce(task, run, args, data, model, devices)
            if search is not None:
                plot_rates(search, run.rates_plot)
            shown = task.first_batch(args, data)
            if shown:
                save_mosaic(shown, run.plot("train_batch"))
            history = _fit(task, run, args, args.recipe, data, model, verbose)
            return run, _complete(task, run, args, data, history, verbose)


@corrupt_shards_named()
def continue_run(run: RunFolder, verbose: int = 0) -> dict[str, Any]:
    """Returns the report of a run whose interrupted training has been brought to its end.

    Args:
        run: A run that was interrupted.
        verbose: As in `model.fit`.

    Raises:
        ValueError: If its data has changed, or its `args.yaml` is wrong.
    """
    loaded = run.load_args()
    task = task_of_run(loaded)
    try:
        args = task.Args.from_yaml(loaded)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{run.args} cannot be gone on with: {error}") from error
    with run.locked():
        files = run.load_split()
        try:
            data = _opened(task, args, files)
        except ValueError as error:
            raise ValueError(f"The data of {run.path} has changed: {error}") from error
        run.check_classes(args.data, data.class_names)
        with strategy_scope(args.strategy) as devices:
            model = _built(task, args, data, devices)
            history = _fit(task, run, args, args.recipe, data, model, verbose)
        return _complete(task, run, args, data, history, verbose)


def _announce(
    task: Task, run: RunFolder, args: RunArgs, data: Any, model: keras.Model, devices: int
) -> None:
    """Logs what is about to be trained, on what and where."""
    learning = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    counts = ", ".join(f"{len(files):,} {name}" for name, files in data.split_files.items())
    _LOG.info(
        "%s: %s with %s of %s parameters learning, from %s, on %s%s; %s (%d epochs, %s) into %s",
        task.name,
        args.model,
        f"{learning:,}",
        f"{model.count_params():,}",
        args.weights or "fresh weights",
        args.data,
        f" ({counts})" if counts else "",
        f"{len(data.class_names)} classes" if data.class_names else "no classes",
        args.recipe.epochs,
        f"{devices} device{'s' if devices > 1 else ''}, seed {args.recipe.seed}",
        run.path,
    )


def task_of_run(args: Mapping[str, Any]) -> Task:
    """Returns the task of a run, by its `args.yaml`."""
    return get_task(str(args.get("task", _OLDEST)))


def _opened(task: Task, args: RunArgs, files: Any = None) -> Any:
    if args.tensorboard:
        check_tensorboard()
    keras.utils.set_random_seed(args.recipe.seed)
    if args.deterministic:
        compute_reproducibly()
    data = task.open(args, files)
    if files is not None:
        check_files(args.data, files, data.split_files)
    return data


def _facts(task: Task, args: RunArgs, data: Any) -> dict[str, Any]:
    """Returns what `args.yaml` records of a run besides its arguments."""
    return {
        "task": task.name,
        "class_names": list(data.class_names),
        "input_shape": list(args.input_shape),
        "input_range": list(args.input_range),
        "skipped": list(data.skipped),
        "versions": {
            "keras_cv_course": __version__,
            "keras": keras.__version__,
            "tensorflow": importlib.metadata.version("tensorflow"),
            "numpy": np.__version__,
        },
    }


def _built(task: Task, args: RunArgs, data: Any, devices: int) -> keras.Model:
    model = with_spec(task.build(args, data), **task.spec(args, data))
    if args.mixed_precision is not None:
        model = in_precision(model, args.mixed_precision)
    synchronize_batch_norm(model, devices > 1)
    return freeze_first(model, args.freeze) if args.freeze else model


def _search(task: Task, args: RunArgs, data: Any, model: keras.Model) -> RateSearch:
    """Returns what a learning-rate range test sees, with the recipe's own images."""
    training = task.training(model, args, args.recipe, data)
    return find_learning_rate(training.model, training.train.passes())


def _fit(
    task: Task,
    run: RunFolder,
    args: RunArgs,
    recipe: Recipe,
    data: Any,
    model: keras.Model,
    verbose: int,
    *callbacks: keras.callbacks.Callback,
) -> dict[str, list[float]]:
    training = task.training(model, args, recipe, data)
    logs = [tensorboard_logs(run)] if args.tensorboard else []
    patience = [StopWithoutProgress(recipe.patience, training.score)] if recipe.patience else []
    every = [*recipe_callbacks(recipe), *callbacks, *logs, *training.callbacks, *patience]
    return fit_run(
        training.model,
        training.train,
        training.val,
        run,
        recipe.epochs,
        verbose,
        every,
        score=training.score,
        saved_model=training.saved_model,
    )


def _complete(
    task: Task,
    run: RunFolder,
    args: RunArgs,
    data: Any,
    history: dict[str, list[float]],
    verbose: int,
) -> dict[str, Any]:
    """Returns the report of a run whose float stage is trained, after its other stage."""
    best = _as_delivered(run, args)
    report = {
        "task": task.name,
        "model": args.model,
        "parameters": best.count_params(),
        **_measured(task, run, args, best, data, history),
    }
    if args.qat:
        stage = run.quantization_aware()
        report["qat"] = _train_in_int8(task, stage, args, data, best, verbose)
    run.finish(report)
    return report


def _as_delivered(run: RunFolder, args: RunArgs) -> keras.Model:
    """Returns the best model; it and the last are left for one device and in float32."""
    several = args.strategy is not None or args.recipe.sync_batch_norm
    if args.mixed_precision is not None or several:
        for saved in (run.last, run.model):
            model = in_precision(load_model(saved, compile=False), "fp32")
            synchronize_batch_norm(model, False)
            with replacing(saved) as path:
                model.save(path)
    return load_model(run.model, compile=False)


def _train_in_int8(
    task: Task,
    run: RunFolder,
    args: RunArgs,
    data: Any,
    best: keras.Model,
    verbose: int,
) -> dict[str, Any]:
    """Fine-tunes the best float model as its int8 file will compute; returns what that reaches."""
    # As where the run continues here, without the float stage before.
    keras.utils.set_random_seed(args.recipe.seed)
    typical = task.calibration(args, data, _CALIBRATION)
    aware = quantize_aware(best, typical, input_range=args.input_range)
    recipe = dataclasses.replace(
        args.recipe,
        epochs=args.qat_epochs,
        learning_rate=args.recipe.learning_rate * _QAT_RATE,
        warmup_epochs=min(args.recipe.warmup_epochs, args.qat_epochs),
        layer_decay=1.0,
        ema=0.0,
        batch_sizes_px=(),
    )
    freeze = FreezeRanges(args.qat_epochs - 1)
    history = _fit(task, run, args, recipe, data, aware, verbose, freeze)
    tuned = load_model(run.model, compile=False)
    return _measured(task, run, args, tuned, data, history)


def _measured(
    task: Task,
    run: RunFolder,
    args: RunArgs,
    model: keras.Model,
    data: Any,
    history: dict[str, list[float]],
) -> dict[str, Any]:
    """Returns what the best model of a stage reaches, and plots it."""
    spec = spec_of(model)
    predictor = task.predictor(model, spec, args.input_shape, task.measuring())
    samples = task.held_out(data)
    result: Evaluation = task.evaluate(predictor, samples)
    if result.facts:
        with replacing(run.model) as path:
            with_spec(model, facts={**spec.facts, **result.facts}).save(path)
    plot_results(run.results, run.results_plot, task.metrics, task.score)
    for name, write in result.plots.items():
        write(run.plot(name))
    row = best_row(history, task.score)
    monitor = f"val_{task.metrics[0]}"
    return {
        "epochs": len(history["epoch"]),
        "best_epoch": int(history["epoch"][row]),
        monitor: history[monitor][row],
        "split": samples.split,
        **result.to_dict(),
    }
