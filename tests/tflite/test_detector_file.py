import numpy as np
import pytest
from contracts.random_weights import randomize

from keras_cv_course import Detector, MobileNetV2, SSDLite
from keras_cv_course.tflite import TFLiteDetector, convert

SIZE = 64


@pytest.fixture(scope="module")
def detector():
    rng = np.random.default_rng(0)
    body = MobileNetV2((SIZE, SIZE, 3), alpha=0.35, include_top=False)
    model = SSDLite(body, 3, extra_filters=(32,))
    randomize(model, rng, rng.uniform(-1, 1, (4, SIZE, SIZE, 3)).astype(np.float32))
    return Detector(model, ["a", "b", "c"], score_threshold=0.4, max_detections=10, resize="pad")


@pytest.fixture(scope="module")
def float_file(detector, tmp_path_factory):
    return convert(detector, tmp_path_factory.mktemp("files") / "m.tflite", "none").path


@pytest.fixture
def images(rng):
    return [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in ((64, 64), (40, 90))]


def test_finds_what_the_detector_finds(detector, float_file, images):
    file = TFLiteDetector(float_file, "pad", input_range=(-1, 1))
    assert file.class_names == ("a", "b", "c")
    expected = detector.predict(images)
    for outputs, want in zip(file.predict(images), expected, strict=True):
        assert len(want["scores"]) > 2
        np.testing.assert_array_equal(outputs["classes"], want["classes"])
        np.testing.assert_allclose(outputs["scores"], want["scores"], atol=1e-3)
        np.testing.assert_allclose(outputs["boxes"], want["boxes"], atol=0.05)


@pytest.mark.parametrize("source", ["metadata", "numbers"])
def test_range_is_read_from_the_file(detector, images, tmp_path, source):
    options = {"target": "phone"} if source == "metadata" else {"io_dtype": "uint8"}
    quantize = "none" if source == "metadata" else "int8"
    samples = None
    if source == "numbers":
        samples = np.stack([detector.frame(image).pixels for image in images])
    path = convert(
        detector, tmp_path / "m.tflite", quantize, calibration_data=samples, **options
    ).path
    assert TFLiteDetector(path, validate=False).input_range == pytest.approx((-1, 1), abs=0.01)


def test_an_unknown_range_must_be_given(detector, tmp_path):
    path = convert(detector, tmp_path / "bare.tflite", "none", describe=False).path
    with pytest.raises(
        ValueError, match=r"`input_range` must be given, since .* does not record it"
    ):
        TFLiteDetector(path, validate=False)


def test_a_corrupt_file_is_refused_before_it_is_loaded(tmp_path):
    (tmp_path / "m.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(40))
    with pytest.raises(ValueError, match=r"m\.tflite is not a usable \.tflite file"):
        TFLiteDetector(tmp_path / "m.tflite")


def test_file_without_suppression_is_refused(detector, tmp_path):
    path = convert(detector, tmp_path / "m.tflite", "none", nms=None).path
    with pytest.raises(ValueError, match=r"`path` must be a file with the outputs"):
        TFLiteDetector(path, validate=False)
