import base64
import struct
import tracemalloc
import zlib

import pytest
from flatbuffers import number_types
from flatbuffers.table import Table
from toy_files import ANCHORS, NAMES, RANGE, anchors, metadata_bytes, nms, toy

from keras_cv_course.tflite.metadata import (
    ClassifierMetadata,
    DetectorMetadata,
    SegmenterMetadata,
    add_metadata,
)
from keras_cv_course.tflite.metadata import schema as numbers
from keras_cv_course.tflite.metadata.tables import (
    Bytes,
    Field,
    Scalar,
    Source,
    Text,
    read_root,
    write_root,
)
from keras_cv_course.tflite.metadata.tables import Table as Kind


class Raw:
    """A reader of its own: flatbuffers' Table, and slots counted by hand in the schema."""

    def __init__(self, buffer, position=None):
        first = struct.unpack_from("<I", buffer)[0]
        self.table = Table(buffer, first if position is None else position)

    def offset(self, slot):
        return self.table.Offset(4 + 2 * slot)

    def number(self, slot, flags=number_types.Int8Flags):
        return self.table.Get(flags, self.table.Pos + self.offset(slot))

    def text(self, slot):
        return self.table.String(self.table.Pos + self.offset(slot)).decode()

    def child(self, slot):
        return Raw(self.table.Bytes, self.table.Indirect(self.table.Pos + self.offset(slot)))

    def children(self, slot):
        start = self.table.Vector(self.offset(slot))
        count = self.table.VectorLen(self.offset(slot))
        return [Raw(self.table.Bytes, self.table.Indirect(start + 4 * k)) for k in range(count)]

    def numbers(self, slot, format_):
        start = self.table.Vector(self.offset(slot))
        count = self.table.VectorLen(self.offset(slot))
        return list(struct.unpack_from(f"<{count}{format_}", self.table.Bytes, start))


def test_a_table_is_written_byte_for_byte_as_the_format_says():
    table = Kind("Two", (Field("number", 0, Scalar("i")), Field("text", 2, Text())))
    data = write_root(table, {"number": 5, "text": "ab"}, b"M001")
    assert data.hex(" ", 4) == (
        "14000000 4d303031"  # root at 20, identifier
        " 00000a00 0c000800 00000400"  # pad; vtable: 10 bytes, table 12, slots at 8, none, 4
        " 0a000000 08000000 05000000"  # vtable 10 back; text 8 on; number
        " 02000000 61620000"  # text, its zero, pad
    )
    assert read_root(table, data, b"M001") == {"number": 5, "text": "ab"}


def test_defaults_take_no_room_and_come_back():
    table = Kind("One", (Field("number", 0, Scalar("i")), Field("flag", 1, Scalar("?", False))))
    assert write_root(table, {"number": 0, "flag": False}, b"M001") == write_root(
        table, {}, b"M001"
    )
    data = write_root(table, {"flag": True}, b"M001")
    assert read_root(table, data, b"M001") == {"number": 0, "flag": True}


def test_bytes_are_aligned():
    table = Kind("Data", (Field("data", 0, Bytes(16)),))
    for size in range(1, 40):
        data = write_root(table, {"data": b"\xab" * size}, b"M001")
        assert data.index(b"\xab" * size) % 16 == 0
        assert bytes(read_root(table, data, b"M001")["data"]) == b"\xab" * size


def test_a_field_that_the_schema_has_not_is_an_error():
    with pytest.raises(ValueError, match=r"ModelMetadata has no field nome"):
        write_root(numbers.METADATA, {"nome": "x"}, b"M001")


@pytest.mark.parametrize(
    ("data", "message"), [(b"", "identifier is b''"), (b"\xff" * 64, "not b'M001'")]
)
def test_other_files_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        read_root(numbers.METADATA, data, b"M001")


def test_a_hostile_length_allocates_nothing():
    data = bytearray(write_root(numbers.METADATA, {"name": "x" * 1000, "author": "y"}, b"M001"))
    at = data.index(b"x" * 1000) - 4
    data[at : at + 4] = struct.pack("<I", 2**31)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"2147483648 bytes at \d+ are not inside"):
        read_root(numbers.METADATA, bytes(data), b"M001")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


def test_parts_that_are_used_again_and_again_are_refused():
    # 200 graphs that are all the first one, which has 200 outputs that are all its first.
    tensors = [{"name": "t" * 300}] + [{}] * 199
    graphs = [{"output_tensor_metadata": tensors}] + [{}] * 199
    data = bytearray(write_root(numbers.METADATA, {"subgraph_metadata": graphs}, b"M001"))
    lists = [k for k in range(0, len(data) - 4, 4) if data[k : k + 4] == struct.pack("<I", 200)]
    assert len(lists) == 2
    for start in lists:
        target = start + 4 + struct.unpack_from("<I", data, start + 4)[0]
        for k in range(200):
            struct.pack_into("<I", data, start + 4 + 4 * k, target - (start + 4 + 4 * k))
    with pytest.raises(ValueError, match="again and again"):
        read_root(numbers.METADATA, bytes(data), b"M001")


def test_a_negative_position_is_refused():
    with pytest.raises(ValueError, match="4 bytes at -4"):
        Source(bytes(64)).take(-4, 4)


def test_classifier_by_a_reader_of_its_own():
    root = Raw(metadata_bytes(add_metadata(toy([(1, 3)]), ClassifierMetadata(NAMES), (0.0, 1.0))))
    assert (root.text(0), root.text(7)) == ("ImageClassifier", "1.0.0")
    (graph,) = root.children(3)
    (image,), (score,) = graph.children(2), graph.children(3)
    assert (image.text(0), score.text(0)) == ("image", "score")
    content = image.child(3)
    assert content.number(0) == 2  # ImageProperties
    assert content.child(1).number(0) == 1  # RGB
    (unit,) = image.children(4)
    assert unit.number(0) == 1  # NormalizationOptions
    assert unit.child(1).numbers(0, "f") == [0.0]
    assert unit.child(1).numbers(1, "f") == [255.0]
    (file,) = score.children(6)
    assert (file.text(0), file.number(2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS
    assert score.child(3).number(0) == 1  # FeatureProperties


def test_detector_by_a_reader_of_its_own():
    root = Raw(metadata_bytes(add_metadata(nms(), DetectorMetadata(NAMES), RANGE)))
    assert root.text(7) == "1.2.0"
    (graph,) = root.children(3)
    outputs = graph.children(3)
    assert [t.text(0) for t in outputs] == ["location", "category", "score", "number of detections"]
    content = outputs[0].child(3)
    assert content.number(0) == 3  # BoundingBoxProperties
    assert content.child(1).numbers(0, "I") == [1, 0, 3, 2]
    assert content.child(1).number(1) == 1  # BOUNDARIES
    assert content.child(1).offset(2) == 0  # RATIO
    assert [t.offset(6) != 0 for t in outputs] == [False, True, False, False]
    (file,) = outputs[1].children(6)
    assert file.number(2) == 3  # TENSOR_VALUE_LABELS
    (group,) = graph.children(8)
    start = group.table.Vector(group.offset(1))
    count = group.table.VectorLen(group.offset(1))
    names = [group.table.String(start + 4 * k).decode() for k in range(count)]
    assert names == ["location", "category", "score"]


def test_segmenter_and_anchors_by_a_reader_of_its_own():
    data = add_metadata(toy([(1, 8, 8, 3)]), SegmenterMetadata(NAMES, "softmax"), RANGE)
    root = Raw(metadata_bytes(data))
    assert root.text(7) == "1.5.0"
    (graph,) = root.children(3)
    content = graph.children(3)[0].child(3)
    assert (content.number(0), content.child(1).number(0)) == (2, 2)  # GRAYSCALE
    (entry,) = graph.children(9)
    assert entry.text(0) == "SEGMENTER_METADATA"
    options = bytes(entry.numbers(1, "B"))
    assert options[4:8] == b"V001"
    assert (Raw(options).number(0), Raw(options).text(1)) == (2, "1.0.0")

    task = anchors(scales=(10, 11, 5, 6), exponential=False, sigmoid_score=True)
    (graph,) = Raw(metadata_bytes(add_metadata(toy([(1, 2, 4), (1, 2, 3)]), task, RANGE))).children(
        3
    )
    (entry,) = graph.children(9)
    assert entry.text(0) == "DETECTOR_METADATA"
    options = Raw(bytes(entry.numbers(1, "B")))
    decoding = options.child(2)
    counts = [decoding.number(k, number_types.Int32Flags) for k in (0, 1, 2, 5)]
    assert counts == [3, 2, 4, 2]
    scales = [decoding.number(k, number_types.Float32Flags) for k in (6, 7, 8, 9)]
    assert scales == [10.0, 11.0, 5.0, 6.0]
    assert (decoding.offset(10), decoding.number(11)) == (0, 1)
    rows = options.child(1).child(0).children(0)
    assert [[r.number(k, number_types.Float32Flags) for k in range(4)] for r in rows] == [
        list(row) for row in ANCHORS
    ]


# MediaPipe 1.2.2's own writer, detector without NMS, one anchor; the bytes are compressed.
PEER = (
    "eNp9U7uO00AUvUlMMEuEAkqxQlsMEhVCUVaIbrUhkBRIrBYhixY59iQeSDyRPbtZEMUWFLRIfADFlpT0tBR8Bh9BA+bM"
    "nXE2FZbOPO+ce+7De0R0NBjs96hHXepgF5L7ApwQzoh2gQ8tzAHRFaz3+w/7A8wNYI/vu/yis3nr3u/yGdEvIGs6e1DQ"
    "wZ+qspbfgK+A9fMSGoh26AYrCLAiugs8Z67bdA87wd6sP6c1pKu44Q/UXx45iJFF0/uyPlts0gZngNFpsvvQ72u7Lt/V"
    "3IG3Ox9iOMQM0PAmhvEkmjyJjl+8OppEo/EogkOy/n77XBHd8hrJZzTAiYvzvcdHH3vt18Zex7TjYmraHB0AD4Bn8VQu"
    "SjHThUhiI+e6ULIUJosNBimWOpUL3OSikIme5+qd7DPPgt/1zZkh+lxV1c+/LvfW9QX2d7CIQFAmugChnjFdKo1MjEzF"
    "VJ/Jsk+u7mzDerd7JWD9PY+x9cmngas1fLj4qBX6+Gr/wVbuydep6etuNS00QlU6/48s5qrtfCP4vr2sQLil8T6wsv0M"
    "XAA/KpePzkbH+Xc/Dxub+nXoOjjCTa2oEXre0Gu4fF89rucQFbjmbbiXmm2Ov+05bDc/zVcnRqhlPJfCaDGVYlXoRJal"
    "TDk+m3e+xfzJ2qcyN2r2VqwzlWQ2MbF4k+t1Lkpp7FZPXyNHpViqeWYcnyzxRsR5arlPVSqFytFIS06aiKf6hJtIFWKl"
    "S+UyvlYmUzlnfa5OZe4lov1iYSm0KE0h46UVaf/ZY3Y75gLpgugfub60Tg=="
)


def test_a_peers_file_of_its_own_writer_is_read():
    buffer = zlib.decompress(base64.b64decode(PEER))
    root = read_root(numbers.METADATA, buffer, b"M001")
    assert root["name"] == "ObjectDetector"
    (graph,) = root["subgraph_metadata"]
    (image,) = graph["input_tensor_metadata"]
    assert image["content"]["content_properties"][1]["color_space"] == "RGB"
    assert image["process_units"][0]["options"][1] == {"mean": (127.5,), "std": (127.5,)}
    assert image["stats"] == {"max": (1.0,), "min": (-1.0,)}
    location, score = graph["output_tensor_metadata"]
    assert location["content"]["content_properties"] == (
        "BoundingBoxProperties",
        {"index": (1, 0, 3, 2), "type": "BOUNDARIES", "coordinate_type": "RATIO"},
    )
    assert score["associated_files"][0]["type"] == "TENSOR_AXIS_LABELS"
    (entry,) = graph["custom_metadata"]
    options = read_root(numbers.DETECTOR, entry["data"], b"V001")
    anchor = {"x_center": 0.5, "y_center": 0.25, "width": 0.125, "height": 1.0}
    assert options["ssd_anchors_options"]["fixed_anchors_schema"]["anchors"] == (anchor,)
    decoding = options["tensors_decoding_options"]
    assert (decoding["num_classes"], decoding["x_scale"], decoding["h_scale"]) == (3, 10.0, 5.0)
    assert decoding["apply_exponential_on_box_size"] is True
