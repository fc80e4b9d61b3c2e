"""Google's metadata in a .tflite file: what the network does, what it takes, names of classes."""

from keras_cv_course.tflite.metadata.reading import Metadata, read_metadata
from keras_cv_course.tflite.metadata.tasks import (
    AnchorDetector,
    Classifier,
    Detector,
    Embedder,
    Segmenter,
    Task,
)
from keras_cv_course.tflite.metadata.writing import add_metadata

__all__ = [
    "AnchorDetector",
    "Classifier",
    "Detector",
    "Embedder",
    "Metadata",
    "Segmenter",
    "Task",
    "add_metadata",
    "read_metadata",
]
