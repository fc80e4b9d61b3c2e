import runpy
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "quantization_aware_training.py"


@pytest.mark.slow
def test_quantization_aware_training(tmp_path, monkeypatch, capsys):
    options = ["--out", str(tmp_path), "--epochs", "2", "1"]
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *options])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    printed = capsys.readouterr().out
    assert "expanded_conv_project_range" in printed
    assert printed.count("same decision") == 2
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"after_training.tflite", "aware.keras", "aware.tflite", "float_after.keras"}
