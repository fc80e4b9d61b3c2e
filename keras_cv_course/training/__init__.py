"""Training as the course teaches it, around `model.fit`: recipes, transfer, runs that survive.

Like the package, it is lazy: a name below is imported on first use. No module is called as one of
these names: importing it would put it in the function's place.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_cv_course.training.ablation import (
        ablate,
        ablation_table,
        cumulative,
        one_by_one,
        plot_ablation,
    )
    from keras_cv_course.training.applying import (
        compile_classifier,
        fit,
        penalize_kernels,
        prepared_for,
        recipe_callbacks,
    )
    from keras_cv_course.training.checkpoint import Checkpoint
    from keras_cv_course.training.detection import compile_detector, target_encoder
    from keras_cv_course.training.detection_fit import fit_detector
    from keras_cv_course.training.divergence import StopOnDivergence
    from keras_cv_course.training.evaluation import ClassifierReport, evaluate_classifier
    from keras_cv_course.training.face_encoder import (
        FaceOptions,
        distorted_copies,
        fit_face_encoder,
        train_only,
    )
    from keras_cv_course.training.feature_depths import depth_features
    from keras_cv_course.training.fitting import fit_classifier, fit_run
    from keras_cv_course.training.gap import GapReport, gap_report
    from keras_cv_course.training.linear_probe import fit_linear_probe
    from keras_cv_course.training.named_recipes import named_recipe
    from keras_cv_course.training.overfit import OverfitReport, overfit_small_batch
    from keras_cv_course.training.plots import plot_confusion, plot_results
    from keras_cv_course.training.precision import in_precision, with_loss_scale
    from keras_cv_course.training.preparation import prepared
    from keras_cv_course.training.rate_finder import RateSearch, find_learning_rate, plot_rates
    from keras_cv_course.training.recipe import Recipe, load_recipe, save_recipe
    from keras_cv_course.training.run_folder import RunFolder, create_run, open_run
    from keras_cv_course.training.schedules import learning_rates
    from keras_cv_course.training.smoothing import keras_label_smoothing, smoothed_cross_entropy
    from keras_cv_course.training.strategy import (
        Worker,
        compute_reproducibly,
        join_workers,
        strategy_scope,
        synchronize_batch_norm,
    )
    from keras_cv_course.training.transfer_learning import (
        TransferPolicy,
        fit_in_stages,
        freeze,
        freeze_first,
        transfer,
    )
    from keras_cv_course.training.transfer_plan import BIT_POLICY, BitRule, bit_rule, plan_transfer
    from keras_cv_course.training.verification_plots import plot_verification
    from keras_cv_course.training.verification_record import (
        VerificationRecord,
        read_verification,
        save_verification,
    )

_MODULES = {
    "ablation": (
        "ablate",
        "ablation_table",
        "cumulative",
        "one_by_one",
        "plot_ablation",
    ),
    "applying": (
        "compile_classifier",
        "fit",
        "penalize_kernels",
        "prepared_for",
        "recipe_callbacks",
    ),
    "checkpoint": ("Checkpoint",),
    "detection": (
        "compile_detector",
        "target_encoder",
    ),
    "detection_fit": ("fit_detector",),
    "divergence": ("StopOnDivergence",),
    "evaluation": (
        "ClassifierReport",
        "evaluate_classifier",
    ),
    "face_encoder": (
        "FaceOptions",
        "distorted_copies",
        "fit_face_encoder",
        "train_only",
    ),
    "feature_depths": ("depth_features",),
    "fitting": (
        "fit_classifier",
        "fit_run",
    ),
    "gap": (
        "GapReport",
        "gap_report",
    ),
    "linear_probe": ("fit_linear_probe",),
    "named_recipes": ("named_recipe",),
    "overfit": (
        "OverfitReport",
        "overfit_small_batch",
    ),
    "plots": (
        "plot_confusion",
        "plot_results",
    ),
    "precision": (
        "in_precision",
        "with_loss_scale",
    ),
    "preparation": ("prepared",),
    "rate_finder": (
        "RateSearch",
        "find_learning_rate",
        "plot_rates",
    ),
    "recipe": (
        "Recipe",
        "load_recipe",
        "save_recipe",
    ),
    "run_folder": (
        "RunFolder",
        "create_run",
        "open_run",
    ),
    "schedules": ("learning_rates",),
    "smoothing": (
        "keras_label_smoothing",
        "smoothed_cross_entropy",
    ),
    "strategy": (
        "Worker",
        "compute_reproducibly",
        "join_workers",
        "strategy_scope",
        "synchronize_batch_norm",
    ),
    "transfer_learning": (
        "TransferPolicy",
        "fit_in_stages",
        "freeze",
        "freeze_first",
        "transfer",
    ),
    "transfer_plan": (
        "BIT_POLICY",
        "BitRule",
        "bit_rule",
        "plan_transfer",
    ),
    "verification_plots": ("plot_verification",),
    "verification_record": (
        "VerificationRecord",
        "read_verification",
        "save_verification",
    ),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "BIT_POLICY",
    "BitRule",
    "Checkpoint",
    "ClassifierReport",
    "FaceOptions",
    "GapReport",
    "OverfitReport",
    "RateSearch",
    "Recipe",
    "RunFolder",
    "StopOnDivergence",
    "TransferPolicy",
    "VerificationRecord",
    "Worker",
    "ablate",
    "ablation_table",
    "bit_rule",
    "compile_classifier",
    "compile_detector",
    "compute_reproducibly",
    "create_run",
    "cumulative",
    "depth_features",
    "distorted_copies",
    "evaluate_classifier",
    "find_learning_rate",
    "fit",
    "fit_classifier",
    "fit_detector",
    "fit_face_encoder",
    "fit_in_stages",
    "fit_linear_probe",
    "fit_run",
    "freeze",
    "freeze_first",
    "gap_report",
    "in_precision",
    "join_workers",
    "keras_label_smoothing",
    "learning_rates",
    "load_recipe",
    "named_recipe",
    "one_by_one",
    "open_run",
    "overfit_small_batch",
    "penalize_kernels",
    "plan_transfer",
    "plot_ablation",
    "plot_confusion",
    "plot_rates",
    "plot_results",
    "plot_verification",
    "prepared",
    "prepared_for",
    "read_verification",
    "recipe_callbacks",
    "save_recipe",
    "save_verification",
    "smoothed_cross_entropy",
    "strategy_scope",
    "synchronize_batch_norm",
    "target_encoder",
    "train_only",
    "transfer",
    "with_loss_scale",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
