"""Converts a Keras model to a .tflite file."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from tensorflow.lite.python.convert_phase import ConverterError

from keras_cv_course._atomic import write_atomic
from keras_cv_course._validation import check_choice
from keras_cv_course.data.calibration import calibration_array
from keras_cv_course.detectors.detections import DetectionTail, split_detections
from keras_cv_course.networks.specs import pixel_range, spec_of
from keras_cv_course.quantization.aware import (
    check_convertible,
    float_layers,
    is_quantize_aware,
)
from keras_cv_course.quantization.batch_norm import fold_batch_normalization
from keras_cv_course.quantization.distances import float_only_layers
from keras_cv_course.quantization.graph import as_functional, output_names
from keras_cv_course.quantization.rewriting import rewrite_for_integers
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tflite import detection_tail, flatbuffer, quantizers, scales, trained_ranges
from keras_cv_course.tflite._layer_names import LayerNames
from keras_cv_course.tflite.describing import check_target, described
from keras_cv_course.tflite.freezing import FrozenModel, freeze, named_inputs
from keras_cv_course.tflite.metadata import OutputMetadata
from keras_cv_course.tflite.operator_names import name_operators
from keras_cv_course.tflite.quantizers import SCHEMES
from keras_cv_course.tflite.quiet import quiet
from keras_cv_course.tflite.ranges import measure_ranges
from keras_cv_course.tflite.targets import choose


class HasModel(Protocol):
    """What holds a Keras model that makes readable outputs, like a `Detector`."""

    model: keras.Model

    def model_spec(self) -> ModelSpec:
        """Returns what the model takes and what its outputs mean."""


@dataclass(frozen=True)
class ConversionResult:
    """What `convert` wrote.

    Attributes:
        path: The .tflite file.
        quantize: As given to `convert`.
        io_dtype: Type of the file's inputs and outputs; detections are always float32.
        size_bytes: Size of the file.
        seconds: Time of each stage, in order.
    """

    path: Path
    quantize: str
    io_dtype: str
    size_bytes: int
    seconds: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON can hold them."""
        return {**vars(self), "path": str(self.path)}


def convert(
    model: keras.Model | HasModel,
    path: str | os.PathLike[str],
    quantize: str = "int8",
    io_dtype: str | None = None,
    calibration_data: Any = None,
    class_names: Sequence[str] | None = None,
    keep_float: Sequence[str] = (),
    calibration_count: int = 100,
    input_range: tuple[float, float] | None = None,
    target: str | None = None,
    metadata: OutputMetadata | None = None,
    nms: str | None = detection_tail.AUTO,
    describe: bool = True,
) -> ConversionResult:
    """Writes a Keras model as a .tflite file and returns what was written.

    The file has batch size 1, named inputs and outputs (signature "serving_default") and builtin
    operations only. It is written in one step: when a conversion fails, or is killed, an older
    file is as it was. An int8 file is made from a model whose hard-swish and input scaling are
    rewritten for integer kernels, see `quantization.folding`.

    Args:
        model: Functional or built Sequential model with inputs of fixed size, or what holds one as
            its `model`, like a `Detector`. What makes boxes at its end computes in float in every
            file.
        path: File to write, usually `*.tflite`.
        quantize: "none" (float32), "float16" (weights), "dynamic" (int8 weights, activations
            quantized at run time), "int8" (weights and activations), "int8x16" (int8 weights,
            int16 activations) or "int4" (weights).
        io_dtype: "float32", "uint8" or "int8"; type of all inputs and outputs, detections apart,
            which are float32. None is what `target` likes best, or float32 without one.
        calibration_data: Typical inputs in the model's own range, for "int8" and "int8x16": an
            array `(samples, height, width, channels)`, a tf.data.Dataset, or a folder of
            pictures. A model of several inputs takes a list, or a dict by input name, of arrays.
            Images of another range than the model's, also uint8 ones, are refused where the range
            is known.
        class_names: Names of the classes of the only output, or of detections, in order; they
            travel in the file. None takes those that the model carries.
        keep_float: Names of Keras layers whose operations stay in float; those of an
            `EuclideanDistance` do in any case.
        calibration_count: How many samples are used, at most.
        input_range: Smallest and largest pixel value that the model takes; calibration data of
            another range is refused, and the pictures of a folder are brought into it. It becomes
            the range of int8 inputs, so that a file with uint8 inputs takes pixels as they are.
            None is the range that the model carries, see `networks.specs`; without one, inputs have
            the range of the calibration data.
        target: "phone", "browser", "microcontroller", "accelerator" or "edge_tpu": chooses the
            type of inputs and outputs, refuses what does not run there (see `check`), and for
            phones and browsers puts in the metadata that MediaPipe reads. None is no device in
            particular.
        metadata: What the outputs are, for that metadata: one of `tflite.metadata`. None chooses
            `DetectorMetadata` for detections, `SegmenterMetadata` for an output that is an image,
            and for a vector `ClassifierMetadata` with `class_names`, `EmbedderMetadata` without.
        nms: How a model that ends in detections leaves out boxes that overlap better ones:
            "tflite_op" by the operator TFLite_Detection_PostProcess, "builtin" by
            NON_MAX_SUPPRESSION_V5, and None not at all: the file gives codes of boxes and scores of
            all anchors, with the anchors in its metadata for MediaPipe, which does the rest.
            "auto" is "tflite_op" for such a model, and nothing for others.
        describe: Whether the file carries what the model does: class names, task, the range of
            pixels and the resizing, see `read_spec`.

    Raises:
        TypeError: If `model` is no Keras model or a subclassed one.
        ValueError: If an argument is wrong or contradicts another, if calibration data does not
            fit the model, if a layer has no builtin TFLite form, or if the target does not take
            the file.

    Example:
        >>> result = convert(model, "model.tflite", "int8", "uint8", calibration_data=images)
        >>> TFLiteModel(result.path).predict(images[:8]).shape
        (8, 10)
    """
    check_choice("quantize", quantize, SCHEMES)
    scheme = SCHEMES[quantize]
    quantize, io_dtype = choose(target, quantize, io_dtype)
    functional = as_functional(getattr(model, "model", model))
    spec = _spec(model, functional, input_range, class_names)
    class_names = class_names if metadata else spec.class_names
    network, tail = split_detections(check_convertible(functional))
    form = detection_tail.choose_form(nms, tail)
    aware = is_quantize_aware(network)
    if aware:
        trained_ranges.check_options(network, quantize, io_dtype, calibration_data, keep_float)
        keep_float = float_layers(network)
    _check_consistency(quantize, io_dtype, calibration_data, keep_float, aware)
    _check_names(network, tail, keep_float, class_names)
    samples = None
    if scheme.calibrated and not aware:
        keep_float = (*keep_float, *float_only_layers(network))
        samples = calibration_samples(
            network, calibration_data, calibration_count, spec.input_range
        )

    watch = _Stopwatch()
    with quiet() as (_, console), console.status(f"converting {functional.name} to {quantize}"):
        with watch.stage("rewrite"):
            ready = rewrite(network, keep_float) if scheme.calibrated else network
        with watch.stage("freeze"):
            frozen = freeze(ready, output_names(network))
        with watch.stage("translate"):
            data = _translate(ready, frozen, scheme.float16)
        with watch.stage("quantize"):
            output_dtype = io_dtype if tail is None else "float32"
            if aware:
                data = trained_ranges.take(data)
            kept = _tensors_of(data, ready, frozen, keep_float)
            if aware:
                data = quantizers.to_int8(data, io_dtype, output_dtype, kept)
            elif scheme.recipe:
                data = quantizers.by_recipe(data, scheme.recipe, samples, kept)
            elif scheme.calibrated:
                ranges = scales.fit_ranges(data, measure_ranges(data, samples or []))
                if spec.input_range is not None:
                    ranges |= dict.fromkeys(flatbuffer.input_indices(data), spec.input_range)
                data = flatbuffer.set_ranges(data, ranges)
                data = quantizers.to_int8(data, io_dtype, output_dtype, kept)
        with watch.stage("write"):
            data = _named(data, layer_names(ready), quantize)
            if tail is not None:
                data = detection_tail.append(data, tail, form)
                metadata, class_names = _raw_metadata(tail, form, metadata, class_names)
            data = (
                described(data, functional, metadata, class_names, target, spec)
                if describe
                else data
            )
            check_target(data, target)
            written = write_atomic(path, data)
    return ConversionResult(written, quantize, io_dtype, len(data), watch.seconds)


def _spec(
    model: keras.Model | HasModel,
    functional: keras.Model,
    input_range: tuple[float, float] | None,
    class_names: Sequence[str] | None,
) -> ModelSpec:
    """Returns what a model carries, and what `convert` was given in its place."""
    names = None if class_names is None else tuple(class_names)
    carried = model.model_spec() if hasattr(model, "model_spec") else spec_of(functional)
    known = pixel_range(functional, input_range)
    return ModelSpec(class_names=names, input_range=known).filled(carried)


def _raw_metadata(
    tail: DetectionTail,
    form: str | None,
    metadata: OutputMetadata | None,
    class_names: Sequence[str] | None,
) -> tuple[OutputMetadata | None, Sequence[str] | None]:
    """Returns the metadata of a file whose reader has to decode boxes, and names that it lacks."""
    if form is not None or metadata is not None:
        return metadata, class_names
    return detection_tail.anchors_of(tail, class_names), None


def rewrite(model: keras.Model, keep_float: Sequence[str] = ()) -> keras.Model:
    """Returns the model that integer kernels compute fast."""
    if is_quantize_aware(model):
        ready = trained_ranges.mark(model)
    else:
        ready = rewrite_for_integers(model, keep_float)
    return fold_batch_normalization(name_operators(ready, keep_float))


def layer_names(model: keras.Model) -> LayerNames:
    """Returns what finds the model's layers in the names of nodes and tensors."""
    return LayerNames(model.name, _operation_names(model))


def calibration_samples(
    model: keras.Model, data: Any, count: int, input_range: tuple[float, float] | None = None
) -> list[list[np.ndarray]]:
    """Returns up to `count` samples, each a list of one array an input, without batch.

    Raises:
        ValueError: If the data does not fit the inputs, see `convert`.
    """
    arrays = {
        name: calibration_array(source, tuple(x.shape[1:]), input_range, count)
        for (name, source), x in zip(named_inputs(model, data).items(), model.inputs, strict=True)
    }
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"`calibration_data` must hold as many samples for each input. Received: {lengths}."
        )
    return [list(sample) for sample in zip(*arrays.values(), strict=True)]


def _check_consistency(
    quantize: str, io_dtype: str, calibration_data: Any, keep_float: Sequence[str], aware: bool
) -> None:
    scheme = SCHEMES[quantize]
    check_choice("io_dtype", io_dtype, quantizers.IO_DTYPES)
    if io_dtype not in scheme.io_dtypes:
        raise ValueError(
            f'`io_dtype` must be one of {scheme.io_dtypes} with quantize="{quantize}". Received: '
            f'"{io_dtype}". Integer inputs and outputs need quantize="int8".'
        )
    if scheme.calibrated and calibration_data is None and not aware:
        raise ValueError(
            f'`calibration_data` must be given with quantize="{quantize}", since the ranges of '
            "activations are measured on it. Received: None. Pass about 100 typical inputs, or "
            'quantize="dynamic", which needs none.'
        )
    if not scheme.calibrated and calibration_data is not None:
        raise ValueError(
            f'`calibration_data` must be None with quantize="{quantize}", which has no use for it. '
            f"Received: {type(calibration_data).__name__}."
        )
    if isinstance(keep_float, str):
        raise TypeError(f"`keep_float` must be a sequence of names. Received: {keep_float!r}.")
    if keep_float and not scheme.quantizes:
        raise ValueError(
            f'`keep_float` must be empty with quantize="{quantize}", which keeps all in float. '
            f"Received: {list(keep_float)}."
        )


def _operation_names(model: keras.Model) -> list[str]:
    names = []
    for operation in as_functional(model).operations:
        names.append(operation.name)
        if isinstance(operation, keras.Model):
            names.extend(_operation_names(operation))
    return names


def _check_names(
    network: keras.Model,
    tail: DetectionTail | None,
    keep_float: Sequence[str],
    class_names: Sequence[str] | None,
) -> None:
    for name in keep_float:
        check_choice("keep_float", name, _operation_names(network))
    if class_names is None:
        return
    if tail is not None:
        sizes = [tail.postprocess.classes]
    else:
        sizes = [y.shape[-1] for y in network.outputs]
    if len(class_names) not in sizes:
        raise ValueError(
            "`class_names` must have one name for each class of one of the outputs. Received: "
            f"{len(class_names)} names for outputs of {sizes} classes."
        )


def _translate(model: keras.Model, frozen: FrozenModel, float16: bool) -> bytes:
    try:
        return quantizers.to_float(frozen, float16)
    except ConverterError as error:
        operations = set(re.findall(r"'tf\.(\w+)' op is neither", str(error)))
        if not operations:
            raise
        names = layer_names(model)
        nodes = [n for n in frozen.function.graph.get_operations() if n.type in operations]
        layers = sorted({name for node in nodes for name in names.of(node.name)})
        raise ValueError(
            "`model` must be made of operations that TFLite has built in. Received: "
            f"{', '.join(sorted(operations))} in layer {', '.join(layers) or 'unknown'}. Replace "
            "the layer, or leave it out of the exported model."
        ) from error


def _named(data: bytes, names: LayerNames, quantize: str) -> bytes:
    """Returns a file whose tensors are called after layers, if its kernels can compute it."""
    if quantize == "int8":
        scales.check_scales(data, names)
    return flatbuffer.rename_tensors(data, names.shorten)


def _tensors_of(
    data: bytes, model: keras.Model, frozen: FrozenModel, keep_float: Sequence[str]
) -> list[str]:
    """Returns the output tensors of the operations that come from the layers in `keep_float`."""
    if not keep_float:
        return []
    names = layer_names(model)
    file = flatbuffer.read(data)
    graph = file.subgraphs[0]
    outputs = [graph.tensors[i].name.decode() for op in graph.operators for i in op.outputs]
    makers = {tensor: set(names.of(tensor)) for tensor in outputs}
    # The tensors of outputs are not called after the layers that make them.
    lasts = [y._keras_history.operation.name for y in model.outputs]
    last_of = dict(zip(frozen.outputs.values(), lasts, strict=True))
    for output in file.signatureDefs[0].outputs:
        tensor = graph.tensors[output.tensorIndex].name.decode()
        makers[tensor].add(last_of[output.name.decode()])
    found = {name: [t for t, layers in makers.items() if name in layers] for name in keep_float}
    missing = [name for name, kept in found.items() if not kept]
    if missing:
        raise ValueError(
            "`keep_float` must name layers that become operations of their own. Received: "
            f"{missing}, which TFLite fuses into the layer before or leaves out. Name that layer."
        )
    return list(dict.fromkeys(tensor for kept in found.values() for tensor in kept))


class _Stopwatch:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
