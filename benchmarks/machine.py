"""What a table of measurements has to say about where it was made."""

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "ai-edge-quantizer")


def caption() -> str:
    """Returns date, processor, cores and versions in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    machine = f"{_processor()}, {os.cpu_count()} cores"
    return f"{today}, {machine}, Python {platform.python_version()}, {versions}"


def _processor() -> str:
    """Returns the processor's name, with what integer arithmetic depends on."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor() or platform.machine()
    fields = dict(
        line.split(":", 1) for line in info.read_text().split("\n\n")[0].splitlines() if ":" in line
    )
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    features = [name for name in ("avx512_vnni", "avx_vnni") if name in fields.get("flags", "")]
    return " ".join([fields.get("model name", platform.machine()), *features])
