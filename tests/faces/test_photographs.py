import numpy as np
import pytest
from drawn_face import drawn_face
from PIL import Image

from keras_cv_course.data import People, read_photograph
from keras_cv_course.faces import Face, FaceReader, cut_out, haar_detector


def test_a_photograph_is_turned_upright(tmp_path):
    upright = np.zeros((40, 20, 3), np.uint8)
    upright[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # It must be turned by 90 degrees clockwise.
    Image.fromarray(np.rot90(upright)).save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(read_photograph(tmp_path / "photo.png"), upright)


def test_grey_and_transparent_pictures_become_rgb(tmp_path):
    for mode in ("L", "LA", "RGBA", "P", "1"):
        Image.new(mode, (4, 3)).save(tmp_path / "photo.png")
        photograph = read_photograph(tmp_path / "photo.png")
        assert (photograph.shape, photograph.dtype) == ((3, 4, 3), np.uint8)


@pytest.mark.parametrize("shape", [(16, 16, 3), (24, 16, 1)])
def test_pictures_are_read_as_in_training(tmp_path, rng, shape):
    path = tmp_path / "photo.png"
    Image.fromarray(rng.integers(0, 256, (57, 40, 3), dtype=np.uint8)).save(path)
    one = People(np.array([str(path)]), np.zeros(1, np.int32), ("Ada",))
    expected = one.load(shape, (-1.0, 1.0), crop=0.7)[0]
    found = FaceReader(shape, (-1.0, 1.0), crop=0.7)(read_photograph(path))
    assert found.dtype == np.float32
    # Grey is rounded to whole pixels of 2/255, by TensorFlow and Pillow at different places.
    np.testing.assert_allclose(found, expected, atol=1e-5 if shape[2] == 3 else 1.01 * 2 / 255)


def test_a_face_is_found_and_cut_out():
    photograph = np.pad(drawn_face(), ((0, 0), (200, 300), (0, 0)), "edge")
    detector = haar_detector()
    read = FaceReader((48, 48, 3), (0.0, 255.0), detector)
    (face,) = detector(photograph)
    np.testing.assert_allclose(read(photograph), cut_out(photograph, face, 48), atol=1e-4)


def test_the_largest_of_several_is_taken_if_told_so():
    faces = [Face((0, 0, 4, 4), 1), Face((8, 8, 16, 16), 1)]
    photograph = np.zeros((24, 24, 3), np.uint8)
    photograph[8:16, 8:16] = 200
    values = {"input_shape": (4, 4, 3), "input_range": (0.0, 255.0)}
    with pytest.raises(ValueError, match="There are 2 faces"):
        FaceReader(**values, detector=lambda image: faces)(photograph)
    found = FaceReader(**values, detector=lambda image: faces, largest=True)(photograph)
    assert found[1:3, 1:3].min() > 150


def test_what_is_no_photograph(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="There is no picture"):
        read_photograph(tmp_path / "none.jpg")
    path = tmp_path / "photo.png"
    path.write_text("text")
    with pytest.raises(ValueError, match=r"photo\.png cannot be decoded"):
        read_photograph(path)
    Image.new("RGB", (100, 100)).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"photo\.png cannot be decoded"):
        read_photograph(path)
    Image.new("RGB", (10, 10)).save(tmp_path / "photo.bmp")
    with pytest.raises(ValueError, match=r"photo\.bmp cannot be decoded"):
        read_photograph(tmp_path / "photo.bmp", ("JPEG", "PNG"))
    Image.new("1", (10_001, 10_000)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(ValueError, match=r"must have at most 80,000,000 pixels"):
        read_photograph(path)


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"1 or 3 channels\. Received: \(16, 16, 4\)"):
        FaceReader((16, 16, 4), (-1.0, 1.0))
    with pytest.raises(ValueError, match="`input_range` must be the smallest and the largest"):
        FaceReader((16, 16, 3), (1.0, -1.0))
    with pytest.raises(ValueError, match=r"`crop` must be above 0 and at most 1\. Received: 0"):
        FaceReader((16, 16, 3), (-1.0, 1.0), crop=0)
