"""Which folders `--data` takes for a detector."""

import json

import pytest
from PIL import Image

from keras_cv_course.tasks.detection_data import open_boxes

SIZE = (64, 64)
COCO = json.dumps(
    {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4]}],
        "categories": [{"id": 1, "name": "dog"}],
    }
)
VOC = (
    "<annotation><filename>a.png</filename><object><name>dog</name><bndbox><xmin>1</xmin>"
    "<ymin>1</ymin><xmax>4</xmax><ymax>4</ymax></bndbox></object></annotation>"
)
LAYOUTS = [
    {"annotations/instances_val.json": COCO, "images/a.png": None},
    {"annotations/instances_val.json": COCO, "val/a.png": None},
    {"val.json": COCO, "images/a.png": None},
    {"val.json": COCO, "val/a.png": None},
    {"val.csv": "a.png,dog,0,0,4,4\n", "images/a.png": None},
    {"val.csv": "a.png,dog,0,0,4,4\n", "val/a.png": None},
    {"Annotations/a.xml": VOC, "ImageSets/Main/val.txt": "a\n", "JPEGImages/a.png": None},
]


def fill(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            Image.new("RGB", (8, 6)).save(folder / name)
        else:
            (folder / name).write_text(text)


@pytest.mark.parametrize("files", LAYOUTS, ids=lambda files: " ".join(files))
def test_layouts(tmp_path, files):
    fill(tmp_path, files)
    annotations = open_boxes(str(tmp_path), "val", SIZE)
    (image,) = annotations.images
    assert annotations.class_names == ("dog",)
    assert image.boxes.tolist() == [[0, 0, 4, 4]]
    assert image.load().shape == (6, 8, 3)


@pytest.mark.parametrize("files", LAYOUTS[:-1], ids=lambda files: " ".join(files))
def test_layouts_without_the_images_or_of_another_split(tmp_path, files):
    fill(tmp_path, files)
    with pytest.raises(FileNotFoundError, match=r"VOC .*Main/train\.txt.*COCO .*CSV .*in none"):
        open_boxes(str(tmp_path), "train", SIZE)
    _, image = files
    (tmp_path / image).unlink()
    (tmp_path / image).parent.rmdir()
    with pytest.raises(FileNotFoundError, match="must hold its images in images or val"):
        open_boxes(str(tmp_path), "val", SIZE)


@pytest.mark.data
def test_coco_mini_is_opened(shared):
    for split, count in (("train", 250), ("val", 60)):
        assert len(open_boxes(str(shared / "data/coco_mini"), split, SIZE)) == count


@pytest.mark.parametrize("files", LAYOUTS, ids=lambda files: " ".join(files))
def test_images_without_a_box_to_find_are_refused(tmp_path, files):
    fill(tmp_path, files)
    message = r"no box to find of the classes \['cat'\] in the 1 images of its val. The first"
    with pytest.raises(ValueError, match=message):
        open_boxes(str(tmp_path), "val", SIZE, ("cat",))


def test_a_crowd_is_no_box_to_find(tmp_path):
    row = json.loads(COCO)
    row["annotations"][0]["iscrowd"] = 1
    fill(tmp_path, {"val.json": json.dumps(row), "images/a.png": None})
    with pytest.raises(ValueError, match="has no box to find in the 1 images of its val"):
        open_boxes(str(tmp_path), "val", SIZE)


@pytest.mark.parametrize("files", LAYOUTS, ids=lambda files: " ".join(files))
def test_a_classifier_is_not_trained_on_them(tmp_path, files, keras_cv_course):
    fill(tmp_path, files)
    result = keras_cv_course("train", "--data", tmp_path, "--project", tmp_path / "runs")
    assert result.code == 1
    assert "Train a detector on them with --task detect" in result.err


def test_yolo_needs_boxes_for_its_anchors(tmp_path, keras_cv_course):
    files = {"train.json": COCO, "val.json": COCO, "images/a.png": None}
    fill(tmp_path, files)
    line = ("--task", "detect", "--model", "yolo", "--data", tmp_path, "--imgsz", "64")
    result = keras_cv_course("train", *line, "--alpha", "0.35", "--project", tmp_path / "runs")
    assert "YOLO takes the sizes of its 9 anchors from the boxes of" in result.err
    assert "which has 1" in result.err
