"""What must be one is one: images, classes and units; merged where that is certain, or named."""

import json

import pytest
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
from PIL import Image

from keras_cv_course.data import Annotations, coco_annotations, table_annotations, voc_annotations

DOG, CAT = voc_object("dog", (1, 1, 10, 5)), voc_object("cat", (4, 5, 30, 20))
ROWS = {
    name: coco_row(i, 0, i, [x, y, w, h])
    for i, name, (x, y, w, h) in ((3, "dog", (0, 0, 10, 5)), (7, "cat", (3, 4, 27, 16)))
}


@pytest.fixture
def folder(tmp_path):
    return image_folder(tmp_path)


def read_coco(folder, **changes):
    return coco_annotations(write_coco(folder, **changes), folder / "JPEGImages")


def image(key, name, **more):
    return {"id": key, "file_name": name, **more}


def test_a_category_with_several_ids_is_one_class(folder):
    """Roboflow writes the name as a super category of id 0 too."""
    categories = [
        {"id": 0, "name": "hole", "supercategory": "none"},
        {"id": 1, "name": "hole", "supercategory": "hole"},
        {"id": 2, "name": "crack", "supercategory": "hole"},
    ]
    rows = [coco_row(i, 0, i, [i, 0, 9, 5]) for i in range(3)]
    annotations = read_coco(folder, categories=categories, annotations=rows)
    assert annotations.class_names == ("hole", "crack")
    assert annotations.images[0].labels.tolist() == [0, 0, 1]
    assert annotations.skipped == ()


def test_a_category_id_with_several_names_is_none(folder):
    categories = [{"id": 3, "name": "dog"}, {"id": 3, "name": "cow"}, {"id": 7, "name": "cat"}]
    annotations = read_coco(folder, categories=categories, annotations=list(ROWS.values()))
    assert annotations.class_names == ("cat",)
    assert as_rows(annotations)["a.jpg"] == BOXES[1:]
    assert "category 3 is listed with several names: ['cow', 'dog']" in annotations.skipped[0]
    assert annotations.skipped[1].endswith("is of the category 3, not listed.")


def test_category_ids_of_several_types_are_distinguished(folder):
    categories = [{"id": "3", "name": "cow"}, {"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}]
    annotations = read_coco(folder, categories=categories, annotations=list(ROWS.values()))
    assert annotations.class_names == ("dog", "cat", "cow")
    assert as_rows(annotations)["a.jpg"] == BOXES


@pytest.mark.parametrize("second", ["a.jpg", "./a.jpg", "sub/../a.jpg"])
def test_a_file_with_several_ids_is_one_image(folder, second):
    (folder / "JPEGImages/sub").mkdir()
    images = [image(0, "a.jpg"), image(1, second)]
    rows = [ROWS["dog"], ROWS["cat"] | {"image_id": 1}, ROWS["dog"] | {"image_id": 1}]
    annotations = read_coco(folder, images=images, annotations=rows)
    assert as_rows(annotations) == {"a.jpg": BOXES}
    assert len(annotations) == 1
    assert annotations.skipped == ()


def test_a_row_that_stands_twice_is_one_image(folder):
    images = [image(0, "a.jpg"), image(0, "./a.jpg"), image(1, "b.jpg")]
    annotations = read_coco(folder, images=images, annotations=list(ROWS.values()))
    assert as_rows(annotations) == {"a.jpg": BOXES, "b.jpg": []}
    assert annotations.skipped == ()


def test_an_id_of_several_files_is_none(folder):
    images = [image(0, "a.jpg"), image(0, "b.jpg")]
    with pytest.raises(ValueError, match=r"No annotated image .* shares its id with other files"):
        read_coco(folder, images=images, annotations=list(ROWS.values()))
    Image.new("RGB", (30, 20)).save(folder / "JPEGImages/c.jpg")
    annotations = read_coco(folder, images=[*images, image(1, "c.jpg")], annotations=[])
    assert as_rows(annotations) == {"c.jpg": []}
    assert len(annotations.skipped) == 2


def test_boxes_that_stand_twice_in_one_annotation_stay(folder):
    annotations = read_coco(folder, annotations=[ROWS["dog"], ROWS["dog"]])
    assert as_rows(annotations)["a.jpg"] == [BOXES[0], BOXES[0]]


def test_names_of_one_file_in_a_table_are_one_image(folder):
    rows = [("a.jpg", "dog", *BOXES[0][1]), ("./a.jpg", "cat", *BOXES[1][1])]
    annotations = table_annotations(write_csv(folder, *rows), folder / "JPEGImages")
    assert as_rows(annotations) == {"a.jpg": BOXES}
    assert len(annotations) == 1


def test_of_two_files_that_name_one_image_its_own_is_read(folder):
    """A copied XML file keeps the name of the first one's image."""
    write_voc(folder, "a", DOG, CAT)
    write_voc(folder, "b", DOG, image="a.jpg", size=(20, 30))
    annotations = voc_annotations(folder)
    assert as_rows(annotations) == {"a.jpg": BOXES}
    (line,) = annotations.skipped
    assert line.endswith("b.xml: names the image a.jpg, as a.xml does. Name its own.")
    (folder / "Annotations/a.xml").rename(folder / "Annotations/c.xml")
    with pytest.raises(ValueError, match="No annotated image"):
        voc_annotations(folder)


@pytest.mark.parametrize("names", [("dog", "dog"), ("dog", "cat", "dog")])
def test_classes_that_are_asked_for_twice_are_refused(folder, names):
    with pytest.raises(ValueError, match="`class_names` must name each class once"):
        voc_annotations(folder, class_names=names)


@pytest.mark.parametrize("size", [("20", "30"), (20.0, 30.0), (0, 0), (0, 30), ("0", "0")])
def test_sizes_of_coco_may_be_text_or_unknown(folder, size):
    row = image(0, "a.jpg", height=size[0], width=size[1])
    annotations = read_coco(folder, images=[row], annotations=list(ROWS.values()))
    assert as_rows(annotations) == {"a.jpg": BOXES}


@pytest.mark.parametrize("width", [[], "wide", 30.5, -30, True, 1e999])
def test_sizes_of_coco_that_are_no_numbers_are_named(folder, width):
    rows = [image(0, "a.jpg", height=20, width=width), image(1, "b.jpg")]
    annotations = read_coco(folder, images=rows, annotations=[])
    assert as_rows(annotations) == {"b.jpg": []}
    assert (
        "image 0: has a height or width that is not a whole number: [20, " in annotations.skipped[0]
    )


def test_sizes_of_voc_may_be_unknown(folder):
    write_voc(folder, "a", DOG, CAT, size=(0, 0))
    assert as_rows(voc_annotations(folder, broken="raise")) == {"a.jpg": BOXES}


SHARES = [("a.jpg", "dog", 0.1, 0.1, 0.5, 0.5), ("b.jpg", "cat", 0.2, 0.2, 1.0, 0.8)]


@pytest.mark.parametrize("broken", ["skip", "raise"])
def test_boxes_from_0_to_1_are_refused(folder, broken):
    images = folder / "JPEGImages"
    message = r"must be in pixels. All 2 lie between 0 and 1, as shares of an image do"
    with pytest.raises(ValueError, match=rf"boxes.csv {message}"):
        table_annotations(write_csv(folder, *SHARES), images, broken=broken)
    rows = [coco_row(1, 0, 3, [0.1, 0.1, 0.5, 0.5]), coco_row(2, 1, 7, [0.2, 0.2, 0.8, 0.6])]
    with pytest.raises(ValueError, match=rf"instances.json {message}"):
        coco_annotations(write_coco(folder, annotations=rows), images, broken=broken)
    write_voc(folder, "a", voc_object("dog", (0.1, 0.1, 0.5, 1)))
    for first_pixel in (0, 1):
        with pytest.raises(ValueError, match=r"Annotations must be in pixels"):
            voc_annotations(folder, broken=broken, first_pixel=first_pixel)
    mixed = table_annotations(
        write_csv(folder, *SHARES, ("b.jpg", "dog", 1, 1, 9, 9)), images, broken=broken
    )
    assert len(mixed.images[1].boxes) == 2


@pytest.mark.parametrize("first", [("a.jpg",), ("a.jpg", "", "", "", "", "")])
def test_a_first_row_without_objects_is_a_image(folder, first):
    path = write_csv(folder, first, ("b.jpg", "dog", 0, 0, 9, 9), header=False)
    annotations = table_annotations(path, folder / "JPEGImages", broken="raise")
    assert as_rows(annotations) == {"a.jpg": [], "b.jpg": [("dog", (0, 0, 9, 9))]}


def test_a_first_row_with_half_a_box_is_named(folder):
    path = write_csv(folder, ("a.jpg", "dog", "", "", "", ""), ("b.jpg",), header=False)
    (line,) = table_annotations(path, folder / "JPEGImages").skipped
    assert "row 1: must be image_filename" in line


@pytest.fixture
def lists(folder):
    """Images called `my`, `my photo 1` and `p2`, and a function to write their list."""
    for name in ("my", "my photo 1", "p2"):
        Image.new("RGB", (30, 20)).save(folder / "JPEGImages" / f"{name}.jpg")
        write_voc(folder, name, DOG, size=(20, 30))

    def read(content, **options):
        (folder / "ImageSets/Main/train.txt").write_bytes(content)
        annotations = voc_annotations(folder, "train", **options)
        return [image.name for image in annotations.images], annotations.skipped

    return read


def test_lists_are_read_by_the_line(lists):
    assert lists(b"\xef\xbb\xbfmy\r\np2\r\n") == (["my.jpg", "p2.jpg"], ())
    assert lists(b"my photo 1\n") == (["my photo 1.jpg"], ())
    assert lists(b"my photo 1  1\nmy -1\n\n p2\t0 \n") == (
        ["my photo 1.jpg", "my.jpg", "p2.jpg"],
        (),
    )
    assert lists(b"my\nmy\nmy 1\n") == (["my.jpg"], ())
    names, (problem,) = lists(b"my photo 2\np2\n")
    assert names == ["p2.jpg"]
    assert problem.endswith("my photo 2.xml: there is no such file.")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_lists_in_other_encodings_are_named(lists, encoding):
    name = "another encoding" if encoding == "latin-1" else encoding.upper()
    with pytest.raises(ValueError, match=rf"train\.txt must be text in UTF-8, and is in {name}"):
        lists("my\r\nä\r\n".encode(encoding))


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "sub/../../outside"])
def test_lists_do_not_lead_out(lists, folder, name):
    write_voc(folder, "../outside", DOG, image="p2.jpg", size=(20, 30))
    names, (problem,) = lists(f"my\n{name}\n".encode())
    assert names == ["my.jpg"]
    assert "train.txt, line 2:" in problem
    assert f"is not below {folder / 'Annotations'}" in problem
    with pytest.raises(ValueError, match=r"train\.txt, line 2: .* is not below"):
        lists(f"my\n{name}\n".encode(), broken="raise")


# A stored image of 30 x 20, which EXIF turns by 90 degrees clockwise to 20 x 30: what is at
# (x, y) comes to (20 - y, x).
STORED, UPRIGHT = (0, 0, 10, 5), (15, 0, 20, 10)


@pytest.fixture
def turned(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (30, 20))
    image.paste((255, 0, 0), STORED)
    image.save(folder / "JPEGImages/a.jpg", exif=exif, quality=95, subsampling=0)
    return folder


def of_voc(folder, box, size):
    height, width = size or (0, 0)
    corners = (box[0] + 1, box[1] + 1, box[2], box[3])
    write_voc(folder, "a", voc_object("dog", corners), size=(height, width))
    return voc_annotations(folder, broken="raise")


def of_coco(folder, box, size):
    height, width = size or (None, None)
    x, y, right, bottom = box
    return coco_annotations(
        write_coco(
            folder,
            images=[image(0, "a.jpg", height=height, width=width)],
            annotations=[coco_row(1, 0, 3, [x, y, right - x, bottom - y])],
        ),
        folder / "JPEGImages",
        broken="raise",
    )


@pytest.mark.parametrize("read", [of_voc, of_coco])
@pytest.mark.parametrize(
    ("box", "size"), [(UPRIGHT, (30, 20)), (UPRIGHT, None), (STORED, (20, 30))]
)
def test_boxes_of_turned_images_are_those_of_the_upright_one(turned, read, box, size):
    (annotated,) = read(turned, box, size).images
    assert annotated.size_px == (30, 20)
    assert annotated.boxes.tolist() == [list(UPRIGHT)]
    image = annotated.load()
    left, top, right, bottom = UPRIGHT
    assert image[top:bottom, left:right, 0].mean() > 240
    assert image.sum() < 1.1 * image[top:bottom, left:right].sum()


@pytest.mark.parametrize("read", [of_voc, of_coco])
def test_a_size_that_fits_neither_way_is_named(turned, read):
    message = "a.jpg is 20x30 or, before EXIF turns it, 30x20 pixels and not 40x30 as the"
    with pytest.raises(ValueError, match=message):
        read(turned, UPRIGHT, (30, 40))


def test_boxes_of_a_image_upside_down_are_those_of_the_upright_one(folder):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.new("RGB", (30, 20)).save(folder / "JPEGImages/a.jpg", exif=exif)
    assert of_coco(folder, STORED, (20, 30)).images[0].boxes.tolist() == [list(STORED)]


def test_files_are_recorded_below_their_folder(folder):
    (folder / "JPEGImages/sub").mkdir()
    Image.new("RGB", (30, 20)).save(folder / "JPEGImages/sub/c.jpg")
    path = write_csv(folder, ("sub/c.jpg",), ("./b.jpg",), ("a.jpg", "dog", 0, 0, 9, 9))
    annotations = table_annotations(path, folder / "JPEGImages")
    assert annotations.files == ("a.jpg", "b.jpg", "sub/c.jpg")
    rest = Annotations(annotations.images[1:], annotations.class_names)
    assert rest.files == ("a.jpg", "b.jpg")


def test_images_are_read_one_at_a_time_and_must_be_those_that_were_annotated(folder):
    annotations = table_annotations(
        write_csv(folder, ("a.jpg",), ("b.jpg",)), folder / "JPEGImages"
    )
    samples = annotations.samples()
    assert next(samples)[0].shape == (20, 30, 3)
    Image.new("RGB", (20, 12)).save(folder / "JPEGImages/b.jpg")
    with pytest.raises(ValueError, match=r"b\.jpg is 20x12 pixels now, and was 16x16"):
        next(samples)


def test_images_of_too_many_pixels_are_left_out(folder):
    path = write_csv(folder, ("a.jpg",), ("b.jpg",))
    annotations = table_annotations(path, folder / "JPEGImages", max_pixels=300)
    assert list(as_rows(annotations)) == ["b.jpg"]
    assert "a.jpg must have at most 300 pixels" in annotations.skipped[0]


def test_deep_json_long_fields_and_other_text_are_named(folder):
    path = folder / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"deep\.json is not readable: its lists are nested"):
        coco_annotations(path, folder)
    path.write_bytes(json.dumps({"images": []}).encode("utf-16"))
    with pytest.raises(ValueError, match=r"deep\.json must be text in UTF-8"):
        coco_annotations(path, folder)
    path = write_csv(folder, ("a.jpg", "d" * 200_000, 0, 0, 9, 9))
    with pytest.raises(ValueError, match=r"boxes\.csv is not a readable CSV file \(field larger"):
        table_annotations(path, folder)
