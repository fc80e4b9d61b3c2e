"""Damages files, by a seed: bits, chunks, lengths, numbers, nesting."""

import io
import random
import re
import zipfile

# Lengths and counts of binary formats at their limits, little-endian.
_WORDS = [bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x01\x00\x00\x00"]
_TOKENS = [
    *(b"null", b"NaN", b"-1", b"1e999", b"9" * 400, b"[]", b"{}", b'""', b"true", b"0"),
    *(b"../../../etc/passwd", b"/dev/zero", b"\x1b[2J", b"\xff\xfe", b"\x00", b"\n", b'"', b","),
]
_INSIDE = 0.7  # share of the archives whose content is damaged, and not they themselves
_NESTED = [b"[" * 20_000, b'{"a":' * 20_000, b"<a>" * 20_000]


def mutated(content: bytes, seed: str) -> bytes:
    """Returns a damaged copy of a file's content, the same for the same seed."""
    rng = random.Random(seed)
    if zipfile.is_zipfile(io.BytesIO(content)) and rng.random() < _INSIDE:
        return _inside_archive(content, rng)
    return _damaged(content, rng)


def _damaged(content, rng):
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        content = rng.choice(_MUTATIONS)(content, rng)
    return content


def _inside_archive(content, rng):
    """Damages a file in an archive whose checksums are right afterwards."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
        start = min(info.header_offset for info in archive.infolist())
    name = rng.choice(list(members))
    members[name] = _damaged(members[name], rng)
    file = io.BytesIO(content[:start])
    with zipfile.ZipFile(file, "a", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as new:
        for member, data in members.items():
            new.writestr(member, data)
    return file.getvalue()


def _span(content, rng):
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + int(2 ** rng.uniform(0, 10)))


def _flip(content, rng):
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 8, 64]) if data else 0):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _truncate(content, rng):
    return content[: rng.randrange(len(content) + 1)]


def _remove(content, rng):
    start, end = _span(content, rng)
    return content[:start] + content[end:]


def _repeat(content, rng):
    start, end = _span(content, rng)
    return content[:end] + content[start:end] * rng.choice([1, 2, 50]) + content[end:]


def _fill(content, rng):
    start, end = _span(content, rng)
    return content[:start] + rng.choice([b"\x00", b"\xff"]) * (end - start) + content[end:]


def _word(content, rng):
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.choice(_WORDS) + content[start + 4 :]


def _insert(content, rng):
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.choice([*_TOKENS, *_NESTED]) + content[start:]


def _replace_value(content, rng):
    """Puts something else in the place of a number or a word in quotation marks."""
    values = list(re.finditer(rb'"[^"\n]{0,40}"|-?\d+(?:\.\d+)?', content))
    if not values:
        return _insert(content, rng)
    start, end = rng.choice(values).span()
    return content[:start] + rng.choice([*_TOKENS, *_NESTED]) + content[end:]


def _empty(content, rng):
    return b""


_MUTATIONS = (
    *(_flip, _flip, _truncate, _remove, _repeat, _fill, _word, _insert),
    *(_replace_value, _replace_value, _replace_value, _empty),
)
