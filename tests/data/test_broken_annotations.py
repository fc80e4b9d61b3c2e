"""What is wrong with annotations is named, and left out or refused."""

import logging
import re

import numpy as np
import pytest
import tensorflow as tf
from annotation_files import (
    BOXES,
    as_rows,
    coco_row,
    image_folder,
    voc_object,
    write_coco,
    write_csv,
    write_voc,
)
from image_files import truncated
from PIL import Image

from keras_cv_course.data.box_table import table_annotations
from keras_cv_course.data.coco import coco_annotations
from keras_cv_course.data.detection import detection_batches, detection_epochs
from keras_cv_course.data.voc import voc_annotations


@pytest.fixture
def folder(tmp_path):
    return image_folder(tmp_path)


def test_names_without_end_are_cut_in_messages(folder):
    path = folder / "boxes.csv"
    path.write_text(f"{'a' * 60_000}.jpg,dog,1,2,3,4\n")
    with pytest.raises(ValueError, match=r"boxes\.csv, aaa") as caught:
        table_annotations(path, folder, broken="raise")
    assert len(str(caught.value)) < 1200


BOMB = '<!DOCTYPE a [<!ENTITY x "lol"><!ENTITY y "&x;&x;&x;&x;">]>'
GOOD = voc_object("dog", (1, 1, 10, 5))


NO_ENCODINGS = ("utf-7", "klingon")
NO_SIZES = ("inf", "nan", "", "wide")


def break_voc(kind, folder):
    write_voc(folder, "b", voc_object("dog", (2, 2, 9, 9)))
    if kind == "bomb":
        write_voc(folder, "a", voc_object("&y;", (1, 1, 5, 5)), head=BOMB)
    elif kind == "no xml":
        (folder / "Annotations/a.xml").write_text("<annotation><size>")
    elif kind == "missing image":
        write_voc(folder, "a", GOOD, image="../../gone.jpg")
    elif kind == "no image":
        (folder / "JPEGImages/c.jpg").write_text("no image")
        write_voc(folder, "a", GOOD, image="c.jpg")
    elif kind == "other size":
        write_voc(folder, "a", GOOD, size=(30, 20))
    elif kind in NO_ENCODINGS:
        (folder / "Annotations/a.xml").write_text(f'<?xml version="1.0" encoding="{kind}"?><a/>')
    elif kind in NO_SIZES:
        write_voc(folder, "a", GOOD, size=(20, kind))
    else:
        (folder / "Annotations/a.xml").write_text("<annotation></annotation>")


BROKEN_FILES = {
    "bomb": "has declarations that an annotation must not have",
    "no xml": "is not XML",
    "missing image": "there is no image .*JPEGImages/gone.jpg",
    "no image": "c.jpg cannot be decoded: it is not one of BMP",
    "other size": "a.jpg is 30x20 pixels and not 20x30",
    **dict.fromkeys(NO_ENCODINGS, "is not XML"),
    **{text: f"has a <width> that is not a number: '{text}'" for text in NO_SIZES},
    "no filename": "has no <filename>",
}


@pytest.mark.parametrize("kind", BROKEN_FILES)
def test_broken_voc_files_are_named_and_skipped_or_refused(folder, kind, caplog):
    break_voc(kind, folder)
    with caplog.at_level(logging.WARNING):
        annotations = voc_annotations(folder)
    assert list(as_rows(annotations)) == ["b.jpg"]
    (line,) = annotations.skipped
    assert str(folder / "Annotations/a.xml") in line
    assert line in caplog.text
    with pytest.raises(ValueError, match=rf'a\.xml: .*{BROKEN_FILES[kind]}.*broken="skip"'):
        voc_annotations(folder, broken="raise")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<name>dog</name>", "", "box 1 (?) has no <name>."),
        ("<xmin>1</xmin>", "", "box 1 (dog) has no <xmin>."),
        ("<xmin>1<", "<xmin>a<", "box 1 (dog) has a <xmin> that is not a number: 'a'."),
        ("<ymax>5<", "<ymax><", "box 1 (dog) has a <ymax> that is not a number: ''."),
        ("<ymax>5<", "<ymax>inf<", "box 1 (dog) has a <ymax> that is not a number: 'inf'."),
    ],
)
def test_broken_voc_boxes_are_named_and_the_others_kept(folder, old, new, message):
    write_voc(folder, "a", GOOD, GOOD.replace(old, new), voc_object("cat", (4, 5, 30, 20)))
    annotations = voc_annotations(folder)
    assert as_rows(annotations) == {"a.jpg": BOXES}
    assert annotations.class_names == ("cat", "dog")
    assert annotations.skipped == (f"{folder / 'Annotations/a.xml'}: {message}",)
    with pytest.raises(ValueError, match=re.escape(message)):
        voc_annotations(folder, broken="raise")


@pytest.mark.parametrize("count", [5, 6, 1000])
def test_the_log_names_five_problems_and_how_many_more(folder, count, caplog):
    path = write_csv(folder, ("a.jpg",), *[(f"gone{i}.jpg",) for i in range(count)])
    with caplog.at_level(logging.WARNING):
        assert len(table_annotations(path, folder / "JPEGImages").skipped) == count
    (line,) = caplog.messages
    assert line.startswith(f"Left out {count} broken annotations: {path}, gone0.jpg: there is no")
    assert line.count("there is no image") == 5
    assert (f"And {count - 5} more, see `Annotations.skipped`." in line) == (count > 5)


def test_a_missing_file_of_a_list_is_named(folder):
    write_voc(folder, "a", GOOD)
    (folder / "ImageSets/Main/train.txt").write_text("a\ngone\n")
    (line,) = voc_annotations(folder, "train").skipped
    assert line.endswith("gone.xml: there is no such file.")


BROKEN_BOXES = {
    "no area": ((5, 5, 5, 9), "cat", "has no area: (5, 5, 5, 9)."),
    "corners swapped": ((9, 5, 5, 9), "cat", "has no area: (9, 5, 5, 9)."),
    "outside": ((25, 5, 40, 9), "cat", "reaches out of the image of 30x20 pixels"),
    "above": ((5, -4, 9, 9), "cat", "reaches out of the image of 30x20 pixels"),
    "no number": ((5, float("nan"), 9, 9), "cat", "has coordinates that are not numbers"),
    "unknown class": ((5, 5, 9, 9), "emu", "is of a class that is not in ['dog', 'cat']"),
}


@pytest.mark.parametrize("kind", BROKEN_BOXES)
def test_broken_boxes_are_named_and_the_others_kept(folder, kind):
    box, name, message = BROKEN_BOXES[kind]
    path = write_csv(folder, ("a.jpg", "dog", 0, 0, 10, 5), ("a.jpg", name, *box))
    options = {"class_names": ("dog", "cat")}
    annotations = table_annotations(path, folder / "JPEGImages", **options)
    assert as_rows(annotations) == {"a.jpg": BOXES[:1]}
    (line,) = annotations.skipped
    assert f"a.jpg: box 1 ({name}) {message}" in line
    with pytest.raises(ValueError, match=r"box 1 \("):
        table_annotations(path, folder / "JPEGImages", broken="raise", **options)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (coco_row(5, 44, 3, [0, 0, 5, 5]), "is of the image 44, which is not listed"),
        (coco_row(5, 0, 44, [0, 0, 5, 5]), "is of the category 44, not listed"),
        (coco_row(5, 0, 3, [0, 0, 5]), r"has no box of four numbers: \[0, 0, 5\]"),
        (coco_row(5, 0, 3, None), "has no box of four numbers: None"),
        (coco_row(5, 0, 3, [0, 0, 5, 0]), "has no area"),
        (coco_row(5, 0, 3, [0, 0, 5, 10**400]), "has no box of four numbers"),
        (coco_row(5, [0], 3, [0, 0, 5, 5]), r"is of the image \[0\], which is not listed"),
        (coco_row(5, 0, {}, [0, 0, 5, 5]), "is of the category {}, not listed"),
        (None, "annotation number 0 of the list: is not an object: None"),
        ([1, 2], r"annotation number 0 of the list: is not an object: \[1, 2\]"),
    ],
)
def test_broken_coco_rows_are_named_and_skipped_or_refused(folder, row, message):
    good = coco_row(1, 0, 3, [0, 0, 10, 5])
    path = write_coco(folder, annotations=[row, good])
    annotations = coco_annotations(path, folder / "JPEGImages")
    assert as_rows(annotations) == {"a.jpg": BOXES[:1], "b.jpg": []}
    assert len(annotations.skipped) == 1
    with pytest.raises(ValueError, match=message):
        coco_annotations(path, folder / "JPEGImages", broken="raise")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (None, "image number 0 of the list: is not an object with an id: None"),
        ("a.jpg", "image number 0 of the list: is not an object with an id: 'a.jpg'"),
        ({"id": [0], "file_name": "a.jpg"}, "is not an object with an id"),
        ({"id": 0, "file_name": None}, "image 0: has no file name: None"),
        ({"id": 0}, "image 0: has no file name: None"),
        ({"id": 0, "file_name": "a.jpg", "height": "20", "width": []}, "is not a whole number"),
    ],
)
def test_broken_coco_images_are_named_and_skipped_or_refused(folder, row, message):
    path = write_coco(folder, images=[row, {"id": 1, "file_name": "b.jpg"}], annotations=[])
    annotations = coco_annotations(path, folder / "JPEGImages")
    assert as_rows(annotations) == {"b.jpg": []}
    assert len(annotations.skipped) == 1
    with pytest.raises(ValueError, match=message):
        coco_annotations(path, folder / "JPEGImages", broken="raise")


@pytest.mark.parametrize("sizes", [{}, {"height": None, "width": None}, {"height": 20}])
def test_coco_images_may_have_no_size(folder, sizes):
    path = write_coco(folder, images=[{"id": 0, "file_name": "a.jpg", **sizes}])
    assert as_rows(coco_annotations(path, folder / "JPEGImages", broken="raise"))["a.jpg"] == BOXES


@pytest.mark.parametrize("area", ["31.5", -1, 1e300, float("nan"), 10**400, True])
def test_an_area_that_cannot_be_one_is_that_of_the_box(folder, area):
    path = write_coco(folder, annotations=[coco_row(1, 0, 3, [0, 0, 10, 5], area=area)])
    assert coco_annotations(path, folder / "JPEGImages").images[0].areas.tolist() == [50]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "a list 'images'"),
        ({"categories": None}, "a list 'categories'"),
        ({"categories": [{"id": 1}]}, "'categories' that have an 'id' and a 'name' each"),
        ({"categories": [1]}, "'categories' that have an 'id' and a 'name' each"),
        ({"categories": [{"id": [1], "name": "dog"}]}, "'categories' that have an 'id'"),
        ({"annotations": {}}, "a list 'annotations'"),
    ],
)
def test_other_json_files_are_refused(folder, changes, message):
    with pytest.raises(ValueError, match=message):
        coco_annotations(write_coco(folder, **changes), folder / "JPEGImages")


def test_files_of_other_kinds_are_refused(folder):
    (folder / "x.json").write_text("{")
    with pytest.raises(ValueError, match=r"x.json is not JSON"):
        coco_annotations(folder / "x.json", folder)
    (folder / "list.json").write_text("[]")
    with pytest.raises(ValueError, match=r"a list 'images'"):
        coco_annotations(folder / "list.json", folder)
    path = write_csv(folder, ("a.jpg", "dog", 1, 2, 3))
    with pytest.raises(
        ValueError,
        match=r"No annotated image of .*boxes.csv can be read. .*row 2: must be image_",
    ):
        table_annotations(path, folder / "JPEGImages")
    with pytest.raises(ValueError, match=r"No annotated image of .*/Annotations can be read"):
        voc_annotations(folder)
    (folder / "ImageSets/Main/train.txt").touch()
    with pytest.raises(ValueError, match=r"No annotated image of .*/train\.txt can be read"):
        voc_annotations(folder, "train")
    with pytest.raises(ValueError, match=r"No annotated image of .*/instances\.json can be read"):
        coco_annotations(write_coco(folder, images=[], annotations=[]), folder)
    for call in (coco_annotations, table_annotations):
        with pytest.raises(FileNotFoundError, match="There is no file"):
            call(folder / "none", folder)
        with pytest.raises(FileNotFoundError, match="There is no folder"):
            call(path, folder / "none")
    with pytest.raises(ValueError, match="`broken` must be one of"):
        voc_annotations(folder, broken="mend")
    with pytest.raises(ValueError, match="`box_format` must be one of"):
        table_annotations(path, folder, box_format="rel_xyxy")


def named_in_coco(folder, name):
    images = [{"id": 0, "file_name": name}, {"id": 1, "file_name": "b.jpg"}]
    return coco_annotations, write_coco(folder, images=images)


def named_in_table(folder, name):
    return table_annotations, write_csv(folder, (name, "dog", 0, 0, 10, 5), ("b.jpg",))


@pytest.mark.parametrize("named", [named_in_coco, named_in_table])
def test_images_are_looked_for_below_their_folder_only(folder, named):
    images = folder / "JPEGImages"
    (images / "sub").mkdir()
    Image.new("RGB", (40, 20)).save(images / "sub/a.jpg")
    for name, width in (("a.jpg", 30), ("sub/a.jpg", 40), ("sub/../a.jpg", 30)):
        read, path = named(folder, name)
        assert {p.size_px[1] for p in read(path, images).images} == {width, 16}
    Image.new("RGB", (40, 20)).save(folder / "a.jpg")
    for name in ("../a.jpg", "sub/../../a.jpg", str(folder / "a.jpg"), str(images / "a.jpg")):
        read, path = named(folder, name)
        annotations = read(path, images)
        assert list(as_rows(annotations)) == ["b.jpg"]
        (line,) = annotations.skipped
        assert f"its image {name!r} is not below {images}." in line
        with pytest.raises(ValueError, match="is not below"):
            read(path, images, broken="raise")


def unfit(folder, save):
    """Reads a.png, which `save` writes, and b.jpg."""
    save(folder / "JPEGImages/a.png")
    return {
        "path": write_csv(folder, ("a.png",), ("b.jpg",)),
        "images": folder / "JPEGImages",
    }


UNFIT_IMAGES = {
    "kind": (
        lambda path: Image.new("RGB", (30, 20)).save(path, "PPM"),
        "a.png cannot be decoded: it is not one of BMP, GIF, JPEG, PNG, TIFF, WEBP.",
    ),
    "16 bits": (
        lambda path: Image.new("I;16", (30, 20), 999).save(path, "TIFF"),
        "a.png has more than 8 bits a pixel (TIFF, I;16), and nothing says which value is white. "
        "Save it with 8 bits, or as PNG with 16.",
    ),
}


@pytest.mark.parametrize("kind", UNFIT_IMAGES)
def test_images_that_cannot_be_read_right_are_left_out_or_refused(folder, kind):
    save, message = UNFIT_IMAGES[kind]
    options = unfit(folder, save)
    annotations = table_annotations(**options)
    assert list(as_rows(annotations)) == ["b.jpg"]
    assert annotations.skipped[0].endswith(message)
    with pytest.raises(ValueError, match=re.escape(message)):
        table_annotations(**options, broken="raise")


FIT_IMAGES = [
    *(("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "P"), ("PNG", "LA"), ("PNG", "1"), ("PNG", "I;16")),
    *(("GIF", "P"), ("BMP", "L"), ("BMP", "P"), ("BMP", "RGBA"), ("WEBP", "RGB"), ("MPO", "RGB")),
]


@pytest.mark.parametrize(("kind", "mode"), FIT_IMAGES)
def test_images_look_alike_in_training_and_evaluation(folder, kind, mode):
    ramp = Image.linear_gradient("L")
    image = Image.fromarray(np.asarray(ramp).astype(np.uint16) << 8) if mode == "I;16" else None
    image = image or ramp.convert("RGB").convert(mode)
    more = {"save_all": True, "append_images": [image]} if kind == "MPO" else {}
    options = unfit(folder, lambda path: image.save(path, kind, **more))
    read = table_annotations(**options, broken="raise")
    images, _ = next(iter(detection_batches(read, (256, 256, 3), 1)))
    loaded = read.images[0].load()
    np.testing.assert_array_equal(images[0], loaded)
    expected = ramp if mode == "I;16" else image
    np.testing.assert_allclose(loaded, np.asarray(expected.convert("RGB")), atol=4)


def test_half_a_image_is_named(folder):
    read = table_annotations(**unfit(folder, truncated), broken="raise")
    message = f"{folder / 'JPEGImages/a.png'} cannot be decoded."
    with pytest.raises(ValueError, match=message):
        read.images[0].load()
    with pytest.raises(ValueError, match=message):
        detection_epochs(read, (32, 32, 3))
    for cache in (True, False):
        batches = detection_batches(read, (32, 32, 3), cache=cache)
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            next(iter(batches))
    (folder / "JPEGImages/a.png").unlink()
    with pytest.raises(FileNotFoundError):
        read.images[0].load()
    with pytest.raises(FileNotFoundError, match=r"a\.png"):
        detection_epochs(read, (32, 32, 3))


def test_names_that_no_file_can_have_are_left_out(folder):
    rows = (("a\0.jpg", "dog", 0, 0, 10, 5), ("b.jpg",))
    annotations = table_annotations(write_csv(folder, *rows), folder / "JPEGImages")
    assert list(as_rows(annotations)) == ["b.jpg"]


def test_a_csv_of_a_spreadsheet_program(folder):
    path = write_csv(folder, ("a.jpg", "dög", 0, 0, 10, 5))
    text = path.read_text("utf-8")
    path.write_text(text, "utf-8-sig")
    assert table_annotations(path, folder / "JPEGImages", broken="raise").class_names == ("dög",)
    path.write_text(text, "latin-1")
    with pytest.raises(
        ValueError, match=r"boxes\.csv must be text in UTF-8, and is in another encoding"
    ):
        table_annotations(path, folder / "JPEGImages")
