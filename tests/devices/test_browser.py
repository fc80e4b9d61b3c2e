"""Files of ours in headless Chromium: with LiteRT.js alone, and in the page."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import toy_networks
from PIL import Image

from keras_cv_course.devices.browser import write_browser_app
from keras_cv_course.devices.browser_run import run_in_browser
from keras_cv_course.tflite import TFLiteModel, convert
from keras_cv_course.tflite.tensors import quantize

pytestmark = pytest.mark.device
HERE = Path(__file__).parent
FORMS = {"int8": "uint8", "none": "float32", "float16": "float32"}


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("npm")
    shutil.copy(HERE / "package.json", folder)
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
    subprocess.run(["npm", "install", *flags], cwd=folder, check=True, capture_output=True)
    return folder / "node_modules"


def write(folder, form, io_dtype):
    toy = toy_networks.classifier()
    samples = toy.inputs if form == "int8" else None
    names = toy_networks.COLOURS
    return toy, convert(toy.model, folder / "m.tflite", form, io_dtype, samples, names).path


@pytest.mark.parametrize("form", FORMS)
def test_page_and_runtime_give_what_litert_gives(modules, tmp_path, form):
    toy, path = write(tmp_path, form, FORMS[form])
    model = TFLiteModel(path)
    expected = model.predict(toy.inputs)
    step = 1e-6 if model.outputs[0].scale is None else model.outputs[0].scale * 1.01

    numbers = quantize(toy.inputs, model.inputs[0])
    raw = run_in_browser(path, numbers, runtime=modules).outputs[0]
    assert raw.dtype == model.outputs[0].dtype
    scale = model.outputs[0].scale or 1
    np.testing.assert_allclose(
        (raw - np.float32(model.outputs[0].zero_point)) * scale, expected, atol=step
    )

    app = write_browser_app(path, tmp_path / "app", toy_networks.INPUT_RANGE, runtime=modules)
    steps = [["wait", "html[data-ready]"]]
    for i, picture in enumerate(toy.pictures[:1]):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
        steps += [["choose", str(tmp_path / f"{i}.png")], ["wait", "html[data-result]"]]
    steps += [["result", ""], ["text", "#answer"], ["screenshot", str(tmp_path / "page.png")]]
    job = tmp_path / "job.json"
    chromium = shutil.which("chromium")
    job.write_text(json.dumps({"page": "index.html", "chromium": chromium, "steps": steps}))
    driver = ["node", HERE / "browser_driver.mjs", modules, app, job]
    done = subprocess.run(driver, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    scores, answer = seen["answers"]
    np.testing.assert_allclose(scores, expected[0], atol=step)
    assert answer == toy.expected[0]
    assert seen["requests"]
    local = (seen["origin"], f"blob:{seen['origin']}", "data:")
    assert all(url.startswith(local) for url in seen["requests"]), seen["requests"]
    with Image.open(tmp_path / "page.png") as screenshot:
        assert screenshot.size == (390, 844)
        assert len(screenshot.convert("RGB").getcolors(2**24)) > 100


def test_int8_inputs_are_refused(modules, tmp_path):
    toy, path = write(tmp_path, "int8", "int8")
    numbers = quantize(toy.inputs, TFLiteModel(path).inputs[0])
    with pytest.raises(ValueError, match="INT8"):
        run_in_browser(path, numbers, runtime=modules)
