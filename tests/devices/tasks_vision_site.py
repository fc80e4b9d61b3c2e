"""A web page with files of ours in MediaPipe's tasks-vision."""

import json
from pathlib import Path

import toy_networks
from browser_driver import drive, node_modules
from PIL import Image

from keras_cv_course.tflite import convert

HERE = Path(__file__).parent


class Site:
    """A folder with the page, and the jobs that it finds there."""

    def __init__(self, folder):
        self.folder = folder
        self.jobs = {}
        (folder / "node_modules").symlink_to(node_modules())
        for name in ("tasks_vision.html", "tasks_vision.js"):
            (folder / name).write_bytes((HERE / name).read_bytes())

    def add(self, key, task, path, images):
        names = [f"{key}_{i}.png" for i in range(len(images))]
        for name, image in zip(names, images, strict=True):
            Image.fromarray(image).save(self.folder / name)
        self.jobs[key] = {"task": task, "model": path.name, "images": names}

    def run(self):
        """What the page shows, and what was to be seen from outside."""
        (self.folder / "jobs.json").write_text(json.dumps(self.jobs))
        wait = ["wait", "html[data-ready]"]
        seen = drive(self.folder, [["visit", "tasks_vision.html"], wait, ["text", "body"]])
        return json.loads(seen.answers[0]), seen

    def write(self, key, model, form, io_dtype, metadata, inputs):
        """The path of a file in the folder, with these metadata, if any."""
        return convert(
            model,
            self.folder / f"{key}.tflite",
            form,
            io_dtype,
            inputs if form == "int8" else None,
            input_range=toy_networks.INPUT_RANGE,
            metadata=metadata,
        ).path
