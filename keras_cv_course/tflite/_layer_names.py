"""Which Keras layer a TensorFlow node or a .tflite operation came from."""

from collections.abc import Iterable

from keras_cv_course.names import split_number


class LayerNames:
    """Finds layers in scope paths such as `mobilenet_1/stage1_block1_conv_1/convolution`.

    Keras enters the name scope of a layer more than once, so TensorFlow adds a number to each.

    Args:
        model_name: Name of the traced model, which is the outermost scope.
        names: Names of its layers.
    """

    def __init__(self, model_name: str, names: Iterable[str]) -> None:
        self._model_name = model_name
        self._names = frozenset(names)

    def of(self, path: str) -> list[str]:
        """Returns the layers in a path, or in several joined by ";", without repetition."""
        layers = (self._find(part) for part in path.split(";"))
        return list(dict.fromkeys(name for name in layers if name))

    def shorten(self, path: str) -> str:
        """Returns "layer/operation" for the first layer in a path; the path if there is none.

        The converter's names list every operation that was fused into one, which in a small
        network takes more room than the biases.
        """
        scopes, _, operation = path.split(";")[0].rpartition("/")
        layer = self._find(scopes)
        return f"{layer}/{operation}" if layer else path

    def _find(self, path: str) -> str | None:
        segments = path.split("/")
        numbered = self._model_name not in segments
        for segment in reversed(segments):
            name = split_number(segment)[0] if numbered else segment
            if name in self._names:
                return name
        return None
