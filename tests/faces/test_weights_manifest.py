import hashlib
import json

import numpy as np
import pytest
from manifest_files import plain, quantized, write_manifest

from keras_cv_course.faces.weights_manifest import read_manifest


def test_values_are_those_that_the_stored_numbers_stand_for(tmp_path):
    path = write_manifest(
        tmp_path,
        [
            [
                quantized("conv/filters", [[0, 255], [1, 2]], 0.5, -3.0),
                plain("conv/bias", [1.5, -2.5, 0.0]),
                quantized("steps", [0, 3], 0.5, 0.0, "int32"),  # 1.5 is 2
            ],
            [
                plain("count", np.int32(7), "int32"),
                quantized("wide", [65535], 2, 1, stored="uint16"),
            ],
        ],
    )
    arrays = read_manifest(path)
    assert list(arrays) == ["conv/filters", "conv/bias", "steps", "count", "wide"]
    np.testing.assert_array_equal(arrays["conv/filters"], [[-3.0, 124.5], [-2.5, -2.0]])
    np.testing.assert_array_equal(arrays["conv/bias"], [1.5, -2.5, 0.0])
    np.testing.assert_array_equal(arrays["steps"], [0, 2])
    assert (arrays["count"].shape, int(arrays["count"])) == ((), 7)
    np.testing.assert_array_equal(arrays["wide"], [131071.0])
    assert [a.dtype.name for a in arrays.values()] == [*["float32"] * 2, *["int32"] * 2, "float32"]


def test_the_bytes_of_a_group_go_on_in_its_next_file(tmp_path):
    path = write_manifest(tmp_path, [[plain("a", [1.0, 2.0]), plain("b", [3.0])]])
    content = (tmp_path / "net_model0.bin").read_bytes()
    (tmp_path / "net_model0.bin").write_bytes(content[:6])  # within the second number
    (tmp_path / "rest.bin").write_bytes(content[6:])
    manifest = json.loads(path.read_text())
    manifest[0]["paths"].append("rest.bin")
    path.write_text(json.dumps(manifest))
    arrays = read_manifest(path)
    np.testing.assert_array_equal(arrays["a"], [1.0, 2.0])
    np.testing.assert_array_equal(arrays["b"], [3.0])


@pytest.mark.parametrize(("change", "size"), [(-1, "7"), (1, "9")])
def test_bytes_that_lack_or_are_left_over_are_refused(tmp_path, change, size):
    path = write_manifest(tmp_path, [[plain("a", [1.0, 2.0])]])
    file = tmp_path / "net_model0.bin"
    file.write_bytes((file.read_bytes() + b"x")[: 8 + change])
    with pytest.raises(ValueError, match=rf"net_model0\.bin'\].* have {size}\."):
        read_manifest(path)


def test_only_the_expected_files_are_read(tmp_path):
    path = write_manifest(tmp_path, [[plain("a", [1.0, 2.0])]])
    files = (path, tmp_path / "net_model0.bin")
    sha256 = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    np.testing.assert_array_equal(read_manifest(path, sha256)["a"], [1.0, 2.0])
    for file in files[::-1]:
        content = file.read_bytes()
        file.write_bytes(content[::-1])
        # The manifest is no JSON now, which nobody has looked at.
        with pytest.raises(ValueError, match=rf"{file.name} is not the file .* SHA-256 is"):
            read_manifest(path, sha256)
        file.write_bytes(content)
    with pytest.raises(ValueError, match=r"is not the file that it should be.* and not None"):
        read_manifest(path, {})


@pytest.mark.parametrize("name", ["../secret.bin", "/etc/passwd", "a\\b.bin", "C:b", "..", "", 3])
def test_files_lie_beside_the_manifest(tmp_path, name):
    path = write_manifest(tmp_path, [[]])
    path.write_text(json.dumps([{"weights": [], "paths": [name]}]))
    with pytest.raises(ValueError, match=r"must name files that lie beside it"):
        read_manifest(path)


_SOUND = {"name": "a", "shape": [2], "dtype": "float32"}


def _stored(**quantization):
    return {**_SOUND, "quantization": {"dtype": "uint8", **quantization}}


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (3, "must give each weight a name"),
        ({**_SOUND, "name": None}, "must give each weight a name"),
        ({**_SOUND, "shape": [2, 0]}, "must be sizes above 0"),
        ({**_SOUND, "shape": [True]}, "must be sizes above 0"),
        ({**_SOUND, "shape": [1] * 100}, "must be sizes above 0"),
        ({**_SOUND, "shape": [10**30]}, "needs the bytes 0 to"),
        ({**_SOUND, "dtype": "object"}, "must be one of float32, int32"),
        ({**_SOUND, "dtype": []}, "must be one of float32, int32"),
        ({**_SOUND, "quantization": None}, "must be one of uint8, uint16"),
        (_stored(dtype="float16"), "must be one of uint8, uint16"),
        (_stored(scale=float("nan")), "\"scale\" of 'a' must be a finite number"),
        (_stored(min="0"), "\"min\" of 'a' must be a finite number"),
        (_stored(min=1e300), "no finite float32"),
        ({**_stored(min=1e10), "dtype": "int32"}, "no finite int32"),
    ],
)
def test_descriptions_that_make_no_sense_are_refused(tmp_path, weight, message):
    path = write_manifest(tmp_path, [[(weight, b"\1\2")]])
    with pytest.raises(ValueError, match=message) as error:
        read_manifest(path)
    assert str(path) in str(error.value)


def test_other_json_is_refused(tmp_path):
    path = tmp_path / "net.json"
    for content, message in (
        ("{}", "must hold a list of groups"),
        ("[3]", "must hold groups of weights"),
        ('[{"paths": []}]', '"weights" in each group'),
        ('[{"weights": []}]', '"paths" in each group'),
        ("[", "is not JSON"),
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            read_manifest(path)
    path = write_manifest(tmp_path, [[plain("a", [1.0]), plain("a", [2.0])]])
    with pytest.raises(ValueError, match=r"names the weight 'a' twice"):
        read_manifest(path)
    path = write_manifest(tmp_path, [[plain("a", [np.nan])]])
    with pytest.raises(ValueError, match=r"'a' holds values that are no finite float32"):
        read_manifest(path)
    (tmp_path / "net_model0.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"net_model0\.bin"):
        read_manifest(path)


def test_published_files_are_read_whole(shared):
    folder = shared / "weights/face_api"
    sums = (line.split() for line in (folder / "SHA256SUMS").read_text().splitlines())
    sha256 = {name: digest for digest, name in sums}
    # Numbers by `../shared/design/pretrained_networks.md`.
    for name, tensors, numbers in (
        ("face_recognition", 117, 5_614_592),
        ("face_landmark_68_tiny", 28, 77_224),
        ("age_gender", 51, 421_731),
    ):
        arrays = read_manifest(folder / f"{name}_model-weights_manifest.json", sha256)
        assert (len(arrays), sum(a.size for a in arrays.values())) == (tensors, numbers)
