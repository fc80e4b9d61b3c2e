"""Numbers of the fields of Google's metadata, and of what wraps it in a .tflite file.

Reference:
    metadata_schema.fbs 1.5.0 of TensorFlow Lite Support; image_segmenter_metadata_schema.fbs and
    object_detector_metadata_schema.fbs 1.0.0 of MediaPipe; schema.fbs of TensorFlow Lite.
"""

from keras_cv_course.tflite.metadata.tables import (
    Bytes,
    Enumeration,
    Field,
    LazyVector,
    Scalar,
    Table,
    Text,
    Union,
    Vector,
)

METADATA_IDENTIFIER = b"M001"
CUSTOM_IDENTIFIER = b"V001"
MODEL_IDENTIFIER = b"TFL3"
ENTRY_NAME = "TFLITE_METADATA"
SEGMENTER_NAME = "SEGMENTER_METADATA"
DETECTOR_NAME = "DETECTOR_METADATA"
AXIS_LABELS = "TENSOR_AXIS_LABELS"
VALUE_LABELS = "TENSOR_VALUE_LABELS"

_TEXT = Text()
_FLOATS = Vector(Scalar("f"))

_FILE_TYPES = (
    "UNKNOWN",
    "DESCRIPTIONS",
    AXIS_LABELS,
    VALUE_LABELS,
    "TENSOR_AXIS_SCORE_CALIBRATION",
    "VOCABULARY",
    "SCANN_INDEX_FILE",
)
_FILES = Vector(
    Table(
        "AssociatedFile",
        (
            Field("name", 0, _TEXT),
            Field("description", 1, _TEXT),
            Field("type", 2, Enumeration(_FILE_TYPES)),
            Field("locale", 3, _TEXT),
            Field("version", 4, _TEXT, (1, 4, 1)),
        ),
    )
)

_IMAGE_SIZE = Table("ImageSize", (Field("width", 0, Scalar("I")), Field("height", 1, Scalar("I"))))
_CONTENT = Table(
    "Content",
    (
        Field(
            "content_properties",
            1,
            Union(
                (
                    Table("FeatureProperties"),
                    Table(
                        "ImageProperties",
                        (
                            Field("color_space", 0, Enumeration(("UNKNOWN", "RGB", "GRAYSCALE"))),
                            Field("default_size", 1, _IMAGE_SIZE),
                        ),
                    ),
                    Table(
                        "BoundingBoxProperties",
                        (
                            Field("index", 0, Vector(Scalar("I"))),
                            Field(
                                "type",
                                1,
                                Enumeration(("UNKNOWN", "BOUNDARIES", "UPPER_LEFT", "CENTER")),
                            ),
                            Field("coordinate_type", 2, Enumeration(("RATIO", "PIXEL"))),
                        ),
                    ),
                    Table(
                        "AudioProperties",
                        (Field("sample_rate", 0, Scalar("I")), Field("channels", 1, Scalar("I"))),
                    ),
                )
            ),
        ),
        Field(
            "range",
            2,
            Table("ValueRange", (Field("min", 0, Scalar("i")), Field("max", 1, Scalar("i")))),
        ),
    ),
)

_UNITS = Vector(
    Table(
        "ProcessUnit",
        (
            Field(
                "options",
                1,
                Union(
                    (
                        Table(
                            "NormalizationOptions",
                            (Field("mean", 0, _FLOATS), Field("std", 1, _FLOATS)),
                        ),
                        Table(
                            "ScoreCalibrationOptions",
                            (
                                Field(
                                    "score_transformation",
                                    0,
                                    Enumeration(("IDENTITY", "LOG", "INVERSE_LOGISTIC")),
                                ),
                                Field("default_score", 1, Scalar("f")),
                            ),
                        ),
                        Table(
                            "ScoreThresholdingOptions",
                            (Field("global_score_threshold", 0, Scalar("f")),),
                        ),
                    )
                ),
            ),
        ),
    )
)

_TENSORS = Vector(
    Table(
        "TensorMetadata",
        (
            Field("name", 0, _TEXT),
            Field("description", 1, _TEXT),
            Field("dimension_names", 2, Vector(_TEXT)),
            Field("content", 3, _CONTENT),
            Field("process_units", 4, _UNITS),
            Field("stats", 5, Table("Stats", (Field("max", 0, _FLOATS), Field("min", 1, _FLOATS)))),
            Field("associated_files", 6, _FILES),
        ),
    )
)
_GROUPS = Vector(
    Table("TensorGroup", (Field("name", 0, _TEXT), Field("tensor_names", 1, Vector(_TEXT))))
)

SUBGRAPH = Table(
    "SubGraphMetadata",
    (
        Field("name", 0, _TEXT),
        Field("description", 1, _TEXT),
        Field("input_tensor_metadata", 2, _TENSORS),
        Field("output_tensor_metadata", 3, _TENSORS),
        Field("associated_files", 4, _FILES),
        Field("input_process_units", 5, _UNITS, (1, 1, 0)),
        Field("output_process_units", 6, _UNITS, (1, 1, 0)),
        Field("input_tensor_groups", 7, _GROUPS, (1, 2, 0)),
        Field("output_tensor_groups", 8, _GROUPS, (1, 2, 0)),
        Field(
            "custom_metadata",
            9,
            Vector(Table("CustomMetadata", (Field("name", 0, _TEXT), Field("data", 1, Bytes(16))))),
            (1, 5, 0),
        ),
    ),
)

METADATA = Table(
    "ModelMetadata",
    (
        Field("name", 0, _TEXT),
        Field("description", 1, _TEXT),
        Field("version", 2, _TEXT),
        Field("subgraph_metadata", 3, Vector(SUBGRAPH)),
        Field("author", 4, _TEXT),
        Field("license", 5, _TEXT),
        Field("associated_files", 6, _FILES),
        Field("min_parser_version", 7, _TEXT),
    ),
)

SEGMENTER = Table(
    "ImageSegmenterOptions",
    (
        Field("activation", 0, Enumeration(("NONE", "SIGMOID", "SOFTMAX"))),
        Field("min_parser_version", 1, _TEXT),
    ),
)

_ANCHOR = Table(
    "FixedAnchor",
    tuple(
        Field(name, slot, Scalar("f"))
        for slot, name in enumerate(("x_center", "y_center", "width", "height"))
    ),
)
_DECODING = Table(
    "TensorsDecodingOptions",
    (
        Field("num_classes", 0, Scalar("i")),
        Field("num_boxes", 1, Scalar("i")),
        Field("num_coords", 2, Scalar("i")),
        Field("keypoint_coord_offset", 3, Scalar("i")),
        Field("num_keypoints", 4, Scalar("i")),
        Field("num_values_per_keypoint", 5, Scalar("i")),
        Field("x_scale", 6, Scalar("f")),
        Field("y_scale", 7, Scalar("f")),
        Field("w_scale", 8, Scalar("f")),
        Field("h_scale", 9, Scalar("f")),
        Field("apply_exponential_on_box_size", 10, Scalar("?", missing=False)),
        Field("sigmoid_score", 11, Scalar("?", missing=False)),
    ),
)
_ANCHORS = Table(
    "SsdAnchorsOptions",
    (
        Field(
            "fixed_anchors_schema",
            0,
            Table("FixedAnchorsSchema", (Field("anchors", 0, Vector(_ANCHOR)),)),
        ),
    ),
)
DETECTOR = Table(
    "ObjectDetectorOptions",
    (
        Field("min_parser_version", 0, _TEXT),
        Field("ssd_anchors_options", 1, _ANCHORS),
        Field("tensors_decoding_options", 2, _DECODING),
    ),
)

# Read only: the way from the file to its metadata.
MODEL = Table(
    "Model",
    (
        Field(
            "buffers",
            4,
            LazyVector(
                Table(
                    "Buffer",
                    (
                        Field("data", 0, Bytes(16)),
                        Field("offset", 1, Scalar("Q")),
                        Field("size", 2, Scalar("Q")),
                    ),
                )
            ),
        ),
        Field(
            "metadata",
            6,
            LazyVector(
                Table("Metadata", (Field("name", 0, _TEXT), Field("buffer", 1, Scalar("I"))))
            ),
        ),
    ),
)
