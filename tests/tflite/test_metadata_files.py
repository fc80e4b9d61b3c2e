import io
import zipfile

import numpy as np
import pytest
import tiny_files
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from toy_files import CASES, NAMES, RANGE, save, toy

from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.labels import append_labels, read_labels
from keras_cv_course.tflite.metadata import (
    ClassifierMetadata,
    EmbedderMetadata,
    add_metadata,
    read_metadata,
)


def run(data):
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    x = np.random.default_rng(0).uniform(-1, 1, details["shape"])
    interpreter.set_tensor(details["index"], x.astype(details["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_the_network_computes_as_before_and_the_archive_comes_last(tmp_path):
    data = tiny_files.content("float")
    written = add_metadata(data, ClassifierMetadata(NAMES), RANGE)
    np.testing.assert_array_equal(run(written), run(data))
    assert read_labels(save(tmp_path, written)) == NAMES
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        (info,) = archive.infolist()
        assert archive.testzip() is None
    end = written[info.header_offset :]
    assert len(end) < 250
    assert written[: info.header_offset] == flatbuffer.write(flatbuffer.read(written))


def move_weights_out(data):
    """The same network with all weights behind the FlatBuffer, as ai-edge-quantizer writes it."""
    model = flatbuffer.read(data)
    contents = {k: bytes(b.data) for k, b in enumerate(model.buffers) if b.data is not None}
    for k, content in contents.items():
        # Numbers of the same width as the true ones, which the size decides.
        model.buffers[k] = schema.BufferT(offset=2**40, size=len(content))
    size = len(flatbuffer.write(model))
    behind = b""
    for k, content in contents.items():
        model.buffers[k].offset = size + len(behind)
        behind += content + bytes(-len(content) % 16)
    return flatbuffer.write(model) + behind


def test_weights_outside_of_the_flatbuffer_are_kept():
    data = move_weights_out(tiny_files.content("float"))
    np.testing.assert_array_equal(run(data), run(tiny_files.content("float")))
    assert sum(b.offset > 0 for b in schema.ModelT.InitFromPackedBuf(data).buffers) > 3
    written = add_metadata(data, ClassifierMetadata(NAMES), RANGE)
    buffers = schema.ModelT.InitFromPackedBuf(written).buffers
    assert all(buffer.offset == buffer.size == 0 for buffer in buffers)
    np.testing.assert_array_equal(run(written), run(data))


def test_metadata_outside_of_the_flatbuffer_is_read(tmp_path):
    whole = move_weights_out(add_metadata(toy([(1, 3)]), EmbedderMetadata(), RANGE))
    assert read_metadata(save(tmp_path, whole)).task == "embedder"


def test_metadata_and_labels_are_replaced_and_other_members_kept(tmp_path):
    file = io.BytesIO(append_labels(toy([(1, 3)]), ["old"]))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("notes.txt", "kept")
    first = add_metadata(file.getvalue(), ClassifierMetadata(("a", "b", "c")), (0, 1))
    path = save(tmp_path, add_metadata(first, ClassifierMetadata(NAMES), RANGE))
    assert read_metadata(path).labels == NAMES
    assert read_metadata(path).mean == (127.5,)
    model = flatbuffer.read(path.read_bytes())
    assert [entry.name for entry in model.metadata] == [b"TFLITE_METADATA"]
    assert len(model.buffers) == 2
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["notes.txt", "labels.txt"]
        assert archive.read("notes.txt") == b"kept"
    save(tmp_path, add_metadata(first, ClassifierMetadata(), RANGE))
    assert read_labels(path) is None
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["notes.txt"]


def test_other_metadata_entries_stay():
    model = flatbuffer.read(toy([(1, 3)]))
    model.buffers.append(schema.BufferT(data=np.frombuffer(b"1.5.0", np.uint8)))
    model.metadata = [schema.MetadataT(name="min_runtime_version", buffer=1)]
    written = flatbuffer.read(add_metadata(flatbuffer.write(model), EmbedderMetadata(), RANGE))
    entries = {m.name: bytes(written.buffers[m.buffer].data) for m in written.metadata}
    assert entries[b"min_runtime_version"] == b"1.5.0"
    assert entries[b"TFLITE_METADATA"][4:8] == b"M001"


def test_an_entry_on_the_empty_buffer_does_not_fill_it():
    model = flatbuffer.read(toy([(1, 3)]))
    model.metadata = [schema.MetadataT(name="TFLITE_METADATA", buffer=0)]
    data = add_metadata(flatbuffer.write(model), EmbedderMetadata(), RANGE)
    written = schema.ModelT.InitFromPackedBuf(data)
    assert written.buffers[0].data is None
    assert [m.buffer for m in written.metadata] == [1]


def test_a_file_without_metadata_has_none(tmp_path):
    assert read_metadata(tiny_files.write(tmp_path, "float")) is None


@pytest.mark.data
@pytest.mark.parametrize("name", ["mobilenet_v2_1.0_224_quant", "tf2_mobilenet_v2_1.0_224_ptq"])
def test_files_that_google_ships(name, shared, tmp_path):
    path = shared / "models" / f"coral_{name}.tflite"
    metadata = read_metadata(path)
    assert (metadata.task, metadata.name) == ("classifier", "ImageClassifier")
    assert metadata.outputs == ("probability",)
    assert metadata.input_range == (-1.0, 1.0)
    assert len(metadata.labels) == 1001
    assert metadata.labels[286] == "Egyptian cat"
    names = [f"c{k}" for k in range(1001)]
    path = save(tmp_path, add_metadata(path.read_bytes(), ClassifierMetadata(names), (0, 255)))
    assert read_metadata(path).labels == tuple(names)
    assert read_metadata(path).min_parser_version == "1.0.0"


def test_random_changes_are_read_or_refused(tmp_path):
    rng = np.random.default_rng(0)
    refused = 0
    for data, task in CASES.values():
        whole = add_metadata(data, task, RANGE)
        for _ in range(120):
            changed = bytearray(whole)
            for at in rng.integers(0, len(whole), rng.integers(1, 6)):
                value = rng.choice([0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256))])
                changed[at : at + rng.choice([1, 4])] = bytes([value])
            path = save(tmp_path, bytes(changed[: rng.integers(1, 2 * len(whole))]))
            try:
                read_metadata(path)
            except ValueError as error:
                refused += 1
                assert str(path) in str(error)  # noqa: PT017
    assert refused > 100


def test_a_buffer_that_is_not_there_is_an_error(tmp_path):
    model = flatbuffer.read(toy([(1, 3)]))
    model.metadata = [schema.MetadataT(name="TFLITE_METADATA", buffer=9)]
    path = save(tmp_path, flatbuffer.write(model))
    with pytest.raises(ValueError, match=r"model.tflite must be a .tflite.*buffer 9 is missing"):
        read_metadata(path)


def test_labels_that_are_missing_in_the_archive_are_an_error(tmp_path):
    whole = add_metadata(toy([(1, 3)]), ClassifierMetadata(NAMES), RANGE)
    cut = whole[: whole.index(b"PK\x03\x04")]
    with pytest.raises(ValueError, match=r"names a list of labels, 'labels.txt', which is not in"):
        read_metadata(save(tmp_path, cut))


def test_a_file_of_another_kind_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"identifier is b' not' and not b'TFL3'"):
        read_metadata(save(tmp_path, b"It's not a model"))
