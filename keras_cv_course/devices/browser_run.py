"""Runs a .tflite file with LiteRT.js in a headless Chromium, and times it there."""

import functools
import http.server
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_cv_course._atomic import write_atomic
from keras_cv_course._validation import check_whole
from keras_cv_course.devices.browser import WEB, copy_runtime, install_runtime
from keras_cv_course.tflite.inspection import inspect

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-default-browser-check",
)


@dataclass(frozen=True)
class BrowserRun:
    """What a browser made of a file.

    Attributes:
        outputs: An array `(n, ...)` for each output, with the file's own numbers.
        milliseconds: Time of each run, from the call to the finished outputs.
        browser: What the browser calls itself.
    """

    outputs: tuple[np.ndarray, ...]
    milliseconds: tuple[float, ...]
    browser: str

    @property
    def median_ms(self) -> float:
        """Median time of a run."""
        return float(np.median(self.milliseconds))


def run_in_browser(
    path: str | os.PathLike[str],
    inputs: Sequence[np.ndarray] | np.ndarray,
    runs: int = 1,
    warmup: int = 0,
    runtime: str | os.PathLike[str] | None = None,
    timeout_s: float = 120.0,
) -> BrowserRun:
    """Returns what LiteRT.js computes in a headless Chromium, in WebAssembly with one thread.

    Args:
        path: A .tflite file with batch 1.
        inputs: Numbers of the file's own dtype, `(n, ...)`; a list of such for several inputs.
        runs: Timed runs of the first sample.
        warmup: Runs of it before that.
        runtime: A `node_modules` folder with LiteRT.js. None gets it from npm.
        timeout_s: Seconds for all of it, except npm.

    Raises:
        ValueError: If LiteRT.js refuses the file; the message is the runtime's.
        RuntimeError: If Chromium or npm is missing, or Chromium does not answer in time.

    Example:
        >>> run_in_browser("model.tflite", images, runs=50, warmup=5).median_ms
        5.1
    """
    check_whole("runs", runs)
    arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
    outputs = inspect(path).outputs
    samples = [[_tensor(array[i : i + 1]) for array in arrays] for i in range(len(arrays[0]))]
    plan = {"samples": samples, "warmup": warmup, "runs": runs}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        site = folder / "site"
        copy_runtime(runtime or install_runtime(folder / "npm"), site / "runtime")
        for file in ("measure.html", "measure.js"):
            write_atomic(site / file, (WEB / file).read_bytes())
        write_atomic(site / "model.tflite", Path(path).read_bytes())
        write_atomic(site / "inputs.json", json.dumps(plan))
        answer = _ask(site, folder / "profile", timeout_s)
    if "error" in answer:
        raise ValueError(f"LiteRT.js does not run {path}: {answer['error']}")
    arrays_out = [
        np.array([sample[k] for sample in answer["outputs"]], spec.dtype).reshape(
            len(samples), *spec.shape[1:]
        )
        for k, spec in enumerate(outputs)
    ]
    return BrowserRun(tuple(arrays_out), tuple(answer["milliseconds"]), answer["browser"])


def time_in_browser(
    path: str | os.PathLike[str],
    runs: int = 50,
    runtime: str | os.PathLike[str] | None = None,
) -> float:
    """Returns the median milliseconds of a run of a .tflite file in a headless Chromium.

    Args:
        path: A .tflite file with batch 1.
        runs: Timed runs, on zeros; five go before.
        runtime: A `node_modules` folder with LiteRT.js. None gets it from npm.

    Raises:
        ValueError: If LiteRT.js refuses the file.
        RuntimeError: If Chromium or npm is missing, or Chromium does not answer in time.
    """
    inputs = [np.zeros(spec.shape, spec.dtype) for spec in inspect(path).inputs]
    return run_in_browser(path, inputs, runs, 5, runtime, timeout_s=300.0).median_ms


def _tensor(array: np.ndarray) -> dict[str, Any]:
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "values": array.ravel().tolist(),
    }


def _ask(site: Path, profile: Path, timeout_s: float) -> dict[str, Any]:
    """Returns what the page in `site` posts."""
    chromium = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if chromium is None:
        raise RuntimeError("Chromium is not on the PATH. Install it: apt-get install chromium.")
    # Chromium's sandbox does not work for root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with _serve(site) as (port, answers):
        process = subprocess.Popen(
            [
                chromium,
                *_FLAGS,
                *sandbox,
                f"--user-data-dir={profile}",
                f"http://localhost:{port}/measure.html",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            answer: dict[str, Any] = answers.get(timeout=timeout_s)
        except queue.Empty:
            raise RuntimeError(f"Chromium did not answer within {timeout_s:g} s.") from None
        finally:
            process.terminate()
            process.wait()
    return answer


@contextmanager
def _serve(folder: Path) -> Iterator[tuple[int, "queue.SimpleQueue[dict[str, Any]]"]]:
    answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    handler = functools.partial(_Handler, answers, directory=str(folder))
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1], answers
        finally:
            server.shutdown()
            thread.join()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, answers: "queue.SimpleQueue[dict[str, Any]]", *args: Any, **kw: Any) -> None:
        self._answers = answers
        super().__init__(*args, **kw)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self._answers.put(json.loads(body))

    def log_message(self, format: str, *args: Any) -> None:
        """Does not log requests."""
