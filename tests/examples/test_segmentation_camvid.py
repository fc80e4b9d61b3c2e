import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples" / "segmentation_camvid.py"


@pytest.mark.slow
def test_it_trains_exports_and_shows_what_it_finds(tmp_path, monkeypatch, capsys, rng):
    for name, count in (("train", 8), ("val", 2)):
        for i in range(count):
            mask = np.tile(rng.integers(0, 12, (4, 1), np.uint8).repeat(10, 0), (1, 48))
            for part, pixels in ((name, np.stack([mask * 20] * 3, -1)), (f"{name}annot", mask)):
                path = tmp_path / "data" / part / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    words = [str(EXAMPLE), str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    sizes = ["--alpha", "0.35", "--height", "32", "--width", "64", "--epochs", "1", "1"]
    monkeypatch.setattr(sys, "argv", words + sizes)
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"model.keras", "model_int8.tflite", "predictions.png"}
    reached = re.findall(r"(\S+): mean_iou (\d\.\d+)", capsys.readouterr().out)
    assert [name for name, _ in reached] == ["model.keras", "model_int8.tflite"]
