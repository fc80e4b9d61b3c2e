"""Untrained networks whose answers on drawn images are known: they see red, green and blue.

All take RGB images of `SIZE_PX` in `INPUT_RANGE`, so that a client that forgets to scale, or
swaps the channels, gives another answer.
"""

from dataclasses import dataclass, field

import keras
import numpy as np
from keras import layers

SIZE_PX = 96
CELL_PX = 16
GRID = SIZE_PX // CELL_PX
INPUT_RANGE = (-1.0, 1.0)
COLOURS = ("red", "green", "blue")
SEGMENTS = ("nothing", *COLOURS)

# One anchor a cell, (x_center, y_center, width, height) in parts of the image.
_CENTERS = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID
ANCHORS = np.stack(
    [
        np.tile(_CENTERS, GRID),
        np.repeat(_CENTERS, GRID),
        *np.full((2, GRID * GRID), 1 / GRID, np.float32),
    ],
    axis=1,
)
# What the detector says of a cell full of a colour: shift (y, x) of the box's center in sizes of
# the anchor, and the logarithm of its (height, width) in the same unit.
CODES = np.array(
    [
        [0.25, -0.25, np.log(1.5), 0.0],
        [0.0, 0.125, 0.0, np.log(2.0)],
        [-0.25, 0.0, np.log(0.5), np.log(0.75)],
    ],
    np.float32,
)


@dataclass(frozen=True)
class Toy:
    """A network, what it is shown, and what it must say.

    `images` are uint8 (n, 96, 96, 3). `expected` is a label an image of a classifier, None of
    an embedder, a category mask (96, 96) an image of a segmenter, and of a detector a list of
    (box xyxy in pixels, label) an image.
    """

    model: keras.Model
    images: np.ndarray
    expected: list = field(default_factory=list)

    @property
    def inputs(self):
        """The images as the network takes them."""
        return self.images.astype(np.float32) / 127.5 - 1


def classifier():
    """Says of which colour an image is."""
    x = image = _image()
    x = _on_colours(layers.Conv2D(3, 1, activation="relu"), _against_the_others(1.0), x)
    x = layers.GlobalAveragePooling2D()(x)
    x = _set(layers.Dense(3), 4 * np.eye(3), x)
    scores = layers.Softmax(name="scores")(x)
    return Toy(keras.Model(image, scores, name="toy_classifier"), _coloured(), list(COLOURS))


def embedder():
    """Gives a vector of 8 that depends on the colours."""
    rng = np.random.default_rng(5)
    x = image = _image()
    x = _on_colours(layers.Conv2D(6, 1, activation="relu"), rng.normal(size=(3, 6)), x)
    x = layers.GlobalAveragePooling2D()(x)
    embedding = _set(layers.Dense(8, name="embedding"), rng.normal(size=(6, 8)), x)
    return Toy(keras.Model(image, embedding, name="toy_embedder"), _coloured())


def segmenter():
    """Gives each pixel a score for nothing, red, green and blue."""
    kernel = np.concatenate([np.zeros((3, 1)), _against_the_others(0.5)], axis=1)
    image = _image()
    conv = layers.Conv2D(4, 1, name="segments")
    segments = _on_colours(conv, 4 * kernel, image, [2, 0, 0, 0])
    images, cells = _scenes()
    masks = [np.zeros((SIZE_PX, SIZE_PX), np.uint8) for _ in images]
    for mask, scene in zip(masks, cells, strict=True):
        for row, column, colour in scene:
            mask[_pixels(row, column)] = 1 + colour
    return Toy(keras.Model(image, segments, name="toy_segmenter"), images, masks)


def detector():
    """Gives box codes (36, 4) and scores (36, 3) of the cells, for `ANCHORS`."""
    image = _image()
    cells = layers.AveragePooling2D(CELL_PX)(image)
    codes = _on_colours(layers.Conv2D(4, 1), CODES, cells)
    kernel = _against_the_others(1.0) * [8, 10, 12]  # No two objects of a scene score the same.
    logits = _on_colours(layers.Conv2D(3, 1), kernel, cells, [-5] * 3)
    boxes = layers.Reshape((GRID * GRID, 4), name="boxes")(codes)
    scores = layers.Reshape((GRID * GRID, 3))(layers.Activation("sigmoid")(logits))
    scores = layers.Activation("linear", name="scores")(scores)
    model = keras.Model(image, {"boxes": boxes, "scores": scores}, name="toy_detector")
    images, cells = _scenes()
    return Toy(model, images, [[_found(*cell) for cell in scene] for scene in cells])


def detector_with_boxes(**options):
    """Gives what `TFLite_Detection_PostProcess` makes of `detector`: the boxes themselves."""
    from keras_cv_course.layers.detection_postprocess import DetectionPostProcess

    toy = detector()
    options = {"max_detections": 10, "score_threshold": 0.5, "iou_threshold": 0.5} | options
    detections = DetectionPostProcess(ANCHORS, len(COLOURS), **options)(
        [toy.model.output["boxes"], toy.model.output["scores"]]
    )
    model = keras.Model(toy.model.input, detections, name="toy_detector_with_boxes")
    return Toy(model, toy.images, toy.expected)


def detection_network():
    """What `detector` sees, as the raw outputs of a network that `Detector` takes."""
    from keras_cv_course.layers.box_codes import BoxCodes
    from keras_cv_course.ops.anchors import AnchorMap
    from keras_cv_course.specs.detection import DetectionSpec

    maps = AnchorMap(GRID, GRID, (CELL_PX, CELL_PX), ((CELL_PX, CELL_PX),))
    size = (SIZE_PX, SIZE_PX)
    spec = DetectionSpec(size, 3, (maps,), "center", "sigmoid", input_range=INPUT_RANGE)
    image = _image()
    cells = layers.AveragePooling2D(CELL_PX)(image)
    codes = _on_colours(layers.Conv2D(4, 1), CODES[:, [1, 0, 3, 2]], cells)
    kernel = _against_the_others(1.0) * [8, 10, 12]
    logits = _on_colours(layers.Conv2D(3, 1), kernel, cells, [-5] * 3)
    outputs = {
        "boxes": BoxCodes(spec, name="boxes")(layers.Reshape((GRID * GRID, 4))(codes)),
        "classes": layers.Reshape((GRID * GRID, 3), name="classes")(logits),
    }
    images, cells = _scenes()
    model = keras.Model(image, outputs, name="toy_network")
    return Toy(model, images, [[_found(*cell) for cell in scene] for scene in cells])


def two_boxes(overlap, labels):
    """Finds the same two boxes everywhere, the first surer, with an IoU of `overlap`."""
    from keras_cv_course.layers.box_codes import BoxCodes
    from keras_cv_course.ops.anchors import AnchorMap
    from keras_cv_course.specs.detection import DetectionSpec

    side = SIZE_PX // 2
    maps = AnchorMap(1, 1, (SIZE_PX, SIZE_PX), ((side, side), (side, side)))
    size = (SIZE_PX, SIZE_PX)
    spec = DetectionSpec(size, 3, (maps,), "center", "sigmoid", input_range=INPUT_RANGE)
    image = _image()
    x = layers.GlobalAveragePooling2D()(image)
    codes = np.zeros((2, 4))
    codes[1, 0] = (1 - overlap) / (1 + overlap)  # to the right, in sides
    logits = np.full((2, 3), -9.0)
    logits[[0, 1], labels] = [2.0, 1.0]
    codes, logits = (
        layers.Reshape(values.shape)(
            _set(layers.Dense(values.size), np.zeros((3, values.size)), x, values.ravel())
        )
        for values in (codes, logits)
    )
    outputs = {"boxes": BoxCodes(spec, name="boxes")(codes), "classes": logits}
    return keras.Model(image, outputs, name="two_boxes")


def _image():
    return keras.Input((SIZE_PX, SIZE_PX, 3), name="image")


def _against_the_others(weight):
    """A kernel (3, 3) that is 1 for a colour and `-weight` for each other."""
    return (1 + weight) * np.eye(3) - weight


def _on_colours(layer, kernel, x, bias=0):
    """Calls a layer whose kernel is meant for colours of 0 to 1 on those of -1 to 1."""
    kernel = np.asarray(kernel, np.float32)
    return _set(layer, kernel / 2, x, kernel.sum(0) / 2 + bias)


def _set(layer, kernel, x, bias=0):
    y = layer(x)
    shape, width = layer.kernel.shape, layer.bias.shape
    layer.set_weights([np.reshape(kernel, shape), np.broadcast_to(bias, width)])
    return y


def _dark(count):
    rng = np.random.default_rng(3)
    return rng.integers(0, 25, (count, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)


def _coloured():
    """One image a colour."""
    images = _dark(len(COLOURS))
    for colour, image in enumerate(images):
        image[..., colour] += 180
    return images


def _scenes():
    """Images of coloured cells, and the (row, column, colour) of each."""
    cells = [
        [(1, 1, 0), (3, 4, 1), (4, 2, 2)],
        [(2, 3, 2)],
        [(1, 4, 0), (4, 1, 1)],
        [],
    ]
    images = _dark(len(cells))
    for image, scene in zip(images, cells, strict=True):
        for row, column, colour in scene:
            image[_pixels(row, column)] = 255 * np.eye(3)[colour]
    return images, cells


def _pixels(row, column):
    rows, columns = (slice(i * CELL_PX, (i + 1) * CELL_PX) for i in (row, column))
    return rows, columns


def _found(row, column, colour):
    """The box (x1, y1, x2, y2) in pixels that the detector gives a cell, and its label."""
    y, x, height, width = CODES[colour]
    center = np.array([column + 0.5 + x, row + 0.5 + y])
    half = np.exp([width, height]) / 2
    return CELL_PX * np.concatenate([center - half, center + half]), COLOURS[colour]
