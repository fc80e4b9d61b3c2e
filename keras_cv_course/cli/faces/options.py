"""Options that several commands for faces have."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(help="A .keras or .tflite file of an encoder.")]
Pictures = Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")]
Gallery = Annotated[
    str, typer.Option(help="Folder whose name ends with .db, or the address of a Milvus server.")
]
Token = Annotated[
    str | None, typer.Option(envvar="MILVUS_TOKEN", help='"user:password" or key of a server.')
]
Threshold = Annotated[
    float | None,
    typer.Option(help="Smallest similarity of one person; else what `faces evaluate` chose."),
]
Detector = Annotated[
    str | None,
    typer.Option(
        help='How faces are found in photographs: "haar", or the .onnx file of a YuNet; "none" '
        "takes pictures whole, as those in training. Else what `faces evaluate` was told."
    ),
]
Largest = Annotated[
    bool, typer.Option("--largest", help="Take the largest of several faces in a picture.")
]
