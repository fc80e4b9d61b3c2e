"""Runs of training: the folder that a run leaves, `model.fit` with resume, evaluation, plots."""

from keras_cv_course.training.detection import compile_detector, target_encoder
from keras_cv_course.training.detection_fit import fit_detector
from keras_cv_course.training.evaluation import ClassifierReport, evaluate_classifier
from keras_cv_course.training.fit import fit_classifier
from keras_cv_course.training.plots import plot_confusion, plot_results
from keras_cv_course.training.run_folder import RunFolder, create_run, open_run

__all__ = [
    "ClassifierReport",
    "RunFolder",
    "compile_detector",
    "create_run",
    "evaluate_classifier",
    "fit_classifier",
    "fit_detector",
    "open_run",
    "plot_confusion",
    "plot_results",
    "target_encoder",
]
