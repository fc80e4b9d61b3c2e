"""The page of examples/face_demo.py in Chromium. People are colours here."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import keras
import numpy as np
import pytest
from browser_driver import drive
from PIL import Image

from keras_cv_course.cli.main import run
from keras_cv_course.faces import FaceGallery
from keras_cv_course.tflite import convert
from keras_cv_course.tflite.metadata import EmbedderMetadata

pytestmark = pytest.mark.device
ROOT = Path(__file__).resolve().parents[2]
COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "cyan": (0, 1, 1)}
IMAGES = 8
SIZE_PX = 64
DESKTOP = ["look", {"width": 1100, "height": 1000}]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("people")
    for name, colour in COLOURS.items():
        (folder / name).mkdir()
        for i in range(IMAGES):
            noise = rng.integers(0, 40, (SIZE_PX, SIZE_PX, 3))
            pixels = (np.array(colour) * 200 + noise).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory, people):
    """An encoder of the mean colour, measured."""
    image = keras.Input((16, 16, 3), name="image")
    encoder = keras.Model(image, keras.layers.GlobalAveragePooling2D(name="embedding")(image))
    path = tmp_path_factory.mktemp("model") / "encoder.tflite"
    convert(encoder, path, "none", metadata=EmbedderMetadata(), input_range=(-1.0, 1.0))
    with pytest.raises(SystemExit) as ended:
        run(["faces", "evaluate", str(path), "--data", str(people), "--json"])
    assert ended.value.code == 0
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory, model):
    """Address of the page, its gallery, and the folder in which it works."""
    folder = tmp_path_factory.mktemp("demo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, ROOT / "examples" / "face_demo.py", "--model", model]
    line += ["--port", str(port), "--gallery", folder / "people.db"]
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    log = (folder / "log.txt").open("w")
    with subprocess.Popen(line, env=environment, stdout=log, stderr=log) as process:
        address = f"http://127.0.0.1:{port}/"
        try:
            wait_for(address, process, folder / "log.txt")
            yield address, folder
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    log.close()
    # What was uploaded went with the page.
    assert {path.name for path in folder.iterdir()} == {"people.db", "log.txt"}


def wait_for(address, process, log):
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(address).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)


def upload(mark, path):
    """Steps that choose a file for an image, and wait until it is shown."""
    return [["upload", [f"#{mark} input[type=file]", path]], ["wait", f"#{mark} img"]]


def test_two_images(page, people, tmp_path):
    address, _ = page
    steps = [DESKTOP, ["visit", address], ["wait", "#compare"]]
    for a, b, said in [("red/0", "red/1", "The same"), ("red/0", "cyan/1", "Not the same")]:
        steps += [["visit", address], ["wait", "#compare"]]
        steps += upload("one", people / f"{a}.png") + upload("another", people / f"{b}.png")
        steps += [["click", "#compare"], ["wait", f'#verdict h2:text-is("{said}")']]
        steps += [["text", "#verdict"], ["screenshot", tmp_path / f"{b.replace('/', '')}.png"]]
    seen = drive(tmp_path, steps)
    same, different = seen.answers
    assert "similarity 1.000" in same
    assert "similarity -0.9" in different
    for url, ending in seen.requests:
        assert url.startswith((address, f"blob:{address}", "data:")), url
        assert ending == "finished" or "/heartbeat/" in url or "/queue/" in url, (url, ending)
    for name in ("red1", "cyan1"):
        with Image.open(tmp_path / f"{name}.png") as screenshot:
            assert len(screenshot.convert("RGB").getcolors(2**24)) > 100


def test_a_image_of_the_webcam(page, people, tmp_path):
    address, _ = page
    steps = [DESKTOP, ["visit", address], ["wait", "#compare"]]
    steps += [["click", "#one .source-selection button:nth-child(2)"]]
    steps += [["click", "#one [title='grant webcam access']"], ["wait", "#one video"]]
    steps += [["click", "#one button[aria-label='capture photo']"], ["wait", "#one img"]]
    steps += [*upload("another", people / "red" / "0.png"), ["click", "#compare"]]
    steps += [["wait", '#verdict:has-text("similarity")'], ["text", "#verdict"]]
    (verdict,) = drive(tmp_path, steps).answers
    assert "Not the same" in verdict  # Chromium's camera shows green.


def test_people_are_enrolled_and_recognized(page, people, tmp_path):
    address, folder = page
    steps = [DESKTOP, ["visit", address], ["click", 'button[role=tab]:has-text("Gallery")']]
    steps += upload("face", people / "red" / "0.png")
    answer, who = "#answer", 'button:text-is("Who is it?")'
    enroll, remove = 'button:text-is("Enroll")', 'button:text-is("Remove")'
    steps += [["click", who], ["wait", f'{answer}:has-text("The gallery is empty")']]
    steps += [["click", enroll], ["wait", f'{answer}:has-text("must be text of one line")']]
    steps += [["fill", ["#name textarea, #name input", "Ada"]], ["click", enroll]]
    steps += [["wait", f'{answer}:has-text("Ada is enrolled")'], ["text", "#people"]]
    steps += [["click", who], ["wait", f'{answer} h2:text-is("Ada")'], ["text", answer]]
    steps += [["screenshot", tmp_path / "known.png"]]
    (answers) = drive(tmp_path, steps).answers
    assert "In the gallery: Ada" in answers[0]
    assert "Ada 1.000" in answers[1]

    steps = [DESKTOP, ["visit", address], ["click", 'button[role=tab]:has-text("Gallery")']]
    steps += upload("face", people / "blue" / "0.png")
    steps += [["click", who], ["wait", f'{answer} h2:text-is("Unknown")']]
    steps += [["fill", ["#name textarea, #name input", "Ada"]], ["click", remove]]
    steps += [["wait", f'{answer}:has-text("Ada is removed")'], ["text", "#people"]]
    (nobody,) = drive(tmp_path, steps).answers
    assert "The gallery is empty" in nobody
    with pytest.raises(BlockingIOError):
        FaceGallery(folder / "people.db")


def test_what_is_no_small_photograph_is_refused(page, people, tmp_path):
    address, _ = page
    (tmp_path / "text.png").write_text("no image")
    Image.new("RGB", (8, 8)).save(tmp_path / "other.bmp")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8)).save(
        tmp_path / "large.png"
    )
    assert (tmp_path / "large.png").stat().st_size > 8e6
    steps = []
    for name in ("text.png", "other.bmp"):
        steps += [DESKTOP, ["visit", address], ["wait", "#compare"]]
        steps += [*upload("one", tmp_path / name), ["click", "#compare"]]
        steps += [["wait", '#verdict:has-text("cannot be decoded")'], ["text", "#verdict"]]
    steps += [["visit", address], ["upload", ["#one input[type=file]", tmp_path / "large.png"]]]
    steps += [
        ["wait", "[data-testid=toast-body]"],
        ["text", "[data-testid=toast-body]"],
        ["screenshot", tmp_path / "refused.png"],
    ]
    *undecodable, large = drive(tmp_path, steps).answers
    for said in undecodable:
        assert "The image cannot be decoded" in said
        assert "/" not in said
    assert "exceed the maximum allowed size of 8.0 Mb" in large


def ask(address, path="", method="GET", **headers):
    """Returns status, headers and text of the answer to a request with some headers."""
    request = urllib.request.Request(address + path, method=method)
    for name, value in headers.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode()


def test_a_page_of_another_site_is_refused(page):
    """Its name may point to this machine; then `Host` and `Origin` have that name."""
    address, _ = page
    host = address.removeprefix("http://").rstrip("/")
    port = host.rpartition(":")[2]
    assert ask(address)[0] == 200
    assert ask(address, Host=f"localhost:{port}", Origin=f"http://localhost:{port}")[0] == 200
    for name in (f"evil.example:{port}", "evil.example", f"127.0.0.1.evil.example:{port}"):
        for path in ("", "config", "gradio_api/info", "gradio_api/queue/data?session_hash=a"):
            status, _, text = ask(address, path, Host=name, Origin=f"http://{name}")
            assert (status, text) == (403, "Open the page by its own address."), (name, path)
    for origin in ("http://evil.example", "null", f"http://localhost:{int(port) + 1}"):
        assert ask(address, "config", Origin=origin)[0] == 403, origin
        assert ask(address, "gradio_api/queue/join", "POST", Origin=origin)[0] == 403, origin


def test_no_page_can_frame_it_and_it_loads_nothing_from_elsewhere(page):
    address, _ = page
    for path in ("", "config"):
        _, headers, _ = ask(address, path)
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy


def test_a_name_is_text(page, people, tmp_path):
    """No Markdown, whose images would be fetched from elsewhere, and no HTML."""
    address, _ = page
    markdown = "![x](http://127.0.0.1:9/x.png)"
    markup = "<img src=http://127.0.0.1:9/y.png onerror=document.title='bad'>"
    steps = [DESKTOP, ["visit", address], ["click", 'button[role=tab]:has-text("Gallery")']]
    steps += upload("face", people / "green" / "0.png")
    for name in (markdown, markup):
        steps += [["fill", ["#name textarea, #name input", name]]]
        steps += [
            ["click", 'button:text-is("Enroll")'],
            ["wait", '#answer:has-text("is enrolled")'],
        ]
        steps += [["text", "#people"], ["click", 'button:text-is("Remove")']]
        steps += [["wait", '#answer:has-text("is removed")']]
    seen = drive(tmp_path, steps)
    assert [name in text for name, text in zip((markdown, markup), seen.answers, strict=True)] == [
        True,
        True,
    ]
    assert not [url for url, _ in seen.requests if "127.0.0.1:9/" in url]
    assert not [text for text in seen.messages if "127.0.0.1:9" in text]


def test_only_this_machine_can_open_it(page):
    address, _ = page
    port = int(address.rsplit(":", 1)[1].strip("/"))
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    addresses = [line.split()[1] for line in listening.splitlines() if f":{port:04X} " in line]
    assert f"0100007F:{port:04X}" in addresses
    assert not [
        a for a in addresses if a.split(":")[0].strip("0") == "" and a.endswith(f"{port:04X}")
    ]
