import numpy as np
import pytest
from drawn_face import drawn_face
from PIL import Image

from keras_cv_course.data import People, read_photograph
from keras_cv_course.faces import Face, FaceReader, cut_out, haar_detector


@pytest.mark.parametrize("shape", [(16, 16, 3), (24, 16, 1)])
def test_images_are_read_as_in_training(tmp_path, rng, shape):
    path = tmp_path / "photo.png"
    Image.fromarray(rng.integers(0, 256, (57, 40, 3), dtype=np.uint8)).save(path)
    one = People(np.array([str(path)]), np.zeros(1, np.int32), ("Ada",))
    expected = one.load(shape, (-1.0, 1.0), crop=0.7)[0]
    face = FaceReader(shape, (-1.0, 1.0), crop=0.7)(read_photograph(path))
    assert face.dtype == np.float32
    # Grey is rounded to whole pixels of 2/255, by TensorFlow and Pillow at different places.
    np.testing.assert_allclose(face, expected, atol=1e-5 if shape[2] == 3 else 1.01 * 2 / 255)


def test_a_face_is_found_and_cut_out():
    photograph = np.pad(drawn_face(), ((0, 0), (200, 300), (0, 0)), "edge")
    detector = haar_detector()
    read = FaceReader((48, 48, 3), (0.0, 255.0), detector)
    (face,) = detector(photograph)
    np.testing.assert_allclose(read(photograph), cut_out(photograph, face, 48), atol=1e-4)


def test_the_largest_of_several_is_taken_if_requested():
    faces = [Face((0, 0, 4, 4), 1), Face((8, 8, 16, 16), 1)]
    photograph = np.zeros((24, 24, 3), np.uint8)
    photograph[8:16, 8:16] = 200
    values = {"input_shape": (4, 4, 3), "input_range": (0.0, 255.0)}
    with pytest.raises(ValueError, match="There are 2 faces"):
        FaceReader(**values, detector=lambda image: faces)(photograph)
    face = FaceReader(**values, detector=lambda image: faces, largest=True)(photograph)
    assert face[1:3, 1:3].min() > 150


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"1 or 3 channels\. Received: \(16, 16, 4\)"):
        FaceReader((16, 16, 4), (-1.0, 1.0))
    with pytest.raises(ValueError, match="`input_range` must be the smallest and the largest"):
        FaceReader((16, 16, 3), (1.0, -1.0))
    with pytest.raises(
        ValueError, match=r"`crop` must be at least 0\.001 and at most 1\. Received: 0"
    ):
        FaceReader((16, 16, 3), (-1.0, 1.0), crop=0)
