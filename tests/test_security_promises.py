"""The promises of SECURITY.md that have no test of their own elsewhere, and that all have one."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_every_promise_has_its_test():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 10
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text())
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_no_code_in_a_file_is_run(tmp_path):
    from keras_cv_course import load_model
    from keras_cv_course.training import Checkpoint, load_recipe, read_verification

    ran = tmp_path / "ran"
    image = keras.Input((2,))
    model = keras.Model(image, keras.layers.Lambda(lambda x: x, output_shape=(2,))(image))
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(ValueError, match=r"lambda\.keras is not a saved model.*Lambda"):
        load_model(tmp_path / "lambda.keras")

    plain = keras.Model(image, keras.layers.Dense(2)(image))
    plain.compile("sgd", "mse")
    plain.save(tmp_path / "plain.keras")
    with zipfile.ZipFile(tmp_path / "plain.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1] |= {
        "module": "os",
        "class_name": "system",
        "registered_name": None,
    }
    with zipfile.ZipFile(tmp_path / "foreign.keras", "w") as archive:
        for name, content in (members | {"config.json": json.dumps(config)}).items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"foreign\.keras is not a saved model"):
        load_model(tmp_path / "foreign.keras")

    pickled = np.array([Payload(ran)], dtype=object)
    (tmp_path / "state").mkdir()
    np.savez(tmp_path / "state" / "epoch_0001.npz", facts=pickled)
    with pytest.raises(ValueError, match=r"epoch_0001\.npz is not a complete training state"):
        Checkpoint(tmp_path / "state").restore(plain)
    (tmp_path / "verification.json").write_text('{"threshold": 0.5}')
    np.savez(tmp_path / "verification.npz", similarity=pickled, same=pickled)
    with pytest.raises(ValueError, match=r"verification\.json is not what"):
        read_verification(tmp_path)

    (tmp_path / "recipe.yaml").write_text(f"epochs: !!python/object/apply:os.mkdir ['{ran}']\n")
    with pytest.raises(ValueError, match=r"recipe\.yaml is not YAML"):
        load_recipe(tmp_path / "recipe.yaml")
    assert not ran.exists()


@pytest.mark.slow
def test_reading_asks_no_other_machine(tmp_path):
    """Python tells of every connection that it makes; those of this machine are milvus-lite's."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "asked = []\n"
        "def watch(event, arguments):\n"
        "    if event == 'socket.connect' and isinstance(arguments[1], tuple):\n"
        "        asked.append(arguments[1][0])\n"
        "    if event == 'socket.getaddrinfo':\n"
        "        asked.append(arguments[0])\n"
        "sys.addaudithook(watch)\n"
        "from commands import ROWS\n"
        "for row in ROWS:\n"
        "    folder = Path(sys.argv[1], row.name)\n"
        "    row.make(folder)\n"
        "    try:\n"
        "        row.read(folder)\n"
        "    except ValueError as error:\n"
        "        assert 'with its suppression inside' in str(error), error\n"
        "print({str(host) for host in asked} - {'127.0.0.1', 'localhost', '::1'})\n"
    )
    folders = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "fuzz")))
    environment = {**os.environ, "PYTHONPATH": folders}
    line = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "set()"
