"""The published networks of faces: sizes everywhere, values where ../shared has their weights."""

import gzip
import http.server
import importlib.util
import logging
import shutil
import threading
from functools import partial

import keras
import numpy as np
import pytest

from keras_cv_course import Detector, build_model, complexity, list_models, load_model
from keras_cv_course.faces import (
    DlibFaceEncoder,
    FaceLandmarkNetwork,
    SSDFaceDetector,
    TinyYOLOFaceDetector,
    published_weights,
)
from keras_cv_course.faces.published_weights import PUBLISHED, fill, published_arrays
from keras_cv_course.networks.specs import spec_of

# Numbers that are trained, by `../shared/design/pretrained_networks.md`.
TRAINED = {
    "dlib_face_encoder": 5_607_488,
    "tiny_yolo_face_detector": 193_321,
    "face_landmarks": 356_840,
    "face_expressions": 323_687,
    "age_gender": 421_731,
}


@pytest.fixture(scope="module")
def weights(shared, tmp_path_factory):
    """The folder of published files; ../shared has one of them packed."""
    folder = tmp_path_factory.mktemp("face_api")
    shutil.copytree(shared / "weights/face_api", folder, dirs_exist_ok=True)
    packed = folder / "ssd_mobilenetv1_model.bin.gz"
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    return folder


@pytest.fixture(scope="module")
def prototypes(shared):
    """Networks that were compared with face-api itself, to 3e-7."""
    path = shared / "prototypes/face_api_nets.py"
    spec = importlib.util.spec_from_file_location("face_api_nets", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", list_models("face"))
def test_sizes_are_the_published_ones(name):
    network = build_model(name)
    figures = complexity(network)
    if name == "ssd_face_detector":  # Mean and variance of 27 batch norms are not trained.
        assert figures.parameters == 5_505_797
    else:
        assert figures.trainable_parameters == TRAINED[name]
    assert network.name == name
    assert spec_of(network).input_range == (0.0, 255.0)
    assert spec_of(network).resize == "pad"


@pytest.mark.usefixtures("weightless")
def test_tiny_landmarks_are_tiny():
    assert complexity(FaceLandmarkNetwork("tiny")).parameters == 77_224
    with pytest.raises(ValueError, match=r"`size` must be one of 'full', 'tiny'"):
        FaceLandmarkNetwork("small")


def test_a_block_that_halves_adds_the_mean_of_pixels_and_no_channels(rng):
    network = DlibFaceEncoder()
    layers = ("stage3_block3_activation", "stage4_block1_second_conv", "stage4_block1_add")
    images = rng.uniform(0, 255, (1, 150, 150, 3)).astype("float32")
    outputs = keras.Model(network.input, [network.get_layer(x).output for x in layers])(images)
    x, branch, total = map(np.asarray, outputs)
    mean = x.reshape(1, 4, 2, 4, 2, 128).mean((2, 4))
    expected = np.concatenate([mean, np.zeros_like(mean)], -1)
    expected[:, :3, :3] += branch  # which is one row and one column smaller
    np.testing.assert_allclose(total, expected, rtol=1e-5, atol=1e-5)


def test_anchors_of_the_ssd_are_those_of_its_paper_but_for_the_first_map():
    keras.backend.clear_session()
    with keras.StatelessScope(initialize_variables=False):
        spec = SSDFaceDetector().get_layer("boxes").spec
    anchors = spec.relative_anchors()  # x, y, width, height
    assert len(anchors) == 5118 == 32 * 32 * 3 + 6 * (16**2 + 8**2 + 4**2 + 2**2 + 1)
    first = [
        [0.5 / 32] * 2 + [0.1, 0.1],
        *([0.5 / 32] * 2 + [0.2 * r, 0.2 / r] for r in (2**0.5, 0.5**0.5)),
    ]
    np.testing.assert_allclose(anchors[:3], first, rtol=1e-5)
    last = [
        [0.95, 0.95],
        [0.95**0.5] * 2,
        *([0.95 * r**0.5, 0.95 / r**0.5] for r in (2, 0.5, 3, 1 / 3)),
    ]
    np.testing.assert_allclose(anchors[-6:, 2:], last, rtol=1e-5)


@pytest.mark.usefixtures("weightless")
def test_the_tiny_detector_takes_other_sizes():
    network = TinyYOLOFaceDetector((96, 160, 3))
    assert network.output["boxes"].shape == (None, 3 * 5 * 5, 4)
    with pytest.raises(ValueError, match=r"multiples of 32.* Received: \(100, 160\)"):
        TinyYOLOFaceDetector((100, 160, 3))


def _plain(name):
    return lambda output: {name: output}


def _ssd(output):
    codes = np.asarray(output["codes"])[..., [1, 0, 3, 2]]  # x and width first
    return {"boxes": codes, "classes": np.asarray(output["logits"])[..., None]}


def _tiny(output):
    values = np.asarray(output).reshape(len(output), -1, 5)
    return {"boxes": values[..., :4], "classes": values[..., 4:]}


# Builder's name and options; name and options of the prototype, and its outputs in our form.
PARITY = {
    "tiny_landmarks": (
        "face_landmarks",
        {"size": "tiny"},
        "landmark_net",
        {"tiny": True},
        _plain("y"),
    ),
    "landmarks": ("face_landmarks", {}, "landmark_net", {}, _plain("y")),
    "expressions": ("face_expressions", {}, "expression_net", {}, _plain("y")),
    "age_gender": ("age_gender", {}, "age_gender_net", {}, dict),
    "recognition": ("dlib_face_encoder", {}, "recognition_net", {}, _plain("y")),
    "tiny_detector": ("tiny_yolo_face_detector", {}, "tiny_face_net", {}, _tiny),
    "ssd_detector": ("ssd_face_detector", {}, "ssd_net", {}, _ssd),
}


@pytest.mark.parametrize("network", PARITY)
def test_outputs_are_those_of_the_original(network, weights, prototypes, rng):
    name, options, prototype, theirs, outputs = PARITY[network]
    ours = build_model(name, weights=weights, **options)
    stored = prototypes.read_weights(weights / PUBLISHED[network].manifest)
    other = getattr(prototypes, prototype)(stored, **theirs)
    other = other[0] if isinstance(other, tuple) else other
    images = rng.uniform(0, 255, (2, *ours.input_shape[1:])).astype("float32")
    actual = ours(images)
    actual = actual if isinstance(actual, dict) else {"y": actual}
    for key, expected in outputs(other(images)).items():
        np.testing.assert_allclose(actual[key], expected, atol=2e-5)  # years, pixels' logits


def test_one_predictor_finds_faces_with_it_also_when_saved(weights, shared, tmp_path):
    network = TinyYOLOFaceDetector(weights=weights)
    network.save(tmp_path / "faces.keras")
    photograph = sorted((shared / "data/lfw").rglob("*.jpg"))[0]
    found = [
        Detector(model, ["face"], score_threshold=0.5, iou_threshold=0.4).predict(photograph)[0]
        for model in (network, load_model(tmp_path / "faces.keras"))
    ]
    assert len(found[0]["boxes"]) == 1
    np.testing.assert_array_equal(found[0]["boxes"], found[1]["boxes"])
    left, top, right, bottom = found[0]["boxes"][0]
    assert max(left, top) < 125 < min(right, bottom)  # LFW has the face in the middle


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server of the files in a folder, that stands for the repository."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(published_weights, "BASE_URL", address)
        (tmp_path / "cache").mkdir()
        cached = partial(keras.utils.get_file, cache_dir=str(tmp_path / "cache"))
        monkeypatch.setattr(keras.utils, "get_file", cached)
        yield folder
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_pretrained_weights_are_fetched_once_and_say_whose_they_are(weights, server, caplog):
    published = PUBLISHED["tiny_landmarks"]
    for name in published.sha256:
        shutil.copy(weights / name, server / name)
    caplog.set_level(logging.WARNING, published_weights.__name__)
    fetched = published_arrays("tiny_landmarks", "pretrained")
    assert "MIT, copyright (c) Vladimir Mandic; trained on about 35,000 faces" in caplog.text
    assert published_weights.BASE_URL in caplog.text
    for name in published.sha256:
        (server / name).unlink()
    again = published_arrays("tiny_landmarks", "pretrained")  # from the cache
    offline = published_arrays("tiny_landmarks", weights / published.manifest)
    for arrays in (again, offline):
        assert list(arrays) == list(fetched)
        assert all(np.array_equal(arrays[key], fetched[key]) for key in fetched)


def test_other_files_than_the_published_are_not_taken(server):
    published = PUBLISHED["tiny_landmarks"]
    with pytest.raises(OSError, match=r"could not be fetched.*give the folder of the files"):
        published_arrays("tiny_landmarks", "pretrained")
    for name in published.sha256:
        (server / name).write_text("[]")
    with pytest.raises(OSError, match=rf"{published.manifest} could not be fetched.*corrupted"):
        published_arrays("tiny_landmarks", "pretrained")
    with pytest.raises(
        ValueError, match=rf"{published.manifest} is not the file that it should be"
    ):
        published_arrays("tiny_landmarks", server)
    with pytest.raises(ValueError, match=r"`weights` must be None, 'pretrained', a folder.*my\.h5"):
        FaceLandmarkNetwork("tiny", weights="my.h5")
    with pytest.raises(FileNotFoundError, match=r"There is no file"):
        published_arrays("tiny_landmarks", server / "nowhere" / published.manifest)


def test_weights_that_do_not_fit_change_nothing():
    network = FaceLandmarkNetwork("tiny")
    before = network.get_weights()
    arrays = {x.name: x.get_weights() for x in network.layers if x.weights}
    fill(network, {**arrays, "landmarks": [a * 2 for a in arrays["landmarks"]]}, "here")
    np.testing.assert_array_equal(network.get_weights()[-2], before[-2] * 2)
    wrong = {**arrays, "landmarks": [np.zeros((3, 136)), np.zeros(136)]}
    with pytest.raises(ValueError, match=r"here does not fit this network: layer 'landmarks' has"):
        fill(
            network,
            {**wrong, "stage1_block1_step0_conv": [np.ones((3, 3, 3, 32)), np.ones(32)]},
            "here",
        )
    np.testing.assert_array_equal(network.get_weights()[0], before[0])
