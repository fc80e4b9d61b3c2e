"""The grammar of layer names, by which weights, feature maps and layer groups are found.

| name | layers |
|---|---|
| `image` | the input |
| `spec` | what carries the meaning of input and outputs |
| `stem_conv` | before the first block |
| `stage3_block2_expand_conv` | of a block, both numbers from 1 |
| `top_conv` | between the last block and the classifier |
| `logits`, `logits_flat` | the classifier |
| `predictions` | its activation |

What follows the first underscore behind a place is the layer's part in it, in lower case.
"""

import re
from dataclasses import dataclass

IMAGE = "image"
SPEC = "spec"
STEM = "stem"
TOP = "top"
LOGITS = "logits"
PREDICTIONS = "predictions"

_PART = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*"
_PLACE = re.compile(rf"({STEM}|stage([1-9]\d*)_block([1-9]\d*)|{TOP}|{LOGITS})(?:_(.+))?")
_LAYER = re.compile(
    rf"{IMAGE}|{SPEC}|{PREDICTIONS}|{LOGITS}(?:_flat)?"
    rf"|(?:{STEM}|{TOP}|stage[1-9]\d*_block[1-9]\d*)_{_PART}"
)
_NUMBER = re.compile(r"_(\d+)$")


@dataclass(frozen=True)
class Place:
    """The place of a layer in its network, by its name.

    Attributes:
        group: "stem", a block like "stage3_block2", "top" or "logits".
        part: The rest of the name, e.g. "expand_conv"; empty if there is none.
        stage: Number of the stage, from 1; 0 outside the blocks.
        block: Number of the block in its stage, from 1; 0 outside the blocks.
    """

    group: str
    part: str
    stage: int = 0
    block: int = 0


def parse(name: str) -> Place | None:
    """Returns the place that a layer's name states, or None if it states none.

    Example:
        >>> parse("stage3_block2_expand_conv")
        Place(group='stage3_block2', part='expand_conv', stage=3, block=2)
    """
    match = _PLACE.fullmatch(name)
    if match is None:
        return None
    group, stage, block, part = match.groups()
    return Place(group, part or "", int(stage or 0), int(block or 0))


def stage_name(stage: int) -> str:
    """Returns the name of a stage, which counts from 1: "stage3"."""
    return f"stage{stage}"


def block_name(stage: int, block: int) -> str:
    """Returns the prefix of the names of a block's layers; both numbers count from 1.

    Example:
        >>> block_name(3, 2)
        'stage3_block2'
    """
    return f"{stage_name(stage)}_block{block}"


def is_layer_name(name: str) -> bool:
    """Whether a name is one that a layer of a classifier may have."""
    return _LAYER.fullmatch(name) is not None


def split_number(name: str) -> tuple[str, int]:
    """Returns a name without the number that Keras and TensorFlow add to a repeated one.

    Example:
        >>> split_number("conv2d_12"), split_number("conv2d")
        (('conv2d', 12), ('conv2d', 0))
    """
    match = _NUMBER.search(name)
    return (name, 0) if match is None else (name[: match.start()], int(match.group(1)))


def unnamed_message(model_name: str) -> str:
    """Returns the error message for a model whose layers have other names."""
    return (
        "`model` must be a network of this package, whose layers are named like "
        f"'stage1_block1_project_conv'. Received: {model_name!r}, with none of that name. "
        "If it holds such a network as a layer, pass that one."
    )
