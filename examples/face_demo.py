"""A page on this machine that compares two faces, and knows the people whom you enroll.

    python examples/face_verification.py
    python examples/face_demo.py [--model runs/faces/encoder.tflite]

The first learns to distinguish handwritten digits, and with `--data` faces. The page runs the
.tflite, and takes threshold and ROC curve from `verification.json` and `.npz` beside it, which
`keras-cv-course faces evaluate` writes of any encoder.

Only this machine can open the page, and only by its own address: pages of other sites that have
their name point here are refused. Images are at most 8 MB of JPEG, PNG or WebP. They are
deleted when the page is stopped; of the people whom you enroll only embeddings are kept, and for
longer than that only with `--gallery people.db`. Needs `pip install 'keras-cv-course[faces,demo]'`.
"""

import argparse
import os
import re
import string
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from keras_cv_course.data import read_photograph
from keras_cv_course.faces import (
    FaceGallery,
    FaceReader,
    FaceVerifier,
    haar_detector,
    yunet_detector,
)
from keras_cv_course.faces.detection import Detector
from keras_cv_course.faces.verification import embed_unit
from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.training import read_verification

ADDRESS = "127.0.0.1"
NAMES = (ADDRESS, "localhost")
# The page and what it shows come from here: no script, image or font of another site is loaded,
# nothing is sent to one, and no other page can frame this one. Gradio's scripts are inline.
HEADERS = {
    "content-security-policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
LARGEST_FILE = "8mb"
PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
NOBODY = "The gallery is empty."
FORMATS = ("JPEG", "PNG", "WEBP")
MODEL = Path("runs/faces/encoder.tflite")  # Of examples/face_verification.py.


@dataclass(frozen=True)
class Recognizer:
    """An encoder that compares faces, and how well it does.

    Attributes:
        title: Name of the file.
        verifier: Compares two faces.
        read: Makes faces of photographs.
        similarity: Of each pair that it was measured on.
        same: Whether the pair is of one person.
    """

    title: str
    verifier: FaceVerifier
    read: FaceReader
    similarity: np.ndarray
    same: np.ndarray

    def face(self, path: str | None) -> np.ndarray:
        """Returns the face in an uploaded file; raises ValueError with what is wrong with it."""
        if path is None:
            raise ValueError("Choose an image first.")
        try:
            return self.read(read_photograph(path, FORMATS))
        except ValueError as error:  # Without the name that the file has on this machine.
            raise ValueError(str(error).replace(path, "The image")) from error

    def embed(self, path: str | None) -> np.ndarray:
        """Returns the embedding of the face in an uploaded file."""
        return embed_unit(self.verifier.embed, self.face(path)[None], self.verifier.mirrored)[0]


def open_recognizer(path: Path, detector: str | None) -> Recognizer:
    """Returns an encoder's file with what was measured of it."""
    record = read_verification(path.parent)
    if (
        record is None
        or record.input_range is None
        or record.similarity is None
        or record.same is None
    ):
        raise SystemExit(
            f"There must be {path}, and verification.json and .npz beside it, as "
            "examples/face_verification.py or `keras-cv-course faces evaluate` writes them."
        )
    model = TFLiteModel(path)
    height, width, channels = model.inputs[0].shape[1:]
    find = open_detector(detector or record.detector)
    read = FaceReader((height, width, channels), record.input_range, find, record.crop)
    verifier = FaceVerifier(model, record.threshold, record.mirrored)
    return Recognizer(path.name, verifier, read, record.similarity, record.same)


def open_detector(name: str) -> Detector | None:
    """Returns what finds faces; None for "none"."""
    if name == "none":
        return None
    return haar_detector() if name == "haar" else yunet_detector(name)


def roc_image(recognizer: Recognizer, similarity: float | None) -> Figure:
    """Returns the ROC curve with the threshold, and where the two faces would be on it."""
    false, true, _ = roc_curve(recognizer.same, recognizer.similarity, drop_intermediate=False)
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(false, true, drawstyle="steps-post")
    least = 1 / np.sum(~recognizer.same)
    marks = {"threshold": (recognizer.verifier.threshold, "k.")}
    if similarity is not None:
        marks["these two"] = (similarity, "rx")
    for label, (value, style) in marks.items():
        accepted = recognizer.similarity >= value
        share = [float(np.mean(accepted[kind])) for kind in (~recognizer.same, recognizer.same)]
        axes.plot(
            max(share[0], least), share[1], style, markersize=10, label=f"{label} {value:.3f}"
        )
    axes.set(xscale="log", xlim=(least, 1), ylim=(0, 1.02))
    axes.set(xlabel="two people taken for one", ylabel="one person recognized")
    axes.set_title(recognizer.title, fontsize=9)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return figure


class OwnAddressOnly:
    """Passes on requests that were sent to this page by its own address, and refuses others.

    The browser recognizes a page of another site by its name. If that name is made to point to
    127.0.0.1 (DNS rebinding), the browser takes this page for a part of that site; `Host` and
    `Origin` still have the other name.

    Args:
        app: The ASGI application behind.
        port: Port of the page.
    """

    def __init__(self, app: Any, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}".encode() for name in NAMES}
        self.origins = {b"http://" + host for host in self.hosts}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._is_own(scope)):
            await self.app(scope, receive, send_with_headers)
        elif scope["type"] == "http":
            plain = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 403, "headers": plain})
            await send({"type": "http.response.body", "body": b"Open the page by its own address."})
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _is_own(self, scope: Any) -> bool:
        headers = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        origins = {value for name, value in headers if name == b"origin"}
        return len(hosts) == 1 and hosts[0] in self.hosts and origins <= self.origins


def said(title: str, text: str = "") -> str:
    """Returns an answer as Markdown; names and messages in it stay text."""
    heading = f"## {plain(title)}\n" if title else ""
    return heading + plain(text)


def plain(text: str) -> str:
    """Returns a text as Markdown shows it as it is: a name must not become a link or an image."""
    return PUNCTUATION.sub(r"\\\g<0>", text)


def compare(recognizer: Recognizer, path_a: str | None, path_b: str | None) -> tuple[str, Figure]:
    """Returns the answer for two uploaded files, and the ROC curve."""
    try:
        verification = recognizer.verifier.verify(recognizer.face(path_a), recognizer.face(path_b))
    except ValueError as error:
        return said("", str(error)), roc_image(recognizer, None)
    verdict = "The same" if verification.same else "Not the same"
    numbers = f"similarity {verification.similarity:.3f}, threshold {verification.threshold:.3f}"
    return said(verdict, numbers), roc_image(recognizer, verification.similarity)


def people(gallery: FaceGallery) -> str:
    """Returns who is in the gallery."""
    names = gallery.names()
    return said("", f"In the gallery: {', '.join(names)}" if names else NOBODY)


def enroll(recognizer: Recognizer, gallery: FaceGallery, path: str | None, name: str) -> str:
    """Adds the face in an uploaded file to the gallery, and returns what to say."""
    gallery.enroll(name.strip(), recognizer.embed(path))
    return said(f"{name.strip()} is enrolled")


def identify(recognizer: Recognizer, gallery: FaceGallery, path: str | None, _: str) -> str:
    """Returns whose face is in an uploaded file."""
    threshold = recognizer.verifier.threshold
    identification = gallery.identify(recognizer.embed(path), threshold=threshold)
    if identification.nearest is None:
        return said("", NOBODY)
    nearest = identification.nearest
    numbers = f"{nearest.name} {nearest.similarity:.3f}, threshold {threshold:.3f}"
    return said(identification.name or "Unknown", f"The most alike: {numbers}")


def remove(_: Recognizer, gallery: FaceGallery, __: str | None, name: str) -> str:
    """Removes a person from the gallery, and returns what to say."""
    gallery.remove(name.strip())
    return said(f"{name.strip()} is removed")


Action = Callable[[Recognizer, FaceGallery, str | None, str], str]


def image_input(label: str, mark: str) -> Any:
    """Returns an input for an image from a file or the webcam, which gives the path of its file.

    Gradio itself does not decode it: `read_photograph` does, which knows few formats.
    """
    import gradio as gr

    def path_of(payload: Any) -> str | None:
        return None if payload is None else payload.path

    sources: Any = ["upload", "webcam"]
    image: Any = gr.Image(sources=sources, label=label, height=260, buttons=[], elem_id=mark)
    image.preprocess = path_of
    return image


def build_page(recognizer: Recognizer, gallery: FaceGallery) -> Any:
    """Returns the page, as Gradio's Blocks."""
    import gradio as gr

    def acting(action: Action) -> Callable[[str | None, str], tuple[str, str]]:
        def act(path: str | None, name: str) -> tuple[str, str]:
            try:
                answer = action(recognizer, gallery, path, name)
            except (ValueError, OSError) as error:
                answer = said("", str(error))
            return answer, people(gallery)

        return act

    # One at a time: neither the interpreter nor the detector takes two.
    queued: dict[str, Any] = {
        "concurrency_limit": 1,
        "concurrency_id": "model",
        "api_visibility": "private",
    }
    with gr.Blocks(title="Faces", analytics_enabled=False, delete_cache=(60, 600)) as page:
        gr.Markdown("# Faces\nImages stay on this machine. Not for decisions about people.")
        with gr.Tab("Two images"):
            with gr.Row():
                both = [image_input("One", "one"), image_input("Another", "another")]
            button = gr.Button("Compare", variant="primary", elem_id="compare")
            with gr.Row():
                verdict = gr.Markdown(elem_id="verdict", latex_delimiters=[])
                curve = gr.Plot(roc_image(recognizer, None), show_label=False)
            button.click(lambda a, b: compare(recognizer, a, b), both, [verdict, curve], **queued)
        with gr.Tab("Gallery", elem_id="gallery"):
            with gr.Row():
                face = image_input("A face", "face")
                with gr.Column():
                    name = gr.Textbox(label="Name", max_length=100, elem_id="name")
                    actions = {"Who is it?": identify, "Enroll": enroll, "Remove": remove}
                    buttons = {label: gr.Button(label) for label in actions}
                    answer = gr.Markdown(elem_id="answer", latex_delimiters=[])
                    known = gr.Markdown(people(gallery), elem_id="people", latex_delimiters=[])
            for label, action in actions.items():
                buttons[label].click(acting(action), [face, name], [answer, known], **queued)
    return page


def main() -> None:
    """Parses the command line and serves the page until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL, help=".tflite file of an encoder")
    parser.add_argument("--gallery", help="where people are kept: a folder .db, or a server")
    parser.add_argument("--detector", help='"haar", "none" or the .onnx file of a YuNet')
    parser.add_argument("--port", type=int, default=7860)
    options = parser.parse_args()
    recognizer = open_recognizer(options.model, options.detector)
    from starlette.middleware import Middleware  # Comes with Gradio.

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")  # Gone when the page is stopped.
        with FaceGallery(options.gallery or folder / "people.db") as gallery:
            page = build_page(recognizer, gallery)
            page.queue(max_size=20).launch(
                server_name=ADDRESS,
                server_port=options.port,
                max_file_size=LARGEST_FILE,
                share=False,
                app_kwargs={"middleware": [Middleware(OwnAddressOnly, port=options.port)]},
                footer_links=[],
            )


if __name__ == "__main__":
    main()
