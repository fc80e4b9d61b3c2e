"""Runs of training: the folder that a run leaves, `model.fit` with resume, evaluation, plots."""

from keras_cv_course.training.checkpoint import Checkpoint
from keras_cv_course.training.divergence import StopOnDivergence
from keras_cv_course.training.evaluation import ClassifierReport, evaluate_classifier
from keras_cv_course.training.fit import fit_classifier, fit_run
from keras_cv_course.training.plots import plot_confusion, plot_results
from keras_cv_course.training.precision import in_precision, with_loss_scale
from keras_cv_course.training.run_folder import RunFolder, create_run, open_run
from keras_cv_course.training.strategy import (
    Worker,
    compute_reproducibly,
    join_workers,
    strategy_scope,
    synchronize_batch_norm,
)

__all__ = [
    "Checkpoint",
    "ClassifierReport",
    "RunFolder",
    "StopOnDivergence",
    "Worker",
    "compute_reproducibly",
    "create_run",
    "evaluate_classifier",
    "fit_classifier",
    "fit_run",
    "in_precision",
    "join_workers",
    "open_run",
    "plot_confusion",
    "plot_results",
    "strategy_scope",
    "synchronize_batch_norm",
    "with_loss_scale",
]
