"""Google's metadata in a .tflite file: what the network does, what it takes, names of classes."""

from keras_cv_course.tflite.metadata.kinds import (
    AnchorDetectorMetadata,
    ClassifierMetadata,
    DetectorMetadata,
    EmbedderMetadata,
    OutputMetadata,
    SegmenterMetadata,
)
from keras_cv_course.tflite.metadata.reading import Metadata, read_metadata
from keras_cv_course.tflite.metadata.writing import add_metadata

__all__ = [
    "AnchorDetectorMetadata",
    "ClassifierMetadata",
    "DetectorMetadata",
    "EmbedderMetadata",
    "Metadata",
    "OutputMetadata",
    "SegmenterMetadata",
    "add_metadata",
    "read_metadata",
]
