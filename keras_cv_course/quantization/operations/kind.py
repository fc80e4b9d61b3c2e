"""What the passes of quantization have to know of a kind of operation."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from keras_cv_course.quantization.gains import Absorption, GainRule
from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.grid import Kernel, nearest


class Output(enum.Enum):
    """The source of the range of an int8 operation's output."""

    OWN = "measured"
    FIXED = "prescribed by the kernel"
    SAME = "that of the input, whose values it only moves"
    ROUNDED = "that of the input, on which it rounds new values"
    JOINED = "one for all inputs and the output"


@dataclass(frozen=True)
class Rule:
    """How the output of an operation is rounded.

    Attributes:
        output: The source of its range.
        fixed_range: The range, if the kernel prescribes it.
        takes_relu: Whether a ReLU behind it is part of its kernel.
        takes_constants: Whether a constant factor or offset behind it is part of its weights.
    """

    output: Output
    fixed_range: tuple[float, float] | None = None
    takes_relu: bool = False
    takes_constants: bool = False


LINEAR = Rule(Output.OWN, takes_relu=True, takes_constants=True)
ARITHMETIC = Rule(Output.OWN, takes_relu=True)
OWN = Rule(Output.OWN)
SAME = Rule(Output.SAME)
ROUNDED = Rule(Output.ROUNDED)
JOINED = Rule(Output.JOINED)


def always(answer: Any) -> Callable[..., Any]:
    """Returns a function that gives the same answer for every operation."""
    return lambda *arguments: answer


never = always(False)


def no_constants(operation: Any) -> dict[str, Any]:
    """Returns that an operation has no numbers but weights."""
    return {}


def unfolded(operation: Any, scale: Any, offset: Any) -> tuple[Any, Any]:
    """Returns scale and offset as they were: a ReLU is in the range of the output."""
    return scale, offset


def rounds(making: "Making") -> Kernel:
    """The arithmetic of an operation of which nothing more is known: its result is rounded."""
    return nearest


@dataclass(frozen=True)
class Int8Form:
    """What a kind of operation is in an int8 file, and in quantization-aware training.

    Attributes:
        rounding: Returns how a call is rounded; None for one that has no int8 form.
        operators: The operators of TFLite that the file has for it, if it is not left out.
        arithmetic: Returns what the int8 kernel computes in inference, to the bit.
        reads_operands: Whether that arithmetic needs the values that a call reads.
        taken_by: Whether an operation that alone reads the output of another with a rule is done in
            the kernel of that.
        folded: Returns scale and offset of a linear kernel that takes it along; gets the
            operation, and both without it.
        layer: The layer that replaces it in training, if its weights are rounded.
        constants: Returns the options of a layer that are numbers in the file, as int8 holds them.
        bounds: What gives the least width that the ranges of inputs must have from the width of the
            output's, by the operator whose kernel has such a bound; see `scale_bounds`.
    """

    rounding: Callable[[Call], Rule | None]
    operators: frozenset[str]
    arithmetic: "Callable[[Making], Kernel]"
    reads_operands: Callable[[Call], bool] = never
    taken_by: Callable[[Rule, keras.Operation], bool] = never
    folded: Callable[[Any, Any, Any], tuple[Any, Any]] = unfolded
    layer: type[keras.Layer] | None = None
    constants: Callable[[Any], dict[str, Any]] = no_constants
    bounds: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """A call in a quantization-aware model.

    Attributes:
        call: The call.
        form: The int8 form of its operation.
    """

    call: Call
    form: Int8Form

    @property
    def operation(self) -> Any:
        """What is called."""
        return self.call.operation


@dataclass(frozen=True)
class Making:
    """How one kernel makes a tensor of a quantization-aware model.

    Attributes:
        head: The call whose kernel it is.
        fused: The operations fused into the kernel, in order.
        makers: The layers that have rounded what the kernel reads.
        has_operands: Whether the arithmetic is given what the kernel reads.
    """

    head: Part
    fused: tuple[Part, ...]
    makers: tuple[Any, ...]
    has_operands: bool = False


@dataclass(frozen=True)
class Rewriting:
    """How a call is written in operations that integer kernels have.

    Attributes:
        applies: Whether it is for a call.
        write: Gets what makes layers, and the call's arguments, and returns the outputs.
    """

    applies: Callable[[Call], bool]
    write: Callable[..., Any]


@dataclass(frozen=True)
class Factored:
    """How a call is written whose constant factor its output carries as a gain, see `gains`.

    Attributes:
        applies: Whether a call has such a factor.
        write: Gets what writes the graph, the call, and its arguments, and returns the outputs.
    """

    applies: Callable[[Call], bool]
    write: Callable[..., Any]


@dataclass(frozen=True)
class OperationKind:
    """A kind of operation: everything that distinguishes it from others.

    Attributes:
        members: Layers' classes, operators' names and functions of Activation layers.
        gain: Returns the rule by which a call passes constant factors on, see `gains`.
        int8: Its int8 form; None if it has none, or is always written in other operations.
        rewritings: How it is written in other operations; the first that applies is taken.
        factored: How it is written without its constant factor.
        absorption: How its weights take factors in, if they do.
    """

    members: tuple[Any, ...]
    gain: Callable[[Call], GainRule]
    int8: Int8Form | None = None
    rewritings: Sequence[Rewriting] = ()
    factored: Factored | None = None
    absorption: Absorption | None = None
