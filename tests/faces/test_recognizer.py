"""From two photographs to an answer, with parts whose answers are known."""

import gzip
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_cv_course.faces import Face, FaceRecognizer, dlib_chip, network_detector
from keras_cv_course.faces.landmark_finder import find_landmarks
from keras_cv_course.faces.recognizer import pretrained_recognizer

NOSE, MOUTH_LEFT, MOUTH_RIGHT = 30, 48, 54
# Where dlib has them in its chip of 150 pixels.
IN_CHIP = {NOSE: (74.0, 76.6), MOUTH_LEFT: (50.4, 103.0), MOUTH_RIGHT: (97.6, 103.0)}
# Other points of the mean face, in shares of it: corners of the eyes, and the bridge of the nose.
MEAN = {36: (0.121737, 0.216423), 45: (0.878263, 0.216423), 27: (0.490127, 0.203352)}


def spots(points, size, radius=3.0):
    """A black image with a soft white spot at each point."""
    rows, columns = np.mgrid[:size, :size]
    near = [np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / radius**2) for x, y in points]
    return (255 * np.sum(near, 0).clip(0, 1)).astype(np.uint8)


def test_a_face_lies_in_its_chip_as_dlib_has_it():
    from keras_cv_course.faces.dlib_chips import _MEAN_FACE, _OF_68

    chip = (0.25 + _MEAN_FACE) / 1.5 * 150
    for point, place in IN_CHIP.items():
        np.testing.assert_allclose(chip[_OF_68.index(point)], place, atol=0.06)
    np.testing.assert_allclose(chip[_OF_68.index(36)], (0.25 + np.array(MEAN[36])) / 1.5 * 150)
    turn = 2 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    points = np.full((68, 2), 1e3)  # of jaw and eyebrows, by which nothing is aligned
    points[list(_OF_68)] = chip @ turn.T + (120, 30)
    image = spots([points[point] for point in IN_CHIP], 500)
    aligned = dlib_chip(image, points)
    assert aligned.shape == (150, 150)
    for x, y in IN_CHIP.values():
        rows, columns = np.mgrid[round(y) - 5 : round(y) + 6, round(x) - 5 : round(x) + 6]
        weights = aligned[rows, columns].astype(float)
        center = (columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()
        np.testing.assert_allclose(center, (x, y), atol=0.35)
    with pytest.raises(ValueError, match=r"`points` must have the shape \(68, 2\)"):
        dlib_chip(image, points[:5])


class Boxes:
    """A detector of boxes that gives one answer for each image that it is shown."""

    def __init__(self, *answers, classes=1):
        self.spec, self.answers, self.shown = SimpleNamespace(classes=classes), list(answers), []

    def predict(self, images):
        self.shown.append(images[0])
        boxes, scores = self.answers.pop(0)
        return [{"boxes": np.array(boxes, "float32").reshape(-1, 4), "scores": np.array(scores)}]


IMAGE = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)
NOTHING = ([], [])


def test_faces_above_the_threshold_are_found_at_first_sight():
    boxes = Boxes(([[1, 2, 11, 12], [5, 5, 9, 9]], [0.9, 0.4]))
    assert network_detector(boxes)(IMAGE) == [Face((1, 2, 11, 12), 0.9)]
    assert len(boxes.shown) == 1


def test_a_border_is_put_around_an_image_without_faces():
    boxes = Boxes(([[0, 0, 9, 9]], [0.4]), ([[10, 20, 82, 62]], [0.8]))
    assert network_detector(boxes)(IMAGE) == [Face((0, 0, 60, 40), 0.8)]  # 22 px, cut off
    bordered = boxes.shown[1]
    assert bordered.shape == (84, 104, 3)
    np.testing.assert_array_equal(bordered[22:-22, 22:-22], IMAGE)
    np.testing.assert_array_equal(bordered[0, 0], IMAGE[0, 0])


def test_a_low_score_counts_where_nothing_else_is_seen():
    low = ([[0, 0, 9, 9], [1, 1, 2, 2]], [0.35, 0.2])
    assert network_detector(Boxes(low, NOTHING))(IMAGE) == [Face((0, 0, 9, 9), 0.35)]
    outside = ([[0, 0, 20, 20]], [0.9])  # wholly in the border
    assert network_detector(Boxes(NOTHING, outside))(IMAGE) == []
    assert network_detector(Boxes(low), patient=False)(IMAGE) == []
    with pytest.raises(ValueError, match=r"must be a detector of one class.* 2 classes"):
        network_detector(Boxes(classes=2))
    with pytest.raises(TypeError, match=r"must be uint8"):
        network_detector(Boxes())(IMAGE.astype("float32"))


def test_points_are_in_pixels_of_the_photograph():
    face = Face((10.4, -5.0, 30.0, 10.0), 0.9)  # 20 x 10 pixels are in the image
    shares = np.tile([0.5, 0.5], 68)
    shares[:2] = 0.0, 0.25  # the left of the padded square, where the image begins
    shown = []
    points = find_landmarks(IMAGE, face, lambda x: shown.append(x) or shares[None])
    assert points.shape == (68, 2)
    np.testing.assert_allclose(points[0], (10, 0))
    np.testing.assert_allclose(points[1], (20, 5))
    assert shown[0].shape == (1, 112, 112, 3)
    assert not shown[0][0, :20].any()  # black above
    with pytest.raises(ValueError, match=r"must overlap the image"):
        find_landmarks(IMAGE, Face((70, 0, 80, 10), 0.9), None)
    with pytest.raises(ValueError, match=r"must give 136 numbers for a face"):
        find_landmarks(IMAGE, face, lambda x: shares[None, :10])


POINTS = np.random.default_rng(0).uniform(0.2, 0.8, (1, 136))


def recognizer(*vectors, faces=((5, 5, 25, 25),), **options):
    """A recognizer that sees the same faces everywhere, and gives one vector after the other."""
    answers = iter(vectors)
    found = [Face(box, 0.9) for box in faces]
    return FaceRecognizer(
        lambda chips: np.array([next(answers)]), lambda image: found, lambda x: POINTS, **options
    )


def test_the_distance_decides():
    near = recognizer((3.0, 4.0), (3.0, 4.5)).verify(IMAGE, IMAGE)
    assert (near.same, near.distance, near.threshold) == (True, 0.5, 0.6)
    assert near.similarity == pytest.approx((9 + 18) / (5 * 29.25**0.5))
    assert near.box_a == near.box_b == (5, 5, 25, 25)
    assert near.to_dict()["same"] is True
    far = recognizer((3.0, 4.0), (3.0, 4.5), threshold=0.5).verify(IMAGE, IMAGE)
    assert not far.same  # below, not at, the threshold


@pytest.mark.parametrize(
    "image",
    [
        IMAGE[..., 0],
        IMAGE[..., :1],
        IMAGE.astype("float32"),
        Image.fromarray(IMAGE),
        Image.fromarray(IMAGE).convert("L"),
    ],
)
def test_photographs_come_in_many_forms(image):
    vector, face = recognizer((1.0, 0.0)).embed(image)
    np.testing.assert_array_equal(vector, (1, 0))
    assert face.score == 0.9


def test_files_are_read_and_named(tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(IMAGE).save(tmp_path / "b.jpg", exif=exif)
    (tmp_path / "c.jpg").write_bytes(b"no image")
    wide = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60) * 20
    Image.fromarray(wide).save(tmp_path / "d.png")
    seen = []
    parts = recognizer(*[(1.0, 0.0)] * 5)
    looks = FaceRecognizer(
        parts.encode, lambda x: seen.append(x.shape) or parts.detector(x), parts.landmarks
    )
    assert looks.verify(tmp_path / "a.png", tmp_path / "b.jpg").same
    assert looks.verify(tmp_path / "d.png", str(tmp_path / "a.png")).same
    assert seen == [(40, 60, 3), (60, 40, 3), (40, 60, 3), (40, 60, 3)]
    with pytest.raises(ValueError, match=r"c\.jpg"):
        looks.embed(tmp_path / "c.jpg")
    with pytest.raises(FileNotFoundError, match=r"none\.jpg"):
        looks.verify(tmp_path / "a.png", tmp_path / "none.jpg")
    blind = FaceRecognizer(parts.encode, lambda image: [], parts.landmarks)
    with pytest.raises(ValueError, match=r"a\.png: There is no face in the image"):
        blind.verify(tmp_path / "a.png", tmp_path / "b.jpg")


def test_several_faces_are_an_error_unless_the_largest_is_asked_for():
    faces = ((0, 0, 10, 10), (5, 5, 30, 35))
    with pytest.raises(ValueError, match=r"There are 2 faces"):
        recognizer((1.0, 0.0), faces=faces).embed(IMAGE)
    _, face = recognizer((1.0, 0.0), faces=faces).embed(IMAGE, largest=True)
    assert face.box_xyxy == (5, 5, 30, 35)


def test_other_input_is_refused():
    with pytest.raises(ValueError, match=r"pixels of a photograph must be 0 to 255.* 300"):
        recognizer().embed(np.full((4, 4), 300.0))
    with pytest.raises(ValueError, match=r"must be one photograph.* 2"):
        recognizer().embed([IMAGE, IMAGE])
    with pytest.raises(ValueError, match=r"`encode` must give a vector for a face"):
        recognizer(((1.0, 2.0),)).embed(IMAGE)
    with pytest.raises(ValueError, match=r"`threshold` must be a number above 0"):
        recognizer(threshold=0)


@pytest.mark.slow
def test_published_networks_tell_people_apart(shared, tmp_path):
    shutil.copytree(shared / "weights/face_api", tmp_path, dirs_exist_ok=True)
    packed = tmp_path / "ssd_mobilenetv1_model.bin.gz"
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    people = sorted((shared / "data/lfw/train").iterdir())[:3]
    files = [sorted(person.glob("*.jpg"))[:2] for person in people]
    recognize = pretrained_recognizer(tmp_path)
    assert pretrained_recognizer(tmp_path) is recognize
    for i, (a, b) in enumerate(files):
        assert recognize.verify(a, b, largest=True).same
        assert not recognize.verify(a, files[i - 1][1], largest=True).same
    head = shared / "data/orl_faces/s1/1.png"  # fills its picture: it takes a border
    assert recognize.verify(head, shared / "data/orl_faces/s1/2.png").same
    with pytest.raises(ValueError, match=r"There is no face in the image"):
        recognize.embed(np.zeros((200, 200, 3), np.uint8))
