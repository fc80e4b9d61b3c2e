"""A model file that OpenCV's FaceDetectorYN takes: to it, whatever is red is a face.

ONNX is a protobuf message; what little of it is needed here is written by hand.
"""

import struct

STRIDES = (8, 16, 32)
# In cells of 8 pixels, from the top left corner of the cell: center, and logarithm of the size.
BOX = (0.5, 0.5, 0.6931472, 1.0986123)
POINTS = (0, 0.25, 1, 0.25, 0.5, 0.5, 0.25, 0.75, 0.75, 0.75)
_FLOAT, _INT64 = 1, 7
_INTS = 7  # type of an attribute


def _varint(number):
    content = bytearray()
    while number > 127:
        content.append(number & 127 | 128)
        number >>= 7
    return bytes([*content, number])


def _field(number, value):
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _message(*fields):
    return b"".join(_field(number, value) for number, value in fields)


def _tensor(name, shape, values, kind=_FLOAT):
    raw = struct.pack(f"<{len(values)}{'f' if kind == _FLOAT else 'q'}", *values)
    return _message(*((1, n) for n in shape), (2, kind), (8, name), (9, raw))


def _node(operator, inputs, output, **attributes):
    rows = [
        (5, _message((1, name), *((8, i) for i in ints), (20, _INTS)))
        for name, ints in attributes.items()
    ]
    return _message(*((1, name) for name in inputs), (2, output), (4, operator), *rows)


def _described(name, shape):
    sides = _message(*((1, _message((1, n))) for n in shape))
    return _message((1, name), (2, _message((1, _message((1, _FLOAT), (2, sides))))))


def toy_detector(size_px, box=BOX):
    """Content of an .onnx file for square images; strides of 16 and 32 find nothing."""
    nodes, weights, outputs = [], [], []
    for stride in STRIDES:
        cells = (size_px // stride) ** 2
        pooled = f"pooled_{stride}"
        window = {"kernel_shape": (stride, stride), "strides": (stride, stride)}
        nodes.append(_node("AveragePool", ["image"], pooled, **window))
        # Blue, green, red.
        red = (-1 / 255, -1 / 255, 1 / 255) if stride == 8 else (0, 0, 0)
        heads = {"cls": (red, [0]), "obj": (red, [0]), "bbox": (None, box), "kps": (None, POINTS)}
        for head, (kernel, bias) in heads.items():
            name, n = f"{head}_{stride}", len(bias)
            weights += [
                _tensor(f"{name}_kernel", (n, 3, 1, 1), kernel or (0,) * 3 * n),
                _tensor(f"{name}_bias", (n,), bias),
                _tensor(f"{name}_shape", (3,), (1, cells, n), _INT64),
            ]
            inputs = [pooled, f"{name}_kernel", f"{name}_bias"]
            nodes += [
                _node("Conv", inputs, f"{name}_map", kernel_shape=(1, 1)),
                _node("Transpose", [f"{name}_map"], f"{name}_rows", perm=(0, 2, 3, 1)),
                _node("Reshape", [f"{name}_rows", f"{name}_shape"], name),
            ]
            outputs.append(_described(name, (1, cells, n)))
    graph = _message(
        *((1, node) for node in nodes),
        (2, "toy"),
        *((5, tensor) for tensor in weights),
        (11, _described("image", (1, 3, size_px, size_px))),
        *((12, output) for output in outputs),
    )
    return _message((1, 8), (7, graph), (8, _message((1, ""), (2, 13))))
