"""Options that several commands for faces have."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

Model = Annotated[str, typer.Argument(help="A .keras or .tflite file of an encoder.")]
Images = Annotated[list[Path], typer.Argument(help="Images, or folders of images.")]
Gallery = Annotated[
    str, typer.Option(help="Folder whose name ends with .db, or the address of a Milvus server.")
]
Token = Annotated[
    str | None, typer.Option(envvar="MILVUS_TOKEN", help='"user:password" or key of a server.')
]
Threshold = Annotated[
    float | None,
    typer.Option(help="Smallest similarity of one person; by default as `faces evaluate` chose."),
]


def _option(default: Any, text: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Preparation:
    """How faces are made ready for an encoder; None takes what `faces evaluate` recorded."""

    detector: str | None = _option(
        None,
        'Face detector for photographs: "haar", or the .onnx file of a YuNet. "none", the '
        "default, takes images whole, for those cropped as in training.",
    )
    crop: float | None = _option(
        None, "Share of each side that is kept around the centre, without a detector; by default 1."
    )
    mirrored: bool | None = _option(
        None, "Embed the mirrored face as well: more accurate, twice the time."
    )
    largest: bool = _option(False, "Take the largest of several faces in a photograph.")
    input_range: tuple[float, float] | None = _option(
        None,
        "Smallest and largest value that the model takes; by default from its file or args.yaml.",
    )
