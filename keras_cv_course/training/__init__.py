"""Training as the course teaches it, around `model.fit`: recipes, transfer, runs that survive.

Like the package, it is lazy: a name below is imported on first use.
"""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names

if TYPE_CHECKING:
    from keras_cv_course.training.ablation import ablate as ablate
    from keras_cv_course.training.ablation import ablation_table as ablation_table
    from keras_cv_course.training.ablation import cumulative as cumulative
    from keras_cv_course.training.ablation import one_by_one as one_by_one
    from keras_cv_course.training.ablation import plot_ablation as plot_ablation
    from keras_cv_course.training.applying import compile_classifier as compile_classifier
    from keras_cv_course.training.applying import penalize_kernels as penalize_kernels
    from keras_cv_course.training.applying import prepared_for as prepared_for
    from keras_cv_course.training.applying import recipe_callbacks as recipe_callbacks
    from keras_cv_course.training.applying import recipe_optimizer as recipe_optimizer
    from keras_cv_course.training.checkpoint import Checkpoint as Checkpoint
    from keras_cv_course.training.detection import compile_detector as compile_detector
    from keras_cv_course.training.detection import target_encoder as target_encoder
    from keras_cv_course.training.detection_fit import detection_images as detection_images
    from keras_cv_course.training.detection_fit import fit_detector as fit_detector
    from keras_cv_course.training.divergence import StopOnDivergence as StopOnDivergence
    from keras_cv_course.training.evaluation import ClassifierReport as ClassifierReport
    from keras_cv_course.training.evaluation import evaluate_classifier as evaluate_classifier
    from keras_cv_course.training.face_encoder import FaceOptions as FaceOptions
    from keras_cv_course.training.face_encoder import distorted_copies as distorted_copies
    from keras_cv_course.training.face_encoder import fit_face_encoder as fit_face_encoder
    from keras_cv_course.training.face_encoder import train_only as train_only
    from keras_cv_course.training.feature_depths import depth_features as depth_features
    from keras_cv_course.training.feature_depths import feature_extractor as feature_extractor
    from keras_cv_course.training.fitting import fit as fit
    from keras_cv_course.training.fitting import fit_run as fit_run
    from keras_cv_course.training.gap import GapReport as GapReport
    from keras_cv_course.training.gap import gap_report as gap_report
    from keras_cv_course.training.linear_probe import fit_head as fit_head
    from keras_cv_course.training.linear_probe import fit_linear_probe as fit_linear_probe
    from keras_cv_course.training.named_recipes import named_recipe as named_recipe
    from keras_cv_course.training.overfit import OverfitReport as OverfitReport
    from keras_cv_course.training.overfit import overfit_small_batch as overfit_small_batch
    from keras_cv_course.training.plots import plot_confusion as plot_confusion
    from keras_cv_course.training.plots import plot_results as plot_results
    from keras_cv_course.training.precision import in_precision as in_precision
    from keras_cv_course.training.precision import with_loss_scale as with_loss_scale
    from keras_cv_course.training.preparation import prepared as prepared
    from keras_cv_course.training.rate_finder import RateSearch as RateSearch
    from keras_cv_course.training.rate_finder import find_learning_rate as find_learning_rate
    from keras_cv_course.training.rate_finder import plot_rates as plot_rates
    from keras_cv_course.training.recipe import Recipe as Recipe
    from keras_cv_course.training.recipe import load_recipe as load_recipe
    from keras_cv_course.training.recipe import save_recipe as save_recipe
    from keras_cv_course.training.run_folder import RunFolder as RunFolder
    from keras_cv_course.training.run_folder import create_run as create_run
    from keras_cv_course.training.run_folder import open_run as open_run
    from keras_cv_course.training.schedules import learning_rates as learning_rates
    from keras_cv_course.training.smoothing import keras_label_smoothing as keras_label_smoothing
    from keras_cv_course.training.smoothing import smoothed_cross_entropy as smoothed_cross_entropy
    from keras_cv_course.training.strategy import Worker as Worker
    from keras_cv_course.training.strategy import compute_reproducibly as compute_reproducibly
    from keras_cv_course.training.strategy import join_workers as join_workers
    from keras_cv_course.training.strategy import strategy_scope as strategy_scope
    from keras_cv_course.training.strategy import synchronize_batch_norm as synchronize_batch_norm
    from keras_cv_course.training.transfer_learning import TransferPolicy as TransferPolicy
    from keras_cv_course.training.transfer_learning import fit_in_stages as fit_in_stages
    from keras_cv_course.training.transfer_learning import freeze as freeze
    from keras_cv_course.training.transfer_learning import freeze_first as freeze_first
    from keras_cv_course.training.transfer_learning import transfer as transfer
    from keras_cv_course.training.transfer_plan import BIT_POLICY as BIT_POLICY
    from keras_cv_course.training.transfer_plan import BitRule as BitRule
    from keras_cv_course.training.transfer_plan import bit_rule as bit_rule
    from keras_cv_course.training.transfer_plan import plan_transfer as plan_transfer
    from keras_cv_course.training.verification_plots import plot_verification as plot_verification
    from keras_cv_course.training.verification_record import (
        VerificationRecord as VerificationRecord,
    )
    from keras_cv_course.training.verification_record import read_verification as read_verification
    from keras_cv_course.training.verification_record import save_verification as save_verification
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "ablation": ("ablate", "ablation_table", "cumulative", "one_by_one", "plot_ablation"),
            "applying": (
                "compile_classifier",
                "penalize_kernels",
                "prepared_for",
                "recipe_callbacks",
                "recipe_optimizer",
            ),
            "checkpoint": ("Checkpoint",),
            "detection": ("compile_detector", "target_encoder"),
            "detection_fit": ("detection_images", "fit_detector"),
            "divergence": ("StopOnDivergence",),
            "evaluation": ("ClassifierReport", "evaluate_classifier"),
            "face_encoder": ("FaceOptions", "distorted_copies", "fit_face_encoder", "train_only"),
            "feature_depths": ("depth_features", "feature_extractor"),
            "fitting": ("fit", "fit_run"),
            "gap": ("GapReport", "gap_report"),
            "linear_probe": ("fit_head", "fit_linear_probe"),
            "named_recipes": ("named_recipe",),
            "overfit": ("OverfitReport", "overfit_small_batch"),
            "plots": ("plot_confusion", "plot_results"),
            "precision": ("in_precision", "with_loss_scale"),
            "preparation": ("prepared",),
            "rate_finder": ("RateSearch", "find_learning_rate", "plot_rates"),
            "recipe": ("Recipe", "load_recipe", "save_recipe"),
            "run_folder": ("RunFolder", "create_run", "open_run"),
            "schedules": ("learning_rates",),
            "smoothing": ("keras_label_smoothing", "smoothed_cross_entropy"),
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
            "transfer_plan": ("BIT_POLICY", "BitRule", "bit_rule", "plan_transfer"),
            "verification_plots": ("plot_verification",),
            "verification_record": ("VerificationRecord", "read_verification", "save_verification"),
        },
    )
