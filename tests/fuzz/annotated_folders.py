"""Folders of images with boxes and masks, and what reads them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image


def annotated(folder: Path) -> None:
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / part).mkdir(parents=True)
    boxes = {"a": [2, 3, 11, 9], "b": [1, 1, 20, 16]}
    for name, box in boxes.items():
        Image.new("RGB", (30, 20)).save(folder / f"JPEGImages/{name}.jpg")
        corners = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        tags = "".join(f"<{tag}>{value}</{tag}>" for tag, value in corners)
        (folder / f"Annotations/{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename><size><width>30</width><height>20</height>"
            f"</size><object><name>dog</name><bndbox>{tags}</bndbox></object></annotation>"
        )
    (folder / "ImageSets/Main/train.txt").write_text("a\nb\n")
    rows = [f"{name}.jpg,dog,{','.join(map(str, box))}\n" for name, box in boxes.items()]
    (folder / "boxes.csv").write_text("".join(rows))
    images = [
        {"id": i, "file_name": f"{n}.jpg", "width": 30, "height": 20} for i, n in enumerate("ab")
    ]
    objects = [
        {"id": i, "image_id": i, "category_id": 3, "bbox": [1, 2, 9, 8], "iscrowd": 0, "area": 72}
        for i in range(2)
    ]
    coco = {"images": images, "annotations": objects, "categories": [{"id": 3, "name": "dog"}]}
    (folder / "boxes.json").write_text(json.dumps(coco))


def read_voc(folder: Path) -> None:
    from keras_cv_course.data import voc_annotations

    voc_annotations(folder, "train", broken="raise")


def read_coco(folder: Path) -> None:
    from keras_cv_course.data import coco_annotations

    coco_annotations(folder / "boxes.json", folder / "JPEGImages", broken="raise")


def read_table(folder: Path) -> None:
    from keras_cv_course.data import table_annotations

    table_annotations(folder / "boxes.csv", folder / "JPEGImages", broken="raise")


def masks(folder: Path) -> None:
    for part in ("images", "masks", "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (folder / part).mkdir(parents=True)
    classes = "0 background\n1 dog\n"
    for name in "ab":
        pixels = np.indices((20, 30)).sum(0) // 9 % 2
        mask = Image.fromarray(pixels.astype(np.uint8))
        mask.putpalette([0, 0, 0, 255, 0, 0])
        for images, masks in (("images", "masks"), ("JPEGImages", "SegmentationClass")):
            Image.new("RGB", (30, 20)).save(folder / images / f"{name}.jpg")
            mask.save(folder / masks / f"{name}.png")
    (folder / "classes.txt").write_text(classes)
    (folder / "ImageSets/Segmentation/train.txt").write_text("a\nb\n")


def read_masks(folder: Path) -> None:
    from keras_cv_course.data import folder_masks, voc_masks

    for source in (
        folder_masks(folder / "images", folder / "masks", broken="raise"),
        voc_masks(folder, "train", broken="raise"),
    ):
        for image, mask in source.samples():
            assert image.shape[:2] == mask.shape


def outlines(folder: Path) -> None:
    annotated(folder)
    content = json.loads((folder / "boxes.json").read_text())
    forms = ([[1, 2, 10, 2, 10, 10, 1, 10]], {"size": [20, 30], "counts": [22, 8, 570]})
    for row, form in zip(content["annotations"], forms, strict=True):
        row["segmentation"] = form
    row = {**content["annotations"][0], "id": 9, "segmentation": {"size": [20, 30]}}
    row["segmentation"]["counts"] = "f08jb0"
    content["annotations"].append(row)
    (folder / "boxes.json").write_text(json.dumps(content))


def read_outlines(folder: Path) -> None:
    from keras_cv_course.data import coco_masks

    for image, mask in coco_masks(folder / "boxes.json", folder / "JPEGImages").samples():
        assert image.shape[:2] == mask.shape
