import keras
import numpy as np
import pytest
from contracts.random_weights import randomize
from PIL import Image

from keras_cv_course import Detector, MobileNetV2, SSDLite
from keras_cv_course.data.framing import frame_image
from keras_cv_course.detectors.detector import detection_rows
from keras_cv_course.predictors.drawing import draw_detections, mosaic, png

SIZE = 64
PIXELS = (0.0, 255.0)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    body = MobileNetV2((SIZE, SIZE, 3), alpha=0.35, include_top=False)
    model = SSDLite(body, classes=3, extra_filters=(32,))
    randomize(model, rng, rng.uniform(-1, 1, (4, SIZE, SIZE, 3)).astype(np.float32))
    return model


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (96, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize("resize", ["stretch", "pad"])
@pytest.mark.parametrize("shape", [(96, 48), (33, 100), (64, 64)])
def test_boxes_on_their_way_into_the_frame_and_back(shape, resize, rng):
    """A white box is where the frame shows it, and comes back to where it was."""
    image = np.zeros((*shape, 3), np.uint8)
    box = np.array([8, 6, 24, 22])  # x1, y1, x2, y2
    image[box[1] : box[3], box[0] : box[2]] = 255
    frame = frame_image(image, (128, 128, 3), PIXELS, resize)
    assert frame.pixels.shape == (128, 128, 3)
    rows, columns = np.nonzero(frame.pixels[..., 0] > 127)
    framed = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 128
    restored = frame.to_image(framed[None].astype(np.float32))[0]
    # Half a pixel of the frame to each side, in pixels of the image.
    np.testing.assert_allclose(restored, box, atol=max(frame.scale) / 128)


@pytest.mark.parametrize("resize", ["stretch", "pad"])
def test_frame_is_that_of_keras_resizing(resize, image):
    layer = keras.layers.Resizing(40, 64, pad_to_aspect_ratio=resize == "pad")
    actual = frame_image(image, (40, 64, 3), PIXELS, resize).pixels
    np.testing.assert_allclose(actual, layer(image.astype(np.float32)), atol=1e-3)


def test_boxes_beyond_the_border_are_cut_off():
    frame = frame_image(np.zeros((20, 40, 3)), (64, 64, 3), PIXELS, "pad")
    boxes = np.array([[-0.5, 0.0, 2.0, 1.0], [0.25, 0.25, 0.5, 0.5]], np.float32)
    # The image is the middle half of the frame of 40 x 40.
    np.testing.assert_allclose(frame.to_image(boxes), [[0, 0, 40, 20], [10, 0, 20, 10]])


def test_finds_in_images_of_any_size_what_it_finds_in_them_alone(network, image, rng):
    detector = Detector(network, score_threshold=0.3)
    images = [image, rng.integers(0, 256, (50, 130, 3), dtype=np.uint8)]
    together = detector.predict(images)
    for single, actual in zip(images, together, strict=True):
        (alone,) = detector.predict([single])
        assert len(actual["scores"]) > 3
        height, width = single.shape[:2]
        assert actual["boxes"].min() >= 0
        assert (actual["boxes"].max(axis=0) <= [width, height, width, height]).all()
        assert (np.diff(actual["scores"]) <= 0).all()
        for key, values in alone.items():
            np.testing.assert_allclose(actual[key], values, atol=1e-2)
    assert detector.predict([]) == []


def test_shares_the_weights_of_the_network(network, image):
    model = keras.models.clone_model(network)
    model.set_weights(network.get_weights())
    detector = Detector(model, score_threshold=0.3)
    before = detector.predict([image])[0]["scores"]
    layer = model.get_layer("classes_P4_conv")
    layer.bias.assign(layer.bias * 0 + 3)
    after = detector.predict([image])[0]["scores"]
    assert not np.array_equal(before, after)


def test_rows_for_json(network, image):
    detector = Detector(network, ["a", "b", "c"], score_threshold=0.3)
    (detections,) = detector.predict([image])
    rows = detection_rows(detections, detector.class_names)
    assert len(rows) == len(detections["scores"])
    assert rows[0]["name"] == "abc"[rows[0]["class"]]
    assert rows[0]["box_xyxy"] == pytest.approx(detections["boxes"][0])


def test_drawing_frames_the_box_and_leaves_the_rest(image):
    detections = {
        "boxes": np.array([[10, 30, 40, 80]], np.float32),
        "scores": np.array([0.9], np.float32),
        "classes": np.array([0], np.int32),
    }
    drawn = draw_detections(image, detections, ["cell"])
    assert drawn.dtype == np.uint8
    assert (drawn[30:81, 10] == drawn[30, 10]).all()  # left edge, one colour
    np.testing.assert_array_equal(drawn[32:79, 12:39], image[32:79, 12:39])
    np.testing.assert_array_equal(drawn[83:], image[83:])
    label = (drawn[:30] != image[:30]).any(axis=(0, 2))
    assert label.any(), "it stands above the box"
    bare = draw_detections(image, detections, ["cell"], show_scores=False)
    assert 0 < (bare[:30] != image[:30]).any(axis=(0, 2)).sum() < label.sum()


def test_no_line_crosses_a_name(image):
    behind, better = [5, 40, 45, 90], [10, 20, 40, 94]  # the better one's left edge is in the way
    detections = {
        "boxes": np.array([better, behind], np.float32),
        "scores": np.array([0.9, 0.5], np.float32),
        "classes": np.array([1, 0], np.int32),
    }
    second = {name: values[1:] for name, values in detections.items()}
    names = ["cell", "x"]
    label = np.s_[30:40, 5:20]
    alone = draw_detections(image, second, names)[label]
    assert (alone != image[label]).any(axis=-1).mean() > 0.8
    np.testing.assert_array_equal(draw_detections(image, detections, names)[label], alone)


def test_a_class_without_a_name_is_distinct_from_its_score(image):
    detections = {
        "boxes": np.array([[5, 40, 45, 90]], np.float32),
        "scores": np.array([0.9], np.float32),
        "classes": np.array([1], np.int32),
    }
    named = draw_detections(image, detections, ["a", "class 1"])
    np.testing.assert_array_equal(draw_detections(image, detections), named)


def test_mosaic_puts_images_row_by_row():
    images = [np.full((2, 3, 3), i, np.uint8) for i in range(3)]
    sheet = mosaic(images, columns=2)
    assert sheet.shape == (4, 6, 3)
    np.testing.assert_array_equal(sheet[::2, ::3, 0], [[0, 1], [2, 255]])
    assert png(sheet).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": ["a", "b"]}, "one name for each of the 3 classes"),
        ({"class_names": "abc"}, "one name for each of the 3 classes"),
        ({"resize": "crop"}, "`resize` must be one of 'stretch', 'pad'"),
        ({"input_range": (0.5, 1)}, "`input_range` must be the smallest and the largest"),
        ({"iou_threshold": 2}, "`iou_threshold` must be at most 1"),
        ({"score_threshold": -0.1}, r"`score_threshold` must be in \[0, 1\]. Received: -0.1"),
        ({"score_threshold": float("nan")}, r"`score_threshold` must be in \[0, 1\]"),
    ],
)
def test_wrong_arguments(network, options, message):
    with pytest.raises(ValueError, match=message):
        Detector(network, **options)


def test_what_is_no_detector_is_refused():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    with pytest.raises(ValueError, match=r"`model` must be a detector of this package"):
        Detector(model)


def test_image_of_another_kind_is_refused(network):
    with pytest.raises(ValueError, match=r"An image must be an array .* Received: \(8, 8, 2\)"):
        Detector(network).predict([np.zeros((8, 8, 2))])


def test_a_path_a_pil_image_and_one_array_are_taken(network, tmp_path, rng):
    pixels = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    detector = Detector(network, score_threshold=0.01)
    expected = detector.predict([pixels])
    for image in (pixels, tmp_path / "p.png", str(tmp_path), Image.fromarray(pixels)):
        (detections,) = detector.predict(image)
        np.testing.assert_array_equal(detections["boxes"], expected[0]["boxes"])
    assert len(detector.predict(pixels[..., 0])) == 1  # grey
