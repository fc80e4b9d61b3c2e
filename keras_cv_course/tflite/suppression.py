"""The suppression of a detector's file, in one of three forms."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from keras_cv_course._validation import check_choice
from keras_cv_course.detectors.detections import CODES
from keras_cv_course.layers.detection_postprocess import DetectionPostProcess
from keras_cv_course.tflite import detection_postprocess
from keras_cv_course.tflite.freezing import freeze_function
from keras_cv_course.tflite.metadata import AnchorDetectorMetadata
from keras_cv_course.tflite.quantizers import to_float

AUTO = "auto"
TFLITE_OP = "tflite_op"
BUILTIN = "builtin"


def choose_form(nms: str | None, layer: DetectionPostProcess | None) -> str | None:
    """Returns the form of suppression for a model; None is none.

    Args:
        nms: As `convert` takes it.
        layer: The last layer of the model.

    Raises:
        ValueError: If `nms` is unknown, or the model does not end in detections.
    """
    check_choice("nms", nms, (AUTO, *FILES, None))
    if layer is None and nms != AUTO:
        raise ValueError(
            "`nms` is for a Detector, or a model that ends in a DetectionPostProcess. "
            f"Received: nms={nms!r} for a model without. Leave it out, or convert Detector(model)."
        )
    return TFLITE_OP if nms == AUTO else nms


def anchors_of(
    layer: DetectionPostProcess, class_names: Sequence[str] | None
) -> AnchorDetectorMetadata:
    """Returns how to decode a file without suppression, for its reader."""
    labels = tuple(class_names or ())
    x, y, width, height = layer.scales
    return AnchorDetectorMetadata(labels, anchors=layer.anchors, scales=(x, y, width, height))


def _builtin(layer: DetectionPostProcess, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Returns a .tflite from codes and scores to detections, of builtin operators.

    One suppression does for all classes: each gets a place of its own, so far from the others
    that boxes of two classes never overlap.
    """
    count, classes, most = len(layer.anchors), layer.classes, layer.max_detections
    specs = [
        tf.TensorSpec((1, count, size), tf.float32, name=name)
        for name, size in zip(CODES, (4, classes), strict=True)
    ]

    @tf.function(input_signature=specs, autograph=False)
    def suppress(codes: tf.Tensor, scores: tf.Tensor) -> list[tf.Tensor]:
        corners = tf.reshape(layer.decode(codes), (count, 4))
        span = tf.reduce_max(corners) - tf.reduce_min(corners) + 1.0
        places = tf.reshape(tf.range(classes, dtype=tf.float32), (classes, 1, 1)) * span
        apart = tf.reshape(tf.reshape(corners, (1, count, 4)) + places, (classes * count, 4))
        flat = tf.reshape(tf.transpose(scores, (0, 2, 1)), (classes * count,))
        chosen, best_scores, valid = tf.raw_ops.NonMaxSuppressionV5(
            boxes=apart,
            scores=flat,
            max_output_size=most,
            iou_threshold=layer.iou_threshold,
            score_threshold=layer.threshold_below,
            soft_nms_sigma=0.0,
            pad_to_max_output_size=True,
        )
        real = tf.cast(tf.range(most) < valid, tf.float32)
        boxes = tf.gather(corners, tf.math.floormod(chosen, count)) * tf.reshape(real, (most, 1))
        labels = tf.cast(tf.math.floordiv(chosen, count), tf.float32) * real
        results = (boxes, labels, best_scores * real, tf.cast(valid, tf.float32))
        return [tf.expand_dims(x, 0) for x in results]

    return to_float(freeze_function(suppress.get_concrete_function(), inputs, outputs))


# Makes a file of the layer alone, whose inputs and outputs have the names that are given.
FILES: dict[str, Callable[[DetectionPostProcess, Sequence[str], Sequence[str]], bytes]] = {
    TFLITE_OP: detection_postprocess.file_of,
    BUILTIN: _builtin,
}
