import sys
import types

import numpy as np
import pytest
from drawn_face import drawn_face
from toy_detector import toy_detector

from keras_cv_course.faces.detection import (
    Face,
    cut_out,
    find_face,
    haar_detector,
    yunet_detector,
)

EMPTY = np.full((400, 400, 3), 210, np.uint8)


def overlap(box, other):
    """Intersection over union."""
    left, top = np.maximum(box[:2], other[:2])
    right, bottom = np.minimum(box[2:], other[2:])
    shared = max(right - left, 0) * max(bottom - top, 0)
    return shared / (Face(box, 0).area + Face(other, 0).area - shared)


@pytest.mark.parametrize("scale", [1, 4])
def test_the_cascade_finds_a_drawn_face(scale):
    # Of four times the size, the image is shrunk for the search.
    face = find_face(drawn_face(400 * scale), haar_detector())
    # From above the brows to below the mouth, and as wide.
    assert overlap(face.box_xyxy, np.multiply((95, 100, 305, 310), scale)) > 0.8
    assert face.landmarks is None
    assert face.score > 0


def test_the_place_of_a_face_is_reported():
    wide = np.concatenate([EMPTY, drawn_face()], axis=1)
    face = find_face(wide, haar_detector())
    assert overlap(face.box_xyxy, (495, 100, 705, 310)) > 0.8


def test_no_face_and_many_faces_are_said():
    detector = haar_detector()
    with pytest.raises(ValueError, match="There is no face in the image"):
        find_face(EMPTY, detector)
    small = np.pad(drawn_face(200), ((100, 100), (100, 100), (0, 0)), "edge")
    both = np.concatenate([small, drawn_face()], axis=1)
    with pytest.raises(ValueError, match="There are 2 faces in the image"):
        find_face(both, detector)
    assert find_face(both, detector, largest=True).box_xyxy[0] > 400


def test_a_small_face_is_overlooked_if_requested():
    with pytest.raises(ValueError, match="There is no face"):
        find_face(drawn_face(), haar_detector(smallest_px=300))


def test_a_function_of_ones_own():
    face = Face((1, 2, 3, 4), 0.5)
    assert find_face(EMPTY, lambda image: [face]) is face


def test_yunet_sees_boxes_and_landmarks(tmp_path):
    path = tmp_path / "toy.onnx"
    path.write_bytes(toy_detector(64))
    image = np.zeros((64, 64, 3), np.uint8)
    image[24:32, 40:48] = 255, 0, 0  # The cell in row 3 and column 5.
    (face,) = yunet_detector(path)(image)
    # 16 by 24 pixels around the cell's middle.
    np.testing.assert_allclose(face.box_xyxy, (36, 16, 52, 40), atol=1e-3)
    expected = [(40, 26), (48, 26), (44, 28), (42, 30), (46, 30)]
    np.testing.assert_allclose(face.landmarks, expected, atol=1e-3)
    assert face.score == pytest.approx(1)
    assert yunet_detector(path)(np.zeros((64, 64, 3), np.uint8)) == []


def test_yunet_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        yunet_detector(tmp_path / "none.onnx")
    path = tmp_path / "text.onnx"
    path.write_text("no model")
    with pytest.raises(ValueError, match=r"text\.onnx is not a model that OpenCV can read"):
        yunet_detector(path)
    with pytest.raises(ValueError, match="`score_threshold` must be at least 0 and below 1"):
        yunet_detector(path, 1.5)


def test_a_yunet_file_that_crashes_opencv_is_refused(tmp_path):
    path = tmp_path / "toy.onnx"
    content = toy_detector(64)
    missing = content.replace(b"\x0bkps_8_shape\x12", b"\x0b\xff\xff\xff\x7f8_shape\x12")
    assert missing != content
    path.write_bytes(missing)
    with pytest.raises(ValueError, match=r"toy\.onnx is not a model that OpenCV can run"):
        yunet_detector(path)


def test_yunet_files_that_fail_on_an_image(tmp_path):
    path = tmp_path / "toy.onnx"
    image = np.zeros((64, 64, 3), np.uint8)
    image[24:32, 40:48] = 255, 0, 0
    for content, message in (
        (
            toy_detector(64).replace(b"kps_8", b"kqs_8"),
            r"toy\.onnx is not a YuNet for images of any",
        ),
        (toy_detector(32), r"toy\.onnx is not a YuNet for images of any size"),
        (toy_detector(64, box=(0.5, 0.5, np.nan, 1)), r"toy\.onnx finds boxes that are not finite"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            yunet_detector(path)(image)


def test_the_box_is_cut_out_square_with_a_margin():
    rows, columns = np.mgrid[:100, :100]
    image = np.stack([rows, columns, 0 * rows], axis=-1).astype(np.uint8)
    # The longer side is 20, with a margin of half of it on each side 40: rows and columns 30 to 70.
    crop = cut_out(image, Face((45, 40, 55, 60), 1), 40, margin=0.5)
    np.testing.assert_array_equal(crop, image[30:70, 30:70])
    assert cut_out(image[..., 0], Face((45, 40, 55, 60), 1), 8).shape == (8, 8)


def test_beyond_the_image_is_black():
    image = np.full((50, 50, 3), 255, np.uint8)
    crop = cut_out(image, Face((0, 0, 20, 20), 1), 40, margin=0.5)
    np.testing.assert_array_equal(crop[:, :, 0] > 0, np.pad(np.ones((30, 30), bool), (10, 0)))


def test_a_face_with_landmarks_is_aligned():
    from keras_cv_course.faces.alignment import TEMPLATE, align_face

    image = drawn_face()
    landmarks = TEMPLATE * 2 + 90
    crop = cut_out(image, Face((0, 0, 10, 10), 1, landmarks), 56)
    np.testing.assert_array_equal(crop, align_face(image, landmarks, 56))


def test_wrong_arguments(monkeypatch):
    with pytest.raises(ValueError, match=r"must have a box with an area.*\(5, 5, 5, 9\)"):
        cut_out(EMPTY, Face((5, 5, 5, 9), 1), 40)
    with pytest.raises(ValueError, match=r"`margin` must be above -0\.5"):
        cut_out(EMPTY, Face((0, 0, 9, 9), 1), 40, margin=-0.5)
    with pytest.raises(TypeError, match="must be uint8"):
        haar_detector()(EMPTY / 255)
    with pytest.raises(ValueError, match="`smallest_px` must be a whole number above 0"):
        haar_detector(0)
    monkeypatch.setitem(sys.modules, "cv2", types.SimpleNamespace(__version__="5.0.0"))
    with pytest.raises(ImportError, match=r"OpenCV 5\.0\.0 has no Haar cascades.*yunet_detector"):
        haar_detector()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match=r"opencv-python-headless<5.*keras-cv-course\[faces\]"):
        haar_detector()
