"""A folder of two images, and files of all kinds that say which boxes are in them."""

import csv
import json

from PIL import Image

from keras_cv_course.data.box_table import COLUMNS

# (height, width) of each image; the boxes of `a` are written into each kind of file.
SIZES = {"a": (20, 30), "b": (16, 16)}
BOXES = [("dog", (0, 0, 10, 5)), ("cat", (3, 4, 30, 20))]


def image_folder(folder):
    """Makes the sub-folders of VOC in `folder`, with the images."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for name, (height, width) in SIZES.items():
        Image.new("RGB", (width, height), (200, 0, 0)).save(folder / f"JPEGImages/{name}.jpg")
    return folder


def voc_object(name, corners, difficult=0):
    tags = "".join(
        f"<{tag}>{value}</{tag}>"
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    )
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{tags}</bndbox></object>"
    )


def write_voc(folder, name, *objects, size=None, head="", image=None):
    height, width = size or SIZES.get(name, (1, 1))
    text = (
        f"{head}<annotation><filename>{image or name + '.jpg'}</filename>"
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
        image.path.name: [
            (annotations.class_names[label], tuple(box))
            for label, box in zip(image.labels, image.boxes.tolist(), strict=True)
        ]
        for image in annotations.images
    }
