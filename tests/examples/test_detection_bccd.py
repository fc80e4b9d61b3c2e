"""The example on a few real images: each step runs, and each file finds cells in any image."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from keras_cv_course.data import voc_annotations
from keras_cv_course.tflite import TFLiteDetector

pytestmark = [pytest.mark.data, pytest.mark.slow]

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "detection_bccd.py"
FILES = ("float", "int8", "int8_after_fine-tuning")
FEW = {"train": 16, "val": 4}


@pytest.fixture
def few_cells(shared, tmp_path):
    """A folder as BCCD's, with lists of a few images."""
    source, folder = shared / "data" / "bccd", tmp_path / "bccd"
    lists = folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for name in ("JPEGImages", "Annotations"):
        (folder / name).symlink_to((source / name).resolve())
    for part, count in FEW.items():
        names = (source / "ImageSets" / "Main" / f"{part}.txt").read_text().split()
        (lists / f"{part}.txt").write_text("\n".join(names[:count]) + "\n")
    return folder


def test_it_leaves_three_files_that_find_cells(few_cells, tmp_path, monkeypatch, capsys):
    options = ["--size", "64", "--alpha", "0.35", "--epochs", "2", "1", "--rate", "0.005"]
    words = ["--data", str(few_cells), "--project", str(tmp_path / "runs"), *options]
    monkeypatch.setattr(sys, "argv", ["detection_bccd.py", *words])
    runpy.run_path(str(PROGRAM), run_name="__main__")
    printed = dict(
        re.findall(r"^([a-z].*): mAP50 .* ([\d,]+) bytes$", capsys.readouterr().out, re.M)
    )
    val = voc_annotations(few_cells, "val")
    images = [image for image, _ in val.samples()]
    for name in FILES:
        path = tmp_path / "runs" / "bccd" / f"{name}.tflite"
        assert printed[name.replace("_", " ")] == f"{path.stat().st_size:,}"
        detections = TFLiteDetector(path, input_range=(-1.0, 1.0)).predict(images)
        assert len(detections) == len(images)
        assert all(len(one["boxes"]) and one["boxes"].max() <= 416 for one in detections)
