"""Holds ZIP archives and HDF5 files against limits before a library reads them.

Both say in a few bytes that gigabytes follow, and HDF5 can say that they are in another file. Keras
and h5py believe them.
"""

import io
import os
import struct
import zipfile
from pathlib import Path
from typing import IO, Any

import h5py

_FREE_BYTES = 256 * 2**20  # that any file may unpack to
# Keras writes weights as they are, so that nothing unpacks to more than the file. Who packs them
# again gains little, except from the zeros of an optimizer that has not begun.
_MOST_RATIO = 4
_CHUNK_BYTES = 2**16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Where HDF5 keeps texts: signature and size, then texts, each after its number and length.
_HEAP = b"GCOL\x01\x00\x00\x00"
_HEAP_SIZE, _TEXT_HEADER = struct.Struct("<8xQ"), struct.Struct("<H6xQ")
_HEAP_ALIGNMENT = 8
_EXTERNAL = "it refers to another file, which could be any file of this machine"


def most_unpacked(file_bytes: int) -> int:
    """Returns how many bytes a file of a size may unpack to."""
    return max(_FREE_BYTES, _MOST_RATIO * file_bytes)


def read_member(archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    """Returns the content of a file in an archive, whose stated size may be wrong.

    Args:
        archive: An archive that is open.
        name: Name of the member.
        most_bytes: The largest size that is read.

    Raises:
        KeyError: If there is no such member.
        ValueError: If it is larger, has another size than stated, or an unusual compression.
        zipfile.BadZipFile: If its content is damaged.
        zlib.error: If its data is corrupt.
    """
    content = io.BytesIO()
    _unpack(archive, archive.getinfo(name), most_bytes, content)
    return content.getvalue()


def check_archive(path: str | os.PathLike[str]) -> None:
    """Unpacks all of an archive, chunk by chunk, and raises if it is damaged or too large.

    Args:
        path: A ZIP file.

    Raises:
        ValueError: If its members are together larger than `most_unpacked` of its size, a member
            has another size than stated, occurs twice, or has an unusual compression.
        zipfile.BadZipFile: If it is damaged.
        zlib.error: If its data is corrupt.
    """
    left = most_unpacked(Path(path).stat().st_size)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(set(names)) < len(names):
            raise ValueError("a file is in the archive twice")
        for member in archive.infolist():
            left -= _unpack(archive, member, left, None)


def _unpack(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, most_bytes: int, into: IO[bytes] | None
) -> int:
    """Unpacks a member, and returns its true size."""
    stated = member.file_size
    if member.compress_type not in _METHODS:
        raise ValueError(f"{member.filename!r} is compressed in another way than by deflate")
    if stated > most_bytes:
        raise ValueError(f"{member.filename!r} unpacks to {stated:,} bytes, which is too large")
    size = 0
    # zipfile would unpack up to 2 GB at once and cut them to the stated size afterwards. So it is
    # asked for small chunks, and for one byte more than there should be.
    member.file_size = stated + 1
    try:
        with archive.open(member) as file:
            while chunk := file.read(_CHUNK_BYTES):
                size += len(chunk)
                if into is not None:
                    into.write(chunk)
    finally:
        member.file_size = stated
    if size != stated:
        raise ValueError(f"{member.filename!r} has another size than the {stated:,} bytes stated")
    return size


def check_hdf5(file: h5py.File, file_bytes: int) -> int:
    """Returns how many values an HDF5 file holds, all of them itself and not too many.

    Args:
        file: An HDF5 file that is open.
        file_bytes: Its size.

    Raises:
        ValueError: If a link, or the storage of an array, leads elsewhere, or the arrays are
            together larger than `most_unpacked` of the size, or HDF5 would read its texts for ever.
    """
    _check_texts(file.id.get_file_image())
    left, values = most_unpacked(file_bytes), 0
    waiting: list[Any] = [file]
    seen = set()
    while waiting:
        item = waiting.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:  # A group may contain itself.
            continue
        seen.add(address)
        if isinstance(item, h5py.Group):
            waiting += [_linked(item, name) for name in item]
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise ValueError(f"{item.name!r} is refused: {_EXTERNAL}")
            left -= item.nbytes
            values += item.size
            if left < 0:
                raise ValueError(f"with {item.name!r}, {item.shape}, its arrays are too large")
    return values


def _linked(group: h5py.Group, name: str) -> Any:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{group.name.rstrip('/')}/{name} is refused: {_EXTERNAL}")
    return group[name]


def _check_texts(content: bytes) -> None:
    """Raises ValueError if the list of texts is damaged so that HDF5 never comes to its end."""
    start = content.find(_HEAP)
    while start >= 0:
        (size,) = _HEAP_SIZE.unpack_from(content, start)
        place, end = start + _HEAP_SIZE.size, min(start + size, len(content))
        while end - place >= _TEXT_HEADER.size:
            number, length = _TEXT_HEADER.unpack_from(content, place)
            if number == length == 0:
                raise ValueError("its list of texts is damaged: it has no end")
            # Number 0 is the free space behind the texts, whose length counts its header too.
            padded = -(-length // _HEAP_ALIGNMENT) * _HEAP_ALIGNMENT
            place += padded + (_TEXT_HEADER.size if number else 0)
        start = content.find(_HEAP, start + len(_HEAP))
