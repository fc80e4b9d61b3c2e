import runpy
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "face_demo.py"


def test_without_an_encoder_it_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE)])
    with pytest.raises(
        SystemExit, match=r"There must be runs.faces.encoder\.tflite.*examples/face"
    ):
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert list(tmp_path.iterdir()) == []
