"""FlatBuffer tables, written and read by the numbers of their fields.

A table is a dict by field name. What the fields are called, where they lie and what they hold is
data: `Table`, `Field`, and the kinds `Scalar`, `Enumeration`, `Text`, `Bytes`, `Vector`,
`LazyVector` and `Union`. The reader trusts nothing: for any bytes it returns values or
raises ValueError, and it never reads more than as many bytes as there are.

Reference:
    "FlatBuffers Internals", FlatBuffers documentation, sections "Tables" to "Unions".
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import flatbuffers
from flatbuffers import number_types

_FLAGS = {
    "?": number_types.BoolFlags,
    "b": number_types.Int8Flags,
    "i": number_types.Int32Flags,
    "I": number_types.Uint32Flags,
    "Q": number_types.Uint64Flags,
    "f": number_types.Float32Flags,
}
_OFFSET_BYTES = 4
_VTABLE_HEAD_BYTES = 4
_SLOT_BYTES = 2
_IDENTIFIER = slice(4, 8)


class Source:
    """Bytes of a FlatBuffer that may be corrupt.

    Parts that point to each other can make a few bytes look like gigabytes. So what has been read
    is counted, and may not become more than there is.

    Args:
        data: The bytes.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._left = len(self._data)

    def take(self, position: int, size: int) -> memoryview:
        """Returns `size` bytes, uncopied and uncounted; ValueError if they are not all there."""
        if not 0 <= position <= position + size <= len(self._data):
            raise ValueError(f"{size} bytes at {position} are not inside its {len(self._data)}")
        return self._data[position : position + size]

    def number(self, format_: str, position: int) -> Any:
        """Returns a number; `format_` is its character in `struct`."""
        return struct.unpack(f"<{format_}", self.take(position, struct.calcsize(format_)))[0]

    def follow(self, position: int) -> int:
        """Returns the position that the offset at `position` leads to."""
        return position + int(self.number("I", position))

    def vector(self, position: int, item_bytes: int) -> memoryview:
        """Returns the items of the vector at a position."""
        count = self.number("I", position)
        return self.take(position + _OFFSET_BYTES, item_bytes * count)

    def count(self, size: int) -> None:
        """Counts bytes as read, and raises ValueError where they have become too many."""
        self._left -= size
        if self._left < 0:
            raise ValueError("its parts are used again and again")


class Kind(Protocol):
    """What a field can hold."""

    def store(self, builder: flatbuffers.Builder, value: Any) -> Any:
        """Returns what represents the value in a table; content that is elsewhere is written."""

    def put(self, builder: flatbuffers.Builder, slot: int, stored: Any) -> None:
        """Writes what `store` returned into the open table."""


@dataclass(frozen=True)
class Scalar:
    """A number.

    Attributes:
        format: Its character in `struct`.
    """

    format: str
    missing: Any = 0

    @property
    def item_bytes(self) -> int:
        """Size of the number."""
        return struct.calcsize(self.format)

    def store(self, builder: flatbuffers.Builder, value: Any) -> Any:
        """Returns the number itself."""
        return value

    def put(self, builder: flatbuffers.Builder, slot: int, stored: Any) -> None:
        """Writes the number, unless it is the default."""
        builder.PrependSlot(_FLAGS[self.format], slot, stored, self.missing)

    def append(self, builder: flatbuffers.Builder, stored: Any) -> None:
        """Writes the number into the open vector."""
        builder.Prepend(_FLAGS[self.format], stored)

    def read(self, source: Source, position: int) -> Any:
        """Returns the number."""
        source.count(self.item_bytes)
        return source.number(self.format, position)


@dataclass(frozen=True)
class Enumeration:
    """A name out of a list, stored as a byte.

    Attributes:
        names: The names, by number.
    """

    names: tuple[str, ...]

    @property
    def missing(self) -> str:
        """The first name."""
        return self.names[0]

    def store(self, builder: flatbuffers.Builder, value: str) -> int:
        """Returns the name's number."""
        return self.names.index(value)

    def put(self, builder: flatbuffers.Builder, slot: int, stored: int) -> None:
        """Writes the number, unless it is 0."""
        builder.PrependInt8Slot(slot, stored, 0)

    def read(self, source: Source, position: int) -> str:
        """Returns the name; the number as text, where a newer schema has given it a name."""
        number = source.number("b", position)
        return self.names[number] if 0 <= number < len(self.names) else str(number)


class _Distant:
    """Content that lies elsewhere; the table holds the offset to it."""

    item_bytes = _OFFSET_BYTES
    missing: Any = None

    def put(self, builder: flatbuffers.Builder, slot: int, stored: int) -> None:
        """Writes the offset."""
        builder.PrependUOffsetTRelativeSlot(slot, stored, 0)

    def append(self, builder: flatbuffers.Builder, stored: int) -> None:
        """Writes the offset into the open vector."""
        builder.PrependUOffsetTRelative(stored)


@dataclass(frozen=True)
class Text(_Distant):
    """UTF-8 text."""

    def store(self, builder: flatbuffers.Builder, value: str) -> int:
        """Writes the text and returns where it is."""
        return int(builder.CreateString(value))

    def read(self, source: Source, position: int) -> str:
        """Returns the text."""
        content = source.vector(source.follow(position), 1)
        source.count(len(content))
        return str(content, "utf-8")


@dataclass(frozen=True)
class Bytes(_Distant):
    """Bytes that are no table of this schema; read without a copy.

    Attributes:
        alignment: They begin at a multiple of it.
    """

    alignment: int

    def store(self, builder: flatbuffers.Builder, value: bytes) -> int:
        """Writes the bytes and returns where they are."""
        builder.StartVector(1, len(value), self.alignment)
        builder.head -= len(value)
        builder.Bytes[builder.head : builder.head + len(value)] = value
        return int(builder.EndVector())

    def read(self, source: Source, position: int) -> memoryview:
        """Returns the bytes."""
        return source.vector(source.follow(position), 1)


@dataclass(frozen=True)
class Vector(_Distant):
    """Many of one kind; a tuple."""

    item: "Scalar | Text | Table"
    missing: tuple[Any, ...] = ()

    def store(self, builder: flatbuffers.Builder, value: Any) -> int:
        """Writes the items and returns where they are."""
        stored = [self.item.store(builder, item) for item in value]
        size = self.item.item_bytes
        builder.StartVector(size, len(stored), size)
        for item in reversed(stored):
            self.item.append(builder, item)
        return int(builder.EndVector())

    def read(self, source: Source, position: int) -> tuple[Any, ...]:
        """Returns the items."""
        return tuple(_items(self.item, source, position))


@dataclass(frozen=True)
class LazyVector(_Distant):
    """Many tables, of which few are wanted: an iterator that reads them one by one. Read only."""

    item: "Table"
    missing: tuple[Any, ...] = ()

    def store(self, builder: flatbuffers.Builder, value: Any) -> int:
        """Raises TypeError."""
        raise TypeError("A lazy vector is read only.")

    def read(self, source: Source, position: int) -> Iterator[dict[str, Any]]:
        """Returns an iterator over the tables."""
        return _items(self.item, source, position)


def _items(item: "Scalar | Text | Table", source: Source, position: int) -> Iterator[Any]:
    start = source.follow(position)
    size = item.item_bytes
    count = len(source.vector(start, size)) // size
    for k in range(count):
        yield item.read(source, start + _OFFSET_BYTES + k * size)


@dataclass(frozen=True)
class Field:
    """A field of a table.

    Attributes:
        name: What it is called.
        slot: Its number; a union lies in the one after its type's.
        kind: What it holds.
        since: Version of the schema that brought it.
    """

    name: str
    slot: int
    kind: Kind
    since: tuple[int, int, int] = (1, 0, 0)


@dataclass(frozen=True)
class Table(_Distant):
    """A table: a dict by field name.

    Attributes:
        name: What it is called.
        fields: All that is read and written; others of the file are passed over.
    """

    name: str
    fields: tuple[Field, ...] = ()

    def store(self, builder: flatbuffers.Builder, value: Mapping[str, Any]) -> int:
        """Writes the table and returns where it is; fields that are not in `value` are left out."""
        unknown = value.keys() - {field.name for field in self.fields}
        if unknown:
            raise ValueError(f"{self.name} has no field {', '.join(sorted(unknown))}.")
        given = [(field, value[field.name]) for field in self.fields if field.name in value]
        stored = [(field, field.kind.store(builder, content)) for field, content in given]
        builder.StartObject(1 + max((field.slot for field in self.fields), default=-1))
        for field, content in stored:
            field.kind.put(builder, field.slot, content)
        return int(builder.EndObject())

    def read(self, source: Source, position: int) -> dict[str, Any]:
        """Returns the values of all fields."""
        source.count(_OFFSET_BYTES)
        start = source.follow(position)
        vtable = start - source.number("i", start)
        size = source.number("H", vtable)

        def place(slot: int) -> int | None:
            entry = _VTABLE_HEAD_BYTES + _SLOT_BYTES * slot
            distance = source.number("H", vtable + entry) if entry + _SLOT_BYTES <= size else 0
            return start + distance if distance else None

        values = {}
        for field in self.fields:
            kind: Any = field.kind
            at = place(field.slot)
            if isinstance(kind, Union):
                values[field.name] = kind.read_typed(source, place(field.slot - 1), at)
            else:
                values[field.name] = kind.missing if at is None else kind.read(source, at)
        return values


@dataclass(frozen=True)
class Union:
    """One of several tables: a pair of its name and its values. The slot before holds its type.

    Attributes:
        members: The tables, by number from 1.
    """

    members: tuple[Table, ...]

    def store(self, builder: flatbuffers.Builder, value: tuple[str, Any]) -> tuple[int, int]:
        """Writes the table, and returns its number and where it is."""
        name, content = value
        number = [member.name for member in self.members].index(name) + 1
        return number, self.members[number - 1].store(builder, content)

    def put(self, builder: flatbuffers.Builder, slot: int, stored: tuple[int, int]) -> None:
        """Writes number and offset."""
        builder.PrependUint8Slot(slot - 1, stored[0], 0)
        builder.PrependUOffsetTRelativeSlot(slot, stored[1], 0)

    def read_typed(
        self, source: Source, type_at: int | None, at: int | None
    ) -> tuple[str, dict[str, Any]] | None:
        """Returns the pair; None where there is none, or of a type that a newer schema brought."""
        number = 0 if type_at is None else source.number("B", type_at)
        if at is None or not 1 <= number <= len(self.members):
            return None
        member = self.members[number - 1]
        return member.name, member.read(source, at)


def write_root(table: Table, values: Mapping[str, Any], identifier: bytes) -> bytes:
    """Returns a FlatBuffer of one table and what it holds.

    Args:
        table: The table.
        values: Its values by field name.
        identifier: The schema's file identifier, four bytes.
    """
    builder = flatbuffers.Builder(1024)
    builder.Finish(table.store(builder, values), identifier)
    return bytes(builder.Output())


def read_root(table: Table, data: bytes | memoryview, identifier: bytes) -> dict[str, Any]:
    """Returns the values of a FlatBuffer's root table, by field name.

    Args:
        table: The table.
        data: The FlatBuffer.
        identifier: The schema's file identifier, four bytes.

    Raises:
        ValueError: If the identifier is another one, or the bytes are corrupt.
    """
    actual = bytes(data[_IDENTIFIER])
    if actual != identifier:
        raise ValueError(f"its identifier is {actual!r} and not {identifier!r}")
    return table.read(Source(data), 0)
