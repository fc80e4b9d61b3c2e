import json

import numpy as np
import pytest
from annotation_files import coco_row, image_folder, write_coco
from PIL import Image
from pycocotools import mask as coco_mask

from keras_cv_course.data import (
    coco_masks,
    folder_masks,
    read_mask,
    segmentation_epochs,
    voc_masks,
)
from keras_cv_course.data.masks import Classes, read_classes
from keras_cv_course.data.segmentation import for_fit, resized_mask
from keras_cv_course.data.shapes import DrawnMasks, DrawnScenes

SIZE = (6, 8)
MASK = (np.indices(SIZE).sum(0) // 4).astype(np.uint8)  # 0, 1, 2, 3


def save(path, mask, mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask)
    if mode == "P":
        image.putpalette([200, 0, 0, 0, 200, 0] + [7] * 762)
        assert image.mode == "P"
    image.save(path)


@pytest.fixture
def folders(tmp_path):
    for name in "ab":
        path = tmp_path / f"images/{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", SIZE[::-1], (0, 90, 0)).save(path)
    save(tmp_path / "masks/a.png", MASK)
    save(tmp_path / "masks/b.png", np.where(MASK == 3, 255, MASK).astype(np.uint8), "P")
    return tmp_path


def test_grey_and_palette_masks_are_numbers(folders):
    source = folder_masks(folders / "images", folders / "masks")
    assert source.class_names == ("0", "1", "2", "3")
    assert (source.files, source.skipped, len(source)) == (("a.jpg", "b.jpg"), (), 2)
    (image, first), (_, second) = source.samples()
    assert (image.shape, first.dtype) == ((*SIZE, 3), np.uint8)
    np.testing.assert_array_equal(first, MASK)
    np.testing.assert_array_equal(second, np.where(MASK == 3, 255, MASK))


def test_names_and_values_of_a_file(folders):
    (folders / "classes.txt").write_text("2 tree\n0 sky\n\n1 street sign\n")
    source = folder_masks(folders / "images", folders / "masks", ignore_value=3)
    assert source.class_names == ("tree", "sky", "street sign")
    (skipped,) = source.skipped
    assert "b.png has the values 255, which stand for none of its 3 classes" in skipped
    np.testing.assert_array_equal(source[0][1], np.array([1, 2, 0, 255], np.uint8)[MASK])


def test_a_class_may_have_the_value_that_is_usually_ignored(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("0 membrane\n255 cell\n")
    labels = read_classes(path).labels(np.array([[0, 255]]))
    assert labels.tolist() == [[0, 1]]


@pytest.mark.parametrize("text", ["", "a\na\n", "0 a\nb\n", "0 a\n0 b\n"])
def test_files_of_classes_that_name_none_are_refused(tmp_path, text):
    path = tmp_path / "classes.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"classes\.txt must"):
        read_classes(path)


def test_what_is_broken_is_named_and_left_out(folders):
    Image.new("RGB", (9, 9)).save(folders / "images/c.jpg")
    save(folders / "masks/c.png", MASK)
    Image.new("RGB", (9, 9)).save(folders / "images/d.jpg")
    Image.new("RGB", SIZE[::-1]).save(folders / "images/e.jpg")
    save(folders / "masks/e.png", np.zeros((*SIZE, 3), np.uint8))
    Image.new("RGB", SIZE[::-1]).save(folders / "images/f.jpg")
    (folders / "masks/f.png").write_bytes((folders / "masks/a.png").read_bytes()[:60])
    source = folder_masks(folders / "images", folders / "masks")
    assert source.files == ("a.jpg", "b.jpg")
    size, missing, colours, cut = source.skipped
    assert "c.png must be as large as its image, 9x9. Received: 8x6." in size
    assert "There is no mask" in missing
    assert "d.png" in missing
    assert "e.png must hold the class of each pixel as a number" in colours
    assert "f.png cannot be decoded" in cut
    with pytest.raises(ValueError, match=r"c\.png must be as large as its image.* Fix it, or"):
        folder_masks(folders / "images", folders / "masks", broken="raise")
    with pytest.raises(
        ValueError, match=r"No image of .*images with a mask can be read\. The first"
    ):
        folder_masks(folders / "images", folders / "masks", ("only",))
    with pytest.raises(ValueError, match=r"stand for none of its 1 classes"):
        Classes(("a",), ignore_value=None).labels(MASK)


def test_a_mask_of_the_stored_image_is_turned_with_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    (tmp_path / "images").mkdir()
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "images/a.jpg", exif=exif)
    save(tmp_path / "masks/a.png", MASK)
    image, mask = folder_masks(tmp_path / "images", tmp_path / "masks")[0]
    assert image.shape[:2] == (8, 6)
    np.testing.assert_array_equal(mask, np.rot90(MASK, -1))


def test_a_mask_of_16_bits_is_read(tmp_path):
    Image.fromarray(MASK.astype(np.uint16) * 300).save(tmp_path / "a.png")
    values, _ = read_mask(tmp_path / "a.png")
    np.testing.assert_array_equal(values, MASK.astype(int) * 300)
    Image.fromarray(MASK).save(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="JPEG changes values"):
        read_mask(tmp_path / "a.jpg")


def test_voc_lists(folders):
    (folders / "images").rename(folders / "JPEGImages")
    (folders / "masks").rename(folders / "SegmentationClass")
    (folders / "ImageSets/Segmentation").mkdir(parents=True)
    (folders / "ImageSets/Segmentation/val.txt").write_text(f"b\n../x\n\ngone\n{'x' * 300}\n")
    source = voc_masks(folders, "val")
    assert source.files == ("b.jpg",)
    assert source.class_names[:2] == ("background", "aeroplane")
    assert len(source.class_names) == 21
    outside, gone, long = source.skipped
    assert "is too long for the name of an image" in long
    assert len(long) < 400
    assert "val.txt, line 2: '../x.jpg' is not below" in outside
    assert "gone.jpg" in gone
    with pytest.raises(FileNotFoundError, match=r"There is no list .*train\.txt.* \['val'\]"):
        voc_masks(folders, "train")


def outlined(folder, *rows):
    """Two images of 20x30 and 16x16 with dogs (3), cats (7) and cows (9)."""
    path = write_coco(image_folder(folder))
    content = json.loads(path.read_text())
    content["annotations"] = [
        {**coco_row(i, image, category, [0, 0, 5, 5]), "segmentation": outline, "iscrowd": crowd}
        for i, (image, category, outline, crowd) in enumerate(rows)
    ]
    path.write_text(json.dumps(content))
    return path


def test_outlines_are_drawn_the_smaller_in_front(tmp_path):
    large, small = [[2, 2, 12, 2, 12, 12, 2, 12]], [[4, 4, 8, 4, 8, 8, 4, 8]]
    crowd = np.zeros((20, 30), np.uint8, order="F")
    crowd[10:16, 10:20] = 1
    compressed = coco_mask.encode(crowd)["counts"].decode()
    lengths = np.diff(np.flatnonzero(np.diff(np.r_[2, crowd.ravel("F"), 2]))).tolist()
    path = outlined(
        tmp_path,
        (0, 7, small, 0),
        (0, 3, large, 0),
        (0, 9, {"size": [20, 30], "counts": compressed}, 1),
    )
    source = coco_masks(path, tmp_path / "JPEGImages")
    assert source.class_names == ("background", "dog", "cat", "cow")
    mask = source[0][1]
    expected = np.where(crowd, 255, 0)
    expected[2:12, 2:12] = 1
    expected[4:8, 4:8] = 2
    np.testing.assert_array_equal(mask, expected)
    assert (source[1][1] == 0).all()
    (tmp_path / "again").mkdir()
    runs = {"size": [20, 30], "counts": lengths}
    path = outlined(tmp_path / "again", (0, 9, runs, 0))
    one = coco_masks(path, tmp_path / "again/JPEGImages", ("background", "cow"))[0][1]
    np.testing.assert_array_equal(one, crowd)


@pytest.mark.parametrize(
    ("outline", "problem"),
    [
        ([], "has no outline"),
        ([[1, 2, 3, 4]], "that is not x, y of three corners"),
        ([[1, 2, 3, 4, 5]], "that is not x, y of three corners"),
        ([[1, 2, 3, 4, 5, 1e9]], "corners far out of the image"),
        ([[1, 2, 3, 4, 5, float("nan")]], "corners far out of the image"),
        ([[1, 2, 3, 4, 5, 10**400]], "corners far out of the image"),
        ({"size": [20, 30], "counts": [1, 2]}, r"has run lengths of 3 pixels, and not 600"),
        ({"size": [20, 30], "counts": "00000"}, r"has run lengths of 0 pixels"),
        # Their sum is 600 in 64 bits.
        ({"size": [20, 30], "counts": [2**62] * 4 + [600]}, r"has run lengths of 184\d+ pixels"),
        ({"size": [20, 30], "counts": "o" * 10**6}, "neither whole numbers nor COCO's text"),
        ({"size": [20, 30], "counts": "x~"}, "neither whole numbers nor COCO's text"),
        ({"size": [30, 20], "counts": [600]}, r"of the size \[30, 20\], and not \[20, 30\]"),
    ],
)
def test_outlines_that_are_broken_are_left_out(tmp_path, outline, problem):
    path = outlined(tmp_path, (0, 3, outline, 0))
    with pytest.raises(ValueError, match=problem):
        coco_masks(path, tmp_path / "JPEGImages", broken="raise")
    assert (coco_masks(path, tmp_path / "JPEGImages")[0][1] == 0).all()


def test_run_lengths_are_pycocotools_own(rng):
    from keras_cv_course.data.outlines import _counts

    for _ in range(20):
        drawn = np.asfortranarray(rng.integers(0, 2, (40, 30)).repeat(3, 0), np.uint8)
        text = coco_mask.encode(drawn)["counts"].decode()
        counts = _counts(text)
        again = np.repeat(np.arange(len(counts)) % 2, counts).reshape(30, 120).T
        np.testing.assert_array_equal(again, drawn)


def test_the_first_of_chosen_classes_is_the_background(tmp_path):
    with pytest.raises(ValueError, match=r"`class_names` must begin with 'background'"):
        coco_masks(tmp_path / "a.json", tmp_path, ("dog",))


def test_drawn_scenes_have_masks():
    masks = DrawnMasks(DrawnScenes(5, (48, 64)))
    assert masks.class_names == ("background", "circle", "square", "triangle", "cross")
    for i, (image, mask) in enumerate(masks.samples()):
        scene = masks.scenes[i]
        np.testing.assert_array_equal(image, scene.image)
        assert (mask > 0).sum() == scene.masks.sum()
        for shape, label in zip(scene.masks, scene.labels, strict=True):
            assert (mask[shape] == label + 1).all()
    assert (len(masks), masks.files, masks.skipped) == (5, (), ())


@pytest.mark.parametrize("cache", [True, False])
def test_batches_are_a_function_of_the_epoch(folders, cache):
    source = folder_masks(folders / "images", folders / "masks")
    epochs = segmentation_epochs(source, (12, 16, 3), 2, seed=1, cache=cache)
    assert epochs.batches == 1
    (first,), (again,) = (epochs.since(3).take(1) for _ in range(2))
    images, targets = first
    assert (images.shape, images.dtype) == ((2, 12, 16, 3), "float32")
    np.testing.assert_array_equal(targets["masks"], again[1]["masks"])
    twice = MASK.repeat(2, 0).repeat(2, 1)
    order = 0 if 3 in np.asarray(targets["masks"][0]) else 1
    np.testing.assert_array_equal(targets["masks"][order], twice)
    ((pixels, masks),) = for_fit(epochs, (-1.0, 1.0)).since(3).take(1)
    assert float(np.max(pixels)) < 0
    assert masks.dtype == "uint8"


def test_what_is_padded_has_no_class(folders):
    source = folder_masks(folders / "images", folders / "masks")
    ((images, targets),) = segmentation_epochs(source, (8, 8, 3), 2, "pad").since(0).take(1)
    for image, mask in zip(np.asarray(images), np.asarray(targets["masks"]), strict=True):
        assert (mask[[0, 7]] == 255).all()
        assert (image[[0, 7]] == 0).all()
    np.testing.assert_array_equal(resized_mask(MASK, (3, 4)), MASK[1::2, 1::2])


@pytest.mark.data
def test_camvid_is_read_whole(shared):
    folder = shared / "data/camvid"
    source = folder_masks(folder / "val", folder / "valannot", list("abcdefghijk"), ignore_value=11)
    assert (len(source), source.skipped) == (25, ())
    image, mask = source[0]
    assert image.shape[:2] == mask.shape == (360, 480)
    assert set(np.unique(mask)) <= {*range(11), 255}
