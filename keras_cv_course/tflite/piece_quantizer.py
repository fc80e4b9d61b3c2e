"""Makes the integer file of a piece of a network from its float file."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from keras_cv_course.tflite import chain, flatbuffer, quantizers, scales, trained_ranges
from keras_cv_course.tflite.ranges import measure_ranges


@dataclass
class PieceQuantizer:
    """Makes the file of a piece of the network from its float file.

    Attributes:
        scheme: How it quantizes.
        aware: Whether the float file holds the ranges.
        keep_float: Names of layers that stay in float.
        io_dtypes: Types of the network's inputs and outputs.
        outputs: Names of the network's outputs.
        input_ranges: Range of each of the network's inputs, by name, where it is known.
        float_layers: Names of the layers in `keep_float` that the files have operations of.
    """

    scheme: quantizers.Scheme
    aware: bool
    keep_float: Sequence[str]
    io_dtypes: tuple[str, str]
    outputs: tuple[str, ...]
    input_ranges: Mapping[str, tuple[float, float] | None]
    float_layers: set[str] = field(default_factory=set)

    def __call__(self, piece: chain.Piece) -> bytes:
        """Returns the file of a piece; ValueError if no kernel can compute with its scales."""
        data = trained_ranges.take(piece.data) if self.aware else piece.data
        kept = self._float_tensors(piece, data)
        if self.scheme.recipe:
            return quantizers.by_recipe(data, self.scheme.recipe, piece.samples, kept)
        if not self.scheme.calibrated:
            return data
        if not self.aware:
            ranges = scales.fit_ranges(data, measure_ranges(data, piece.samples or []))
            for name, index in flatbuffer.input_indices(data).items():
                known = self.input_ranges.get(name)
                ranges |= {} if known is None else {index: known}
            data = flatbuffer.set_ranges(data, ranges)
        data = quantizers.to_int8(data, *self._io_dtypes(piece, data), kept)
        scales.check_scales(data, chain.layer_names(piece.segment.model))
        return data

    def check_kept(self, optional: Collection[str]) -> None:
        """Raises ValueError if a layer that shall stay in float is not an operation of the file."""
        missing = [n for n in self.keep_float if n not in self.float_layers and n not in optional]
        if missing:
            raise ValueError(
                "`keep_float` must name layers that become operations of their own. Received: "
                f"{missing}, which TFLite fuses into the layer before or leaves out. Name that "
                "layer."
            )

    def _io_dtypes(self, piece: chain.Piece, data: bytes) -> tuple[str, str]:
        """Returns the types of a piece's inputs and outputs: float between two pieces."""
        of_inputs, of_outputs = self.io_dtypes
        if not set(flatbuffer.input_indices(data)) <= set(self.input_ranges):
            of_inputs = "float32"
        if not set(piece.segment.outputs) <= set(self.outputs):
            of_outputs = "float32"
        return of_inputs, of_outputs

    def _float_tensors(self, piece: chain.Piece, data: bytes) -> list[str]:
        """Returns the output tensors of the operations that come from layers in `keep_float`."""
        if not self.keep_float:
            return []
        model = piece.segment.model
        names = chain.layer_names(model)
        file = flatbuffer.read(data)
        graph = file.subgraphs[0]
        outputs = [graph.tensors[i].name.decode() for op in graph.operators for i in op.outputs]
        makers = {tensor: set(names.of(tensor)) for tensor in outputs}
        # The tensors of outputs are not called after the layers that make them.
        lasts = [y._keras_history.operation.name for y in model.outputs]
        last_of = dict(zip(piece.frozen.outputs.values(), lasts, strict=True))
        for output in file.signatureDefs[0].outputs:
            tensor = graph.tensors[output.tensorIndex].name.decode()
            makers[tensor].add(last_of[output.name.decode()])
        wanted = set(self.keep_float)
        self.float_layers |= wanted & {layer for layers in makers.values() for layer in layers}
        return [tensor for tensor, layers in makers.items() if layers & wanted]
