"""From images to boxes: a trained network, the decoding of its outputs, and suppression."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_cv_course._validation import check_choice, check_input_range
from keras_cv_course.data.framing import Frame, frame_image
from keras_cv_course.data.image_sources import as_photographs, with_channels
from keras_cv_course.detectors.detections import detection_spec, network_of
from keras_cv_course.layers.detection_postprocess import OUTPUTS, DetectionPostProcess
from keras_cv_course.layers.head_decoding import HeadDecoding
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.specs.detection import RESIZINGS, TASK
from keras_cv_course.specs.model_spec import ModelSpec


class Detector:
    """A detector that finds objects in images of any size.

    It shares the layers of the network that it is given, so further training changes it too.

    Attributes:
        network: The network, from an image to raw outputs.
        spec: What these mean.
        model: A Keras model from images, as the network takes them, to what
            `DetectionPostProcess` returns. It can be saved, made quantization-aware and converted.
        class_names: Names by class, or None.

    Args:
        model: A detector of this package, trained, loaded or quantization-aware.
        class_names: Name of each class; None takes those that the network carries.
        score_threshold: Boxes with a lower score are left out.
        iou_threshold: Above this overlap with a better box of its class, a box is left out.
        max_detections: The most boxes of an image.
        resize: How an image comes to the size of the input, as `data.detection_batches` takes it.
            "stretch" scales height and width independently, as SSD and MediaPipe do; "pad" keeps
            the aspect ratio, with black borders. None is what the network was trained with, if it
            carries that, or else "stretch".
        input_range: Smallest and largest pixel value that the network takes; None is what the
            network carries.

    Raises:
        ValueError: If the model is not a detector, an argument is out of range, class names are not
            as many as classes, or the range of the input is not known.

    Example:
        >>> detector = Detector(model, class_names=["RBC", "WBC", "Platelets"])
        >>> detections = detector.predict([image])[0]
        >>> detections["boxes"].shape, detections["scores"].shape
        ((12, 4), (12,))
    """

    def __init__(
        self,
        model: keras.Model,
        class_names: Sequence[str] | None = None,
        score_threshold: float = 0.3,
        iou_threshold: float = 0.5,
        max_detections: int = 100,
        resize: str | None = None,
        input_range: tuple[float, float] | None = None,
    ) -> None:
        self.network = network_of(model)
        self.spec = detection_spec(self.network)
        carried = spec_of(self.network)
        self.resize = resize or carried.resize or "stretch"
        check_choice("resize", self.resize, RESIZINGS)
        names = carried.class_names if class_names is None else class_names
        self.class_names = _checked_names(names, self.spec.classes)
        self.input_range = _checked_range(input_range or carried.input_range, model.name)
        decoding = HeadDecoding(self.spec, name="head_decoding")
        postprocess = DetectionPostProcess(
            self.spec.relative_anchors(),
            self.spec.classes,
            max_detections,
            score_threshold,
            iou_threshold,
            decoding.scales,
            name="detections",
        )
        outputs = postprocess(decoding(dict(self.network.output)))
        self.model = keras.Model(self.network.input, outputs, name=self.network.name)

    def predict(self, images: Any, batch_size: int = 32) -> list[dict[str, np.ndarray]]:
        """Returns what is found in each image, the best first.

        Each is a dict of "boxes" `(count, 4)`, float32 xyxy in pixels of the image and within its
        border, "scores" float32 `(count,)` and "classes" int32 `(count,)`, from 0.

        Args:
            images: Images `(height, width, channels)` of any sizes, or one array of them, pixel
                values of 0 to 255; also paths of files, a folder, PIL images, or one of these.
            batch_size: Images that run at once.

        Raises:
            ValueError: If an image has another shape.
        """
        detections: list[dict[str, np.ndarray]] = []
        photographs = as_photographs(images)
        while batch := list(itertools.islice(photographs, batch_size)):
            channels = self.network.inputs[0].shape[-1]
            frames = [self.frame(with_channels(photo.pixels, channels)) for photo in batch]
            outputs = self.model.predict_on_batch(np.stack([frame.pixels for frame in frames]))
            detections.extend(detections_of(outputs, frames))
        return detections

    def model_spec(self) -> ModelSpec:
        """Returns what `model` takes and what its outputs mean."""
        return ModelSpec(TASK, self.class_names, self.input_range, self.resize, OUTPUTS)

    def __repr__(self) -> str:
        return f"Detector({self.network.name!r}, {self.spec.classes} classes)"

    def frame(self, image: np.ndarray) -> Frame:
        """Returns an image as the network takes it, and the way back to its pixels.

        Args:
            image: `(height, width, channels)`, pixel values of 0 to 255.

        Raises:
            ValueError: If it has another number of dimensions or channels.
        """
        shape = (*self.spec.input_size_px, self.network.inputs[0].shape[-1])
        return frame_image(image, shape, self.input_range, self.resize)


def detections_of(
    outputs: Mapping[str, np.ndarray], frames: Sequence[Frame]
) -> Iterator[dict[str, np.ndarray]]:
    """Yields detections in pixels of the images, as `Detector.predict` returns them.

    Args:
        outputs: What `DetectionPostProcess` returns, or a .tflite file of a detector.
        frames: The images that they belong to.
    """
    for i, frame in enumerate(frames):
        count = int(outputs["count"][i])
        corners = np.asarray(outputs["boxes"][i])[:count, [1, 0, 3, 2]]
        boxes = frame.to_image(corners)
        real = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)  # Others lie beside the image.
        yield {
            "boxes": boxes[real],
            "scores": np.asarray(outputs["scores"][i], np.float32)[:count][real],
            "classes": np.asarray(outputs["classes"][i])[:count][real].astype(np.int32),
        }


def detection_rows(
    detections: Mapping[str, np.ndarray], class_names: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Returns the detections of an image as JSON can hold them, one dict each.

    Args:
        detections: "boxes", "scores" and "classes", as `Detector.predict` returns them.
        class_names: Names by class; None calls a class by its number.
    """
    columns = zip(detections["boxes"], detections["scores"], detections["classes"], strict=True)
    return [
        {
            "class": int(label),
            "name": str(int(label)) if class_names is None else class_names[int(label)],
            "score": float(score),
            "box_xyxy": [float(side) for side in box],
        }
        for box, score, label in columns
    ]


def _checked_names(names: Sequence[str] | None, classes: int) -> tuple[str, ...] | None:
    if names is not None and (isinstance(names, str) or len(names) != classes):
        raise ValueError(
            f"`class_names` must hold one name for each of the {classes} classes. "
            f"Received: {names!r}."
        )
    return None if names is None else tuple(names)


def _checked_range(given: tuple[float, float] | None, name: str) -> tuple[float, float]:
    if given is None:
        raise ValueError(
            f"`input_range` must be given, since {name!r} does not record which pixel values "
            "it takes. Received: None. Pass e.g. input_range=(-1, 1)."
        )
    check_input_range(given)
    return (float(given[0]), float(given[1]))
