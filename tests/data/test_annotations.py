import numpy as np
import pytest
from annotation_files import (
    BOXES,
    as_rows,
    image_folder,
    voc_object,
    write_coco,
    write_csv,
    write_voc,
)
from PIL import Image

from keras_cv_course.data.box_table import table_annotations
from keras_cv_course.data.coco import coco_annotations
from keras_cv_course.data.voc import voc_annotations


@pytest.fixture
def folder(tmp_path):
    return image_folder(tmp_path)


def test_voc_by_hand(folder):
    """Pixels 1 to 10 of 30 reach from 0 to 10."""
    write_voc(folder, "a", voc_object("dog", (1, 1, 10, 5)), voc_object("cat", (4, 5, 30, 20), 1))
    write_voc(folder, "b")
    annotations = voc_annotations(folder)
    assert annotations.class_names == ("cat", "dog")
    assert annotations.skipped == ()
    assert as_rows(annotations) == {"a.jpg": BOXES, "b.jpg": []}
    first, empty = annotations.images
    assert first.size_px == (20, 30)
    assert first.boxes.dtype == np.float32
    assert first.labels.tolist() == [1, 0]
    assert first.difficult.tolist() == [False, True]
    assert first.crowd.tolist() == [False, False]
    assert first.areas.tolist() == [50, 27 * 16]
    assert first.load().shape == (20, 30, 3)
    assert [x.shape for x in (empty.boxes, empty.labels, empty.crowd)] == [(0, 4), (0,), (0,)]
    zero_based = voc_annotations(folder, first_pixel=0, class_names=("dog", "cat"))
    assert as_rows(zero_based)["a.jpg"][0] == ("dog", (1, 1, 11, 6))
    assert zero_based.images[0].labels.tolist() == [0, 1]


@pytest.mark.parametrize("text", ["1", " 1 ", "true", "True", "0", "false", ""])
def test_voc_objects_that_are_difficult(folder, text):
    write_voc(folder, "a", voc_object("dog", (1, 1, 10, 5), text))
    difficult = voc_annotations(folder).images[0].difficult.tolist()
    assert difficult == [text.strip().lower() in ("1", "true")]


def test_voc_lists(folder):
    write_voc(folder, "a", voc_object("dog", (1, 1, 10, 5)))
    write_voc(folder, "b", voc_object("dog", (1, 1, 10, 5)))
    (folder / "ImageSets/Main/train.txt").write_text("b  1\n\n")
    assert list(as_rows(voc_annotations(folder, "train"))) == ["b.jpg"]
    with pytest.raises(FileNotFoundError, match=r"split='val'. There are \['train'\]"):
        voc_annotations(folder, "val")


def test_coco_by_hand(folder):
    annotations = coco_annotations(write_coco(folder), folder / "JPEGImages")
    assert annotations.class_names == ("dog", "cat", "cow")
    assert as_rows(annotations) == {"a.jpg": BOXES, "b.jpg": []}
    assert annotations.images[0].crowd.tolist() == [False, True]
    assert annotations.images[0].areas.tolist() == [31.5, 27 * 16]
    other = coco_annotations(write_coco(folder), folder / "JPEGImages", ("cat", "dog"))
    assert other.images[0].labels.tolist() == [1, 0]


@pytest.mark.parametrize("header", [True, False])
def test_table_by_hand(folder, header):
    rows = [("a.jpg", name, *box) for name, box in BOXES]
    path = write_csv(folder, *rows[:1], ("b.jpg",), *rows[1:], header=header)
    assert as_rows(table_annotations(path, folder / "JPEGImages")) == {"a.jpg": BOXES, "b.jpg": []}


@pytest.mark.parametrize(
    ("box_format", "numbers"),
    [("xywh", (3, 4, 27, 16)), ("center_xywh", (16.5, 12, 27, 16)), ("yxyx", (4, 3, 20, 30))],
)
def test_table_in_other_formats(folder, box_format, numbers):
    path = write_csv(folder, ("a.jpg", "cat", *numbers))
    annotations = table_annotations(path, folder / "JPEGImages", box_format=box_format)
    assert as_rows(annotations) == {"a.jpg": BOXES[1:]}


def test_all_kinds_say_the_same_and_go_round(folder):
    write_voc(folder, "a", voc_object("dog", (1, 1, 10, 5)), voc_object("cat", (4, 5, 30, 20)))
    first = voc_annotations(folder)
    rows = [
        (image.path.name, first.class_names[label], *box)
        for image in first.images
        for label, box in zip(image.labels, image.boxes.tolist(), strict=True)
    ]
    again = table_annotations(write_csv(folder, *rows), folder / "JPEGImages")
    assert as_rows(again) == as_rows(first)


def test_a_pixel_over_the_border_is_cut_off(folder):
    path = write_csv(folder, ("a.jpg", "dog", -1, 0, 31, 20.5))
    annotations = table_annotations(path, folder / "JPEGImages", broken="raise")
    assert as_rows(annotations) == {"a.jpg": [("dog", (0, 0, 30, 20))]}


def test_shapes_for_anchors_leave_crowds_out(folder):
    annotations = coco_annotations(write_coco(folder), folder / "JPEGImages")
    # 10 x 5 of 30 x 20 pixels, stretched to 60 x 60.
    np.testing.assert_allclose(annotations.shapes_px((60, 60)), [[20, 15]])


@pytest.mark.data
def test_bccd(shared):
    train = voc_annotations(shared / "data/bccd", "train", broken="raise")
    val = voc_annotations(shared / "data/bccd", "val", train.class_names, broken="raise")
    assert train.class_names == ("Platelets", "RBC", "WBC")
    assert (len(train.images), len(val.images)) == (205, 87)
    assert {image.size_px for image in train.images} == {(312, 416)}
    assert min(len(image.boxes) for image in train.images) >= 1


@pytest.mark.data
def test_penn_fudan_boxes_are_those_of_the_masks(shared):
    root = shared / "data/penn_fudan"
    train = voc_annotations(root, "train", broken="raise")
    assert (len(train.images), train.class_names) == (110, ("person",))
    far = 0
    for image in train.images:
        mask = np.asarray(Image.open(root / f"SegmentationObject/{image.path.stem}.png"))
        assert mask.shape == image.size_px
        for k, box in enumerate(image.boxes, 1):
            rows, columns = np.nonzero(mask == k)
            tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            far += np.abs(box - tight).max() > 2
    assert far <= 2  # Its README names one.


@pytest.mark.data
def test_coco_mini(shared):
    root = shared / "data/coco_mini"
    annotations = {
        split: coco_annotations(
            root / f"annotations/instances_{split}.json", root / "images", broken="raise"
        )
        for split in ("train", "val")
    }
    assert [len(x.images) for x in annotations.values()] == [250, 60]
    assert [sum(len(p.boxes) for p in x.images) for x in annotations.values()] == [2428, 454]
    assert annotations["train"].class_names == annotations["val"].class_names
    assert len(annotations["train"].class_names) == 80
    assert sum(int(p.crowd.sum()) for p in annotations["train"].images) == 32


@pytest.mark.data
def test_oxford_pets_heads(shared):
    root = shared / "data/oxford_pets_3"
    annotations = voc_annotations(
        root, images="images", annotations="annotations/xmls", broken="raise"
    )
    assert (len(annotations.images), annotations.class_names) == (227, ("cat", "dog"))
    counts = {image.path.stem: len(image.boxes) for image in annotations.images}
    assert {name: count for name, count in counts.items() if count != 1} == {"Bengal_105": 2}
