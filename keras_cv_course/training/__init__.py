"""Runs of training: the folder that a run leaves, `model.fit` with resume, evaluation, plots."""

from keras_cv_course.training.evaluation import ClassifierReport, evaluate_classifier
from keras_cv_course.training.fit import fit_classifier
from keras_cv_course.training.plots import plot_confusion, plot_results
from keras_cv_course.training.run_folder import RunFolder, create_run, open_run
from keras_cv_course.training.verification_plots import plot_verification

__all__ = [
    "ClassifierReport",
    "RunFolder",
    "create_run",
    "evaluate_classifier",
    "fit_classifier",
    "open_run",
    "plot_confusion",
    "plot_results",
    "plot_verification",
]
