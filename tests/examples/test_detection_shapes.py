import re
import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples" / "detection_shapes.py"


@pytest.mark.slow
def test_it_trains_exports_and_shows_what_it_finds(tmp_path, monkeypatch, capsys):
    words = [str(EXAMPLE), "--out", str(tmp_path), "--scenes", "32", "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    files = {"model.keras", "model_none.tflite", "model_int8.tflite"}
    assert {path.name for path in tmp_path.iterdir()} == {*files, "found.png"}
    lines = re.findall(r"^(\S+): AP50 (\S+), AP (\S+)$", capsys.readouterr().out, re.MULTILINE)
    assert {name for name, *_ in lines} == files
    assert all(0 <= float(ap) <= float(ap50) <= 1 for _, ap50, ap in lines)
    with Image.open(tmp_path / "found.png") as sheet:
        assert sheet.size == (3 * 128, 3 * 128)
