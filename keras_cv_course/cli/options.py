"""Options that several commands have."""

from typing import Annotated

import typer

InputRange = Annotated[
    tuple[float, float] | None,
    typer.Option(help="Smallest and largest value that the model takes; else args.yaml tells."),
]
Data = Annotated[
    str | None,
    typer.Option(
        help='Folder of class folders, or "digits"; for a detector, of VOC, COCO or CSV, or '
        '"shapes"; else what the model was trained on.'
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        help='"train", "val" or "test"; else the last that there is, of a detector "val".'
    ),
]
