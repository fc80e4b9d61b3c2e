"""What networks of Inception modules share: the way through their stages, and their width."""

from dataclasses import replace
from typing import TypeAlias

from keras import KerasTensor

from keras_cv_course.backbones._residual import scaled
from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.blocks.inception import (
    Branch,
    Conv,
    Module,
    Split,
    Step,
    inception_module,
    run_steps,
)
from keras_cv_course.names import STEM, block_name

Stages: TypeAlias = tuple[tuple[Module, ...], ...]


def inception_stages(
    image: KerasTensor, stem: Branch, stages: Stages, alpha: float, style: ConvStyle
) -> KerasTensor:
    """Returns the last feature map (batch, height, width, channels).

    Args:
        image: float tensor (batch, height, width, channels).
        stem: What is done before the first stage.
        stages: The modules of each; one with a single branch is that branch.
        alpha: Factor of all numbers of channels.
        style: Of all convolutions.
    """
    x = run_steps(image, narrowed(stem, alpha), style, STEM)
    for s, stage in enumerate(stages, 1):
        for b, module in enumerate(stage, 1):
            branches = tuple(narrowed(branch, alpha) for branch in module)
            x = inception_module(x, branches, style, block_name(s, b))
    return x


def narrowed(branch: Branch, alpha: float) -> Branch:
    """Returns a branch with `alpha` times as many channels."""

    def step_of(step: Step) -> Step:
        if isinstance(step, Split):
            return Split(tuple(narrowed(inner, alpha) for inner in step.branches))
        if isinstance(step, Conv):
            return replace(step, filters=scaled(step.filters, alpha))
        return step

    return tuple(map(step_of, branch))
