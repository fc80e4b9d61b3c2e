"""Archives and HDF5 files that claim more than they hold, or refer to others."""

import io
import resource
import struct
import zipfile

import h5py
import numpy as np
import pytest

from keras_cv_course._containers import check_archive, check_hdf5, read_member
from keras_cv_course.tflite.labels import read_labels, split_archive

MANY = 300 * 2**20


def archive_of(path, content, name="labels.txt", method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


def with_stated_size(path, size):
    """Changes the size that the archive states for its member."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.rindex(mark) + offset
        data[place : place + 4] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_sound_archive_is_read(tmp_path):
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = archive_of(tmp_path / "a.zip", b"cat\ndog\n" * 20_000, method=method)
        check_archive(path)
        with zipfile.ZipFile(path) as archive:
            assert read_member(archive, "labels.txt", 10**6) == b"cat\ndog\n" * 20_000


def test_what_unpacks_to_far_more_than_the_file_is_refused_before_it_is(tmp_path):
    path = archive_of(tmp_path / "a.zip", bytes(MANY))
    before = peak_bytes()
    with pytest.raises(ValueError, match="unpacks to 314,572,800 bytes, which is too large"):
        check_archive(path)
    assert peak_bytes() - before < 2**26


@pytest.mark.parametrize("stated", [10, 0, 70_000])
def test_a_false_size_is_refused_without_unpacking_all(tmp_path, stated):
    """zipfile would unpack up to 2 GB, and cut them to the stated size."""
    path = with_stated_size(archive_of(tmp_path / "a.tflite", bytes(MANY)), stated)
    before = peak_bytes()
    with pytest.raises((ValueError, zipfile.BadZipFile)):
        check_archive(path)
    with pytest.raises(ValueError, match=r"a\.tflite holds a list labels\.txt that cannot be read"):
        read_labels(path)
    with pytest.raises(ValueError, match="archive behind the model cannot be read"):
        split_archive(path.read_bytes())
    assert peak_bytes() - before < 2**26


def test_other_compressions_and_doubles_are_refused(tmp_path):
    with pytest.raises(ValueError, match="in another way than by deflate"):
        check_archive(archive_of(tmp_path / "a.zip", b"x", method=zipfile.ZIP_LZMA))
    with zipfile.ZipFile(tmp_path / "b", "w") as file:
        file.writestr("config.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("config.json", "[]")
    with pytest.raises(ValueError, match="in the archive twice"):
        check_archive(tmp_path / "b")


def checked(path):
    with h5py.File(path) as file:
        check_hdf5(file, path.stat().st_size)


def test_a_group_that_contains_itself_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a/weights"] = np.zeros(3)
        file["a/again"] = file["a"]
    checked(tmp_path / "a.h5")


@pytest.mark.parametrize("kind", ["external", "soft", "storage", "virtual"])
def test_what_leads_to_another_file_is_refused(tmp_path, kind):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.zeros(3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if kind == "external":
            file["a/kernel"] = h5py.ExternalLink("other.h5", "/secret")
        elif kind == "soft":
            file["a/kernel"] = h5py.SoftLink("/nowhere")
        elif kind == "storage":
            external = [(str(tmp_path / "other.h5"), 0, 24)]
            file.create_group("a").create_dataset("kernel", (3,), "f8", external=external)
        else:
            layout = h5py.VirtualLayout((3,), "f8")
            layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "secret", (3,))
            file.create_group("a").create_virtual_dataset("kernel", layout)
    with pytest.raises(ValueError, match=r"/a/kernel'? is refused: it refers to another file"):
        checked(tmp_path / "a.h5")


def test_arrays_that_are_larger_than_the_file_can_hold_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("kernel", (50_000, 50_000), "f4", chunks=(100, 100))
    with pytest.raises(ValueError, match=r"with '/kernel', \(50000, 50000\), its arrays are too"):
        checked(tmp_path / "a.h5")


def test_weights_and_models_go_through_the_check(tmp_path):
    import keras

    from keras_cv_course import load_model
    from keras_cv_course.backbones._stored import read_layers

    image = keras.Input((4,))
    model = keras.Model(image, keras.layers.Dense(2)(image))
    layers = [layer for layer in model.layers if layer.weights]
    model.save_weights(tmp_path / "a.weights.h5")
    model.save(tmp_path / "a.keras")
    assert len(read_layers(tmp_path / "a.weights.h5", layers)) == 1
    with h5py.File(tmp_path / "a.weights.h5", "a") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = h5py.ExternalLink("b.h5", "/kernel")
    with pytest.raises(ValueError, match=r"a\.weights\.h5 must be .* refers to another file"):
        read_layers(tmp_path / "a.weights.h5", layers)

    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "a") as file:
        file["layers/dense/vars/0"][...] = np.nan
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(tmp_path / "nan.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    for read in (load_model, lambda path: read_layers(path, layers)):
        with pytest.raises(ValueError, match=r"nan\.keras .*holds NaN or infinity"):
            read(tmp_path / "nan.keras")
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (members | {"config.json": bytes(MANY)}).items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"bomb\.keras .*'config\.json' unpacks to 314,572,800"):
        load_model(tmp_path / "bomb.keras")


def test_a_list_of_texts_without_end_is_refused_before_hdf5_reads_it(tmp_path):
    path = tmp_path / "only.weights.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.zeros(3)
        file["a"].attrs["name"] = "conv"
    content = bytearray(path.read_bytes())
    # Signature and size of the list, then "conv" with its number and length, then the free space.
    free = content.index(b"GCOL") + 16 + 16 + 8
    assert content[free : free + 8] == bytes(8)
    content[free + 8 : free + 16] = bytes(8)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="texts is damaged"):
        checked(path)
