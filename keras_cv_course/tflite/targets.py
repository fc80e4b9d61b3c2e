"""What each kind of device takes, as a table."""

from dataclasses import dataclass

from keras_cv_course._validation import check_choice
from keras_cv_course.tflite.operator_sets import (
    DETECTION_POSTPROCESS,
    EDGE_TPU,
    ETHOS_U,
    ETHOS_U55,
    TFLITE_MICRO,
)

_NO_TARGET = ("int8", "float32")  # What `convert` makes by default.


@dataclass(frozen=True)
class Target:
    """What one kind of device takes.

    Every device wants a batch of one image and sizes that are fixed when the file is made.

    Attributes:
        name: Key in `TARGETS`.
        runtime: What runs the file there, for messages.
        io_dtypes: For each value of `quantize`, best first, the types that inputs and outputs of
            a new file may have, best first.
        accepted_inputs: Types that an input of any file may have.
        accepted_outputs: Types that an output of any file may have.
        operators: Names of all operators that run there; None is every builtin one.
        custom_operators: Names of the custom operators that run there.
        accelerated: Names of the operators that its accelerator runs; the others are left to the
            processor beside it. None where there is no such division.
        forbidden_dtypes: Types that no tensor may have.
        integer_only: Whether all arithmetic must be in integers.
        linear_inputs: Types of activations that convolutions and dense layers take; None is any.
        mixes_types: Whether these take float activations with integer weights.
        dequantizes: Types that can be turned into float; None is any.
        open_batch: Whether a file whose batch size is open runs all the same.
        outside_weights: Whether weights are found that lie behind the flatbuffer.
        wants_metadata: Whether there is a reader of metadata, which float inputs must give their
            range.
    """

    name: str
    runtime: str
    io_dtypes: dict[str, tuple[str, ...]]
    accepted_inputs: frozenset[str]
    accepted_outputs: frozenset[str]
    operators: frozenset[str] | None = None
    custom_operators: frozenset[str] = frozenset({DETECTION_POSTPROCESS})
    accelerated: frozenset[str] | None = None
    forbidden_dtypes: frozenset[str] = frozenset()
    integer_only: bool = False
    linear_inputs: frozenset[str] | None = None
    mixes_types: bool = True
    dequantizes: frozenset[str] | None = None
    open_batch: bool = True
    outside_weights: bool = True
    wants_metadata: bool = False

    @property
    def quantize(self) -> tuple[str, ...]:
        """Values of `quantize` that fit the device, the best first."""
        return tuple(self.io_dtypes)


_LITERT = {
    "int8": ("uint8", "float32"),
    "float16": ("float32",),
    "dynamic": ("float32",),
    "none": ("float32",),
    "int8x16": ("float32",),
    "int4": ("float32",),
}

# As the runtimes themselves answered: LiteRT 2.3, MediaPipe Tasks 1.2.2, LiteRT.js 2.5.3,
# tasks-vision 1.1.0, tflite-micro 0.dev20261023182759, ethos-u-vela 5.2.0. The Edge TPU's
# compiler is abandoned: its row is what was published of it.
TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            name="phone",
            runtime="MediaPipe Tasks on a phone",
            io_dtypes=_LITERT,
            accepted_inputs=frozenset({"uint8", "float32"}),
            accepted_outputs=frozenset({"uint8", "float32"}),
            wants_metadata=True,
        ),
        Target(
            name="browser",
            runtime="LiteRT.js and MediaPipe tasks-vision",
            io_dtypes=_LITERT,
            accepted_inputs=frozenset({"uint8", "float32"}),
            accepted_outputs=frozenset({"uint8", "float32"}),
            open_batch=False,
            wants_metadata=True,
        ),
        Target(
            name="microcontroller",
            runtime="TensorFlow Lite Micro",
            io_dtypes={
                "int8": ("int8", "uint8", "float32"),
                "int8x16": ("float32",),
                "none": ("float32",),
            },
            accepted_inputs=frozenset({"int8", "uint8", "int16", "int32", "bool", "float32"}),
            accepted_outputs=frozenset({"int8", "uint8", "int16", "int32", "bool", "float32"}),
            operators=TFLITE_MICRO,
            linear_inputs=frozenset({"int8", "int16", "float32"}),
            mixes_types=False,
            dequantizes=frozenset({"int8", "uint8", "int16"}),
            outside_weights=False,
        ),
        Target(
            name="accelerator",
            runtime="Vela for Ethos-U",
            io_dtypes={"int8": ("int8", "uint8")},
            accepted_inputs=frozenset({"int8", "uint8", "int16"}),
            accepted_outputs=frozenset({"int8", "uint8", "int16", "int32"}),
            operators=TFLITE_MICRO | ETHOS_U55,
            custom_operators=frozenset({DETECTION_POSTPROCESS, ETHOS_U}),
            accelerated=ETHOS_U55 | {ETHOS_U},
            integer_only=True,
        ),
        Target(
            name="edge_tpu",
            runtime="the Edge TPU's compiler",
            io_dtypes={"int8": ("int8", "uint8")},
            accepted_inputs=frozenset({"int8", "uint8"}),
            accepted_outputs=frozenset({"int8", "uint8"}),
            accelerated=EDGE_TPU,
            forbidden_dtypes=frozenset({"int4", "int16"}),
            integer_only=True,
            open_batch=False,
            outside_weights=False,
        ),
    )
}


def find_target(name: str) -> Target:
    """Returns the row of `TARGETS` of this name.

    Raises:
        ValueError: If there is none.
    """
    check_choice("target", name, TARGETS)
    return TARGETS[name]


def choose(target: str | None, quantize: str | None, io_dtype: str | None) -> tuple[str, str]:
    """Returns `quantize` and `io_dtype`, with the device's best choice for what is None.

    Args:
        target: Name in `TARGETS`. None means no device in particular: int8 with float32 inputs and
            outputs, and nothing is refused.
        quantize: A value of `convert`'s argument, or None.
        io_dtype: Type of inputs and outputs, or None.

    Raises:
        ValueError: If the device does not take it.

    Example:
        >>> choose("phone", None, None)
        ('int8', 'uint8')
        >>> choose("microcontroller", "none", None)
        ('none', 'float32')
    """
    if target is None:
        return quantize or _NO_TARGET[0], io_dtype or _NO_TARGET[1]
    row = find_target(target)
    quantize = quantize or row.quantize[0]
    if quantize not in row.quantize:
        raise ValueError(
            f'`quantize` must be one of {row.quantize} with target="{target}", since '
            f"{row.runtime} runs no other files{_reason(quantize)}. "
            f'Received: "{quantize}". Pass quantize="{row.quantize[0]}", or another target.'
        )
    dtypes = row.io_dtypes[quantize]
    io_dtype = io_dtype or dtypes[0]
    if io_dtype not in dtypes:
        raise ValueError(
            f'`io_dtype` must be one of {dtypes} with target="{target}" and quantize="{quantize}", '
            f"since {row.runtime} takes no other inputs and outputs. "
            f'Received: "{io_dtype}". Pass io_dtype="{dtypes[0]}", or another target.'
        )
    return quantize, io_dtype


_REASONS = {
    "none": ": its arithmetic is in integers",
    "float16": ": it has no half-precision weights",
    "dynamic": ": it has no kernels for float activations with integer weights",
    "int4": ": it has no kernels for float activations with integer weights",
}


def _reason(quantize: str) -> str:
    return _REASONS.get(quantize, "")
