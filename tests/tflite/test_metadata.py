import json

import numpy as np
import pytest
from toy_files import CASES, NAMES, RANGE, anchors, custom, nms, save, subgraph, toy

from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.metadata import (
    ClassifierMetadata,
    DetectorMetadata,
    EmbedderMetadata,
    SegmenterMetadata,
    add_metadata,
    read_metadata,
)
from keras_cv_course.tflite.metadata import schema as numbers


@pytest.mark.parametrize("kind", CASES)
def test_what_is_written_comes_back(kind, tmp_path):
    data, task = CASES[kind]
    written = add_metadata(data, task, (-1.0, 1.0))
    metadata = read_metadata(save(tmp_path, written))
    assert metadata.task == kind
    assert (metadata.mean, metadata.std) == ((127.5,), (127.5,))
    assert metadata.input_range == (-1.0, 1.0)
    assert metadata.labels == (None if kind == "embedder" else NAMES)
    assert metadata.inputs == ("image",)
    assert len(metadata.outputs) == len(flatbuffer.read(data).subgraphs[0].outputs)
    assert json.loads(json.dumps(metadata.to_dict()))["task"] == kind
    assert add_metadata(data, task, (-1.0, 1.0)) == written
    assert add_metadata(written, task, (-1.0, 1.0)) == written


@pytest.mark.parametrize("kind", ["classifier", "segmenter", "detector", "embedder"])
def test_tasks_without_labels_are_distinguished(kind, tmp_path):
    data, task = CASES[kind]
    metadata = read_metadata(save(tmp_path, add_metadata(data, type(task)(), RANGE)))
    assert (metadata.task, metadata.labels) == (kind, None)


@pytest.mark.parametrize(
    ("input_range", "mean", "std"),
    [((0, 255), 0, 1), ((0, 1), 0, 255), ((-1, 1), 127.5, 127.5), ((-2, 3), 102, 51)],
)
def test_normalization_brings_pixels_into_the_range(input_range, mean, std, tmp_path):
    path = save(tmp_path, add_metadata(toy([(1, 3)]), EmbedderMetadata(), input_range))
    metadata = read_metadata(path)
    assert (metadata.mean, metadata.std) == ((mean,), (std,))
    assert metadata.input_range == input_range


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_detector_outputs_are_found_by_the_operator(order):
    outputs = subgraph(add_metadata(nms(order), DetectorMetadata(), RANGE))[
        "output_tensor_metadata"
    ]
    roles = ["location", "category", "score", "number of detections"]
    assert [outputs[k]["name"] for k in order] == roles


@pytest.mark.parametrize(
    ("shapes", "names", "expected"),
    [
        ([(1, 2, 4), (1, 2, 3)], ["a", "b"], ["location", "score"]),
        ([(1, 2, 3), (1, 2, 4)], ["boxes", "b"], ["score", "location"]),
        ([(1, 2, 4), (1, 2, 4)], ["scores", "raw_Boxes"], ["score", "location"]),
        ([(1, 2, 4), (1, 2, 4)], ["locations", "scores"], ["location", "score"]),
    ],
)
def test_anchor_outputs_are_found_by_shape_and_then_by_name(shapes, names, expected):
    data = add_metadata(toy(shapes, names=names), anchors(labels=()), RANGE)
    tensors = subgraph(data)["output_tensor_metadata"]
    assert [tensor["name"] for tensor in tensors] == expected
    classes = shapes[expected.index("score")][2]
    _, options = custom(data, numbers.DETECTOR)
    assert options["tensors_decoding_options"]["num_classes"] == classes


def test_names_of_the_signature_decide_before_those_of_tensors():
    data = toy([(1, 2, 4), (1, 2, 4)], names=["x", "y"])
    named = flatbuffer.name_signature(data, {"in0": "image"}, {"x": "scores", "y": "boxes"})
    outputs = subgraph(add_metadata(named, anchors(labels=()), RANGE))["output_tensor_metadata"]
    assert [tensor["name"] for tensor in outputs] == ["score", "location"]


@pytest.mark.parametrize(
    ("data", "task", "message"),
    [
        (
            toy([(1, 4)]),
            ClassifierMetadata(NAMES),
            r"each of the 4 classes in the file. Received: 3 names",
        ),
        (
            toy([(2, 3)]),
            ClassifierMetadata(),
            r"ClassifierMetadata needs one output \(1, size\).*1 of shape \(2, 3\)",
        ),
        (
            toy([(1, 3), (1, 3)]),
            EmbedderMetadata(),
            r"EmbedderMetadata needs one output.*Received: 2 of shape",
        ),
        (
            toy([(1, 3)]),
            SegmenterMetadata(),
            r"SegmenterMetadata needs one output \(1, height, width, classes\)",
        ),
        (toy([(1, 8, 8, 2)]), SegmenterMetadata(NAMES), r"each of the 2 classes"),
        (
            toy([(1, 8, 8)], dtype="int64"),
            SegmenterMetadata(),
            r"Received: int64. Export scores, without",
        ),
        (
            toy([(1, 2, 4), (1, 2, 3)]),
            DetectorMetadata(),
            r"four outputs of one TFLite_Detection_PostPro",
        ),
        (nms(classes=5), DetectorMetadata(NAMES), r"each of the 5 classes"),
        (toy([(1, 2, 4)]), anchors(), r"two outputs, boxes \(1, 2, 4\) and scores"),
        (toy([(1, 3, 4), (1, 3, 3)]), anchors(), r"boxes \(1, 2, 4\).*\(1, 3, 4\), \(1, 3, 3\)"),
        (toy([(1, 2, 5), (1, 2, 3)]), anchors(), r"boxes \(1, 2, 4\) and scores"),
        (toy([(1, 2, 4), (1, 2, 4)]), anchors(), r"must have `box` in it. Received: out0, out1"),
        (toy([(1, 2, 4), (1, 2, 2)]), anchors(), r"each of the 2 classes"),
        (
            toy([(1, 3)], inputs=[(1, 8, 8, 1)]),
            ClassifierMetadata(),
            r"RGB image.*1 of shape \(1, 8, 8, 1\)",
        ),
        (
            toy([(1, 3)], inputs=[(1, 8, 8, 3), (1, 4)]),
            ClassifierMetadata(),
            r"one input.*Received: 2 of",
        ),
    ],
)
def test_files_that_are_not_of_the_task_are_errors(data, task, message):
    with pytest.raises(ValueError, match=message):
        add_metadata(data, task, RANGE)


@pytest.mark.parametrize("input_range", [(1, 1), (1, 0), (0, float("nan")), (0, float("inf"))])
def test_empty_ranges_are_errors(input_range):
    with pytest.raises(ValueError, match="`input_range` must be the values for pixel 0"):
        add_metadata(toy([(1, 3)]), EmbedderMetadata(), input_range)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ClassifierMetadata("cat"),
            TypeError,
            r"`labels` must be a list of strings.*'cat'",
        ),
        (lambda: SegmenterMetadata(("a", "")), ValueError, r"A name in `labels` must be text"),
        (
            lambda: SegmenterMetadata(activation="relu"),
            ValueError,
            r"`activation` must be one of 'none'",
        ),
        (lambda: anchors(anchors=np.zeros((3, 2))), ValueError, r"shape \(count, 4\).*\(3, 2\)"),
        (lambda: anchors(anchors=np.zeros((0, 4))), ValueError, r"shape \(count, 4\).*\(0, 4\)"),
        (lambda: anchors(anchors=[(8, 8, 16, 16)]), ValueError, r"centers in \[0, 1\].*Divide pix"),
        (lambda: anchors(anchors=[(0.5, 0.5, 0, 1)]), ValueError, r"sizes above 0"),
        (lambda: anchors(anchors=[(0.5, np.nan, 1, 1)]), ValueError, r"centers in \[0, 1\]"),
        (lambda: anchors(scales=(1, 1)), ValueError, r"`scales` must be those of x, y, width"),
        (lambda: anchors(scales=(1, 1, 0, 1)), ValueError, r"`scales` must be a number above 0"),
    ],
)
def test_wrong_tasks_are_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_lists_of_labels_become_tuples_and_anchors_cannot_be_changed():
    assert ClassifierMetadata(["a", "b"]) == ClassifierMetadata(("a", "b"))
    with pytest.raises(ValueError, match="read-only"):
        anchors().anchors[0, 0] = 1
