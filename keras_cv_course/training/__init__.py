"""Runs of training: the folder that a run leaves, `model.fit` with resume, evaluation, plots."""

from keras_cv_course.training.evaluation import ClassifierReport, evaluate_classifier
from keras_cv_course.training.face_encoder import (
    FaceRecipe,
    distorted_copies,
    fit_face_encoder,
    train_only,
)
from keras_cv_course.training.fit import fit_classifier
from keras_cv_course.training.plots import plot_confusion, plot_results
from keras_cv_course.training.run_folder import RunFolder, create_run, open_run
from keras_cv_course.training.verification_plots import plot_verification

__all__ = [
    "ClassifierReport",
    "FaceRecipe",
    "RunFolder",
    "create_run",
    "distorted_copies",
    "evaluate_classifier",
    "fit_classifier",
    "fit_face_encoder",
    "open_run",
    "plot_confusion",
    "plot_results",
    "plot_verification",
    "train_only",
]
