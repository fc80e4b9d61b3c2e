import csv
import json
import logging

import numpy as np
import pytest
from PIL import Image

from keras_cv_course.data.box_table import COLUMNS, table_annotations
from keras_cv_course.data.coco import coco_annotations
from keras_cv_course.data.voc import voc_annotations

# (height, width) of each picture; the boxes of `a` are written into each kind of file.
SIZES = {"a": (20, 30), "b": (16, 16)}
BOXES = [("dog", (0, 0, 10, 5)), ("cat", (3, 4, 30, 20))]


@pytest.fixture
def folder(tmp_path):
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (tmp_path / name).mkdir(parents=True)
    for name, (height, width) in SIZES.items():
        Image.new("RGB", (width, height), (200, 0, 0)).save(tmp_path / f"JPEGImages/{name}.jpg")
    return tmp_path


def voc_object(name, corners, difficult=0):
    tags = "".join(
        f"<{tag}>{value}</{tag}>"
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    )
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{tags}</bndbox></object>"
    )


def write_voc(folder, name, *objects, size=None, head="", picture=None):
    height, width = size or SIZES.get(name, (1, 1))
    text = (
        f"{head}<annotation><filename>{picture or name + '.jpg'}</filename>"
        f"<size><width>{width}</width><height>{height}</height></size>"
        f"{''.join(objects)}</annotation>"
    )
    (folder / f"Annotations/{name}.xml").write_text(text)


def write_coco(folder, **changes):
    content = {
        "images": [
            {"id": i, "file_name": f"{name}.jpg", "height": height, "width": width}
            for i, (name, (height, width)) in enumerate(SIZES.items())
        ],
        "categories": [
            {"id": 3, "name": "dog"},
            {"id": 7, "name": "cat"},
            {"id": 9, "name": "cow"},
        ],
        "annotations": [
            coco_row(1, 0, 3, [0, 0, 10, 5], area=31.5),
            coco_row(2, 0, 7, [3, 4, 27, 16], iscrowd=1),
        ],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(content | changes))
    return path


def coco_row(key, image, category, bbox, **more):
    return {"id": key, "image_id": image, "category_id": category, "bbox": bbox, **more}


def write_csv(folder, *rows, header=True):
    path = folder / "boxes.csv"
    with path.open("w", newline="") as opened:
        csv.writer(opened).writerows([COLUMNS, *rows] if header else rows)
    return path


def as_rows(annotations):
    return {
        picture.path.name: [
            (annotations.class_names[label], tuple(box))
            for label, box in zip(picture.labels, picture.boxes.tolist(), strict=True)
        ]
        for picture in annotations.pictures
    }


def test_voc_by_hand(folder):
    """Pixels 1 to 10 of 30 reach from 0 to 10."""
    write_voc(folder, "a", voc_object("dog", (1, 1, 10, 5)), voc_object("cat", (4, 5, 30, 20), 1))
    write_voc(folder, "b")
    found = voc_annotations(folder)
    assert found.class_names == ("cat", "dog")
    assert found.skipped == ()
    assert as_rows(found) == {"a.jpg": BOXES, "b.jpg": []}
    first, empty = found.pictures
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
    assert zero_based.pictures[0].labels.tolist() == [0, 1]


def test_voc_lists(folder):
    write_voc(folder, "a", voc_object("dog", (1, 1, 10, 5)))
    write_voc(folder, "b", voc_object("dog", (1, 1, 10, 5)))
    (folder / "ImageSets/Main/train.txt").write_text("b  1\n\n")
    assert list(as_rows(voc_annotations(folder, "train"))) == ["b.jpg"]
    with pytest.raises(FileNotFoundError, match=r"split='val'. There are \['train'\]"):
        voc_annotations(folder, "val")


def test_coco_by_hand(folder):
    found = coco_annotations(write_coco(folder), folder / "JPEGImages")
    assert found.class_names == ("dog", "cat", "cow")
    assert as_rows(found) == {"a.jpg": BOXES, "b.jpg": []}
    assert found.pictures[0].crowd.tolist() == [False, True]
    assert found.pictures[0].areas.tolist() == [31.5, 27 * 16]
    other = coco_annotations(write_coco(folder), folder / "JPEGImages", ("cat", "dog"))
    assert other.pictures[0].labels.tolist() == [1, 0]


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
    found = table_annotations(path, folder / "JPEGImages", box_format=box_format)
    assert as_rows(found) == {"a.jpg": BOXES[1:]}


def test_all_kinds_say_the_same_and_go_round(folder):
    write_voc(folder, "a", voc_object("dog", (1, 1, 10, 5)), voc_object("cat", (4, 5, 30, 20)))
    first = voc_annotations(folder)
    rows = [
        (picture.path.name, first.class_names[label], *box)
        for picture in first.pictures
        for label, box in zip(picture.labels, picture.boxes.tolist(), strict=True)
    ]
    again = table_annotations(write_csv(folder, *rows), folder / "JPEGImages")
    assert as_rows(again) == as_rows(first)


BOMB = '<!DOCTYPE a [<!ENTITY x "lol"><!ENTITY y "&x;&x;&x;&x;">]>'
GOOD = voc_object("dog", (1, 1, 10, 5))


def break_voc(kind, folder):
    write_voc(folder, "b", voc_object("dog", (2, 2, 9, 9)))
    if kind == "bomb":
        write_voc(folder, "a", voc_object("&y;", (1, 1, 5, 5)), head=BOMB)
    elif kind == "no xml":
        (folder / "Annotations/a.xml").write_text("<annotation><size>")
    elif kind == "missing picture":
        write_voc(folder, "a", GOOD, picture="../../gone.jpg")
    elif kind == "no picture":
        (folder / "JPEGImages/c.jpg").write_text("no picture")
        write_voc(folder, "a", GOOD, picture="c.jpg")
    elif kind == "other size":
        write_voc(folder, "a", GOOD, size=(30, 20))
    elif kind == "no name":
        write_voc(folder, "a", GOOD.replace("<name>dog</name>", ""))
    elif kind == "no number":
        write_voc(folder, "a", GOOD.replace("<xmin>1<", "<xmin>one<"))
    else:
        (folder / "Annotations/a.xml").write_text("<annotation></annotation>")


BROKEN_FILES = {
    "bomb": "declares what an annotation has no use for",
    "no xml": "is no XML",
    "missing picture": "there is no picture .*JPEGImages/gone.jpg",
    "no picture": "c.jpg is no picture that can be read",
    "other size": "a.jpg is 30x20 pixels and not 20x30",
    "no name": "without <name> or whole <bndbox>",
    "no number": "could not convert string to float: 'one'",
    "no filename": "has no <filename>",
}


@pytest.mark.parametrize("kind", BROKEN_FILES)
def test_broken_voc_files_are_named_and_skipped_or_refused(folder, kind, caplog):
    break_voc(kind, folder)
    with caplog.at_level(logging.WARNING):
        found = voc_annotations(folder)
    assert list(as_rows(found)) == ["b.jpg"]
    (line,) = found.skipped
    assert str(folder / "Annotations/a.xml") in line
    assert line in caplog.text
    with pytest.raises(ValueError, match=rf'a\.xml: .*{BROKEN_FILES[kind]}.*broken="skip"'):
        voc_annotations(folder, broken="raise")


def test_a_missing_file_of_a_list_is_named(folder):
    write_voc(folder, "a", GOOD)
    (folder / "ImageSets/Main/train.txt").write_text("a\ngone\n")
    (line,) = voc_annotations(folder, "train").skipped
    assert line.endswith("gone.xml: there is no such file.")


BROKEN_BOXES = {
    "no area": ((5, 5, 5, 9), "cat", "has no area: (5, 5, 5, 9)."),
    "corners swapped": ((9, 5, 5, 9), "cat", "has no area: (9, 5, 5, 9)."),
    "outside": ((25, 5, 40, 9), "cat", "reaches out of the picture of 30x20 pixels"),
    "above": ((5, -4, 9, 9), "cat", "reaches out of the picture of 30x20 pixels"),
    "no number": ((5, float("nan"), 9, 9), "cat", "has coordinates that are no numbers"),
    "unknown class": ((5, 5, 9, 9), "emu", "is of a class that is none of ['dog', 'cat']"),
}


@pytest.mark.parametrize("kind", BROKEN_BOXES)
def test_broken_boxes_are_named_and_the_others_kept(folder, kind):
    box, name, message = BROKEN_BOXES[kind]
    path = write_csv(folder, ("a.jpg", "dog", 0, 0, 10, 5), ("a.jpg", name, *box))
    options = {"class_names": ("dog", "cat")}
    found = table_annotations(path, folder / "JPEGImages", **options)
    assert as_rows(found) == {"a.jpg": BOXES[:1]}
    (line,) = found.skipped
    assert f"a.jpg: box 1 ({name}) {message}" in line
    with pytest.raises(ValueError, match=r"box 1 \("):
        table_annotations(path, folder / "JPEGImages", broken="raise", **options)


def test_a_pixel_over_the_border_is_cut_off(folder):
    path = write_csv(folder, ("a.jpg", "dog", -1, 0, 31, 20.5))
    found = table_annotations(path, folder / "JPEGImages", broken="raise")
    assert as_rows(found) == {"a.jpg": [("dog", (0, 0, 30, 20))]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (coco_row(5, 44, 3, [0, 0, 5, 5]), "is of the picture 44, which is not listed"),
        (coco_row(5, 0, 44, [0, 0, 5, 5]), "is of the category 44, not listed"),
        (coco_row(5, 0, 3, [0, 0, 5]), r"has no box of four numbers: \[0, 0, 5\]"),
        (coco_row(5, 0, 3, None), "has no box of four numbers: None"),
        (coco_row(5, 0, 3, [0, 0, 5, 0]), "has no area"),
    ],
)
def test_broken_coco_rows_are_named_and_skipped_or_refused(folder, row, message):
    good = coco_row(1, 0, 3, [0, 0, 10, 5])
    path = write_coco(folder, annotations=[row, good])
    found = coco_annotations(path, folder / "JPEGImages")
    assert as_rows(found) == {"a.jpg": BOXES[:1], "b.jpg": []}
    assert len(found.skipped) == 1
    with pytest.raises(ValueError, match=message):
        coco_annotations(path, folder / "JPEGImages", broken="raise")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "a list 'images' of objects with"),
        ({"categories": [{"id": 1}]}, "a list 'categories' of objects with"),
        ({"annotations": {}}, "a list 'annotations'"),
    ],
)
def test_other_json_files_are_refused(folder, changes, message):
    with pytest.raises(ValueError, match=message):
        coco_annotations(write_coco(folder, **changes), folder / "JPEGImages")


def test_files_of_other_kinds_are_refused(folder):
    (folder / "x.json").write_text("{")
    with pytest.raises(ValueError, match=r"x.json is no JSON"):
        coco_annotations(folder / "x.json", folder)
    (folder / "list.json").write_text("[]")
    with pytest.raises(ValueError, match=r"a list 'images'"):
        coco_annotations(folder / "list.json", folder)
    path = write_csv(folder, ("a.jpg", "dog", 1, 2, 3))
    with pytest.raises(
        ValueError, match=r"No annotated picture can be read. .*row 2: must be image_"
    ):
        table_annotations(path, folder / "JPEGImages")
    with pytest.raises(ValueError, match="No annotated picture can be read"):
        voc_annotations(folder)
    for call in (coco_annotations, table_annotations):
        with pytest.raises(FileNotFoundError, match="There is no file"):
            call(folder / "none", folder)
        with pytest.raises(FileNotFoundError, match="There is no folder"):
            call(path, folder / "none")
    with pytest.raises(ValueError, match="`broken` must be one of"):
        voc_annotations(folder, broken="mend")
    with pytest.raises(ValueError, match="`box_format` must be one of"):
        table_annotations(path, folder, box_format="rel_xyxy")


def test_shapes_for_anchors_leave_crowds_out(folder):
    found = coco_annotations(write_coco(folder), folder / "JPEGImages")
    # 10 x 5 of 30 x 20 pixels, stretched to 60 x 60.
    np.testing.assert_allclose(found.shapes_px((60, 60)), [[20, 15]])


@pytest.mark.data
def test_bccd(shared):
    train = voc_annotations(shared / "data/bccd", "train", broken="raise")
    val = voc_annotations(shared / "data/bccd", "val", train.class_names, broken="raise")
    assert train.class_names == ("Platelets", "RBC", "WBC")
    assert (len(train.pictures), len(val.pictures)) == (205, 87)
    assert {picture.size_px for picture in train.pictures} == {(312, 416)}
    assert min(len(picture.boxes) for picture in train.pictures) >= 1


@pytest.mark.data
def test_penn_fudan_boxes_are_those_of_the_masks(shared):
    root = shared / "data/penn_fudan"
    train = voc_annotations(root, "train", broken="raise")
    assert (len(train.pictures), train.class_names) == (110, ("person",))
    far = 0
    for picture in train.pictures:
        mask = np.asarray(Image.open(root / f"SegmentationObject/{picture.path.stem}.png"))
        assert mask.shape == picture.size_px
        for k, box in enumerate(picture.boxes, 1):
            rows, columns = np.nonzero(mask == k)
            tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            far += np.abs(box - tight).max() > 2
    assert far <= 2  # Its README names one.


@pytest.mark.data
def test_coco_mini(shared):
    root = shared / "data/coco_mini"
    found = {
        split: coco_annotations(
            root / f"annotations/instances_{split}.json", root / "images", broken="raise"
        )
        for split in ("train", "val")
    }
    assert [len(x.pictures) for x in found.values()] == [250, 60]
    assert [sum(len(p.boxes) for p in x.pictures) for x in found.values()] == [2428, 454]
    assert found["train"].class_names == found["val"].class_names
    assert len(found["train"].class_names) == 80
    assert sum(int(p.crowd.sum()) for p in found["train"].pictures) == 32


@pytest.mark.data
def test_oxford_pets_heads(shared):
    root = shared / "data/oxford_pets_3"
    found = voc_annotations(root, pictures="images", annotations="annotations/xmls", broken="raise")
    assert (len(found.pictures), found.class_names) == (227, ("cat", "dog"))
    counts = {picture.path.stem: len(picture.boxes) for picture in found.pictures}
    assert {name: count for name, count in counts.items() if count != 1} == {"Bengal_105": 2}
