import json
import runpy
import sys
from pathlib import Path

import pytest

from keras_cv_course import load_model

EXAMPLE = Path(__file__).parents[2] / "examples" / "multitask_faces.py"


@pytest.mark.slow
def test_drawn_faces_are_learned_together_and_alone(tmp_path, monkeypatch):
    options = ["--out", str(tmp_path), "--epochs", "2", "--int8-epochs", "1", "--size", "32"]
    options += ["--networks", "all", "age"]
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *options])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    rows = [json.loads(row) for row in (tmp_path / "results.jsonl").read_text().splitlines()]
    kinds = [(row["network"], row["arithmetic"]) for row in rows]
    assert kinds == [
        *(("all", way) for way in ("float", "int8", "int8 after fine-tuning")),
        ("age", "float"),
    ]
    assert {"landmarks", "smile", "age"} < set(rows[0])
    # Hair tells the age of a drawn face; to say 45 of all would be 17.5 years off.
    assert max(row["age"] for row in rows) < 17.5
    assert set(load_model(tmp_path / "all_0.keras").output) == {"landmarks", "smile", "age"}
