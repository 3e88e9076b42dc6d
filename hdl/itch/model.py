"""Golden model of the decoder: what becomes of one message, in the fewest words."""

from tapeout.hdl.itch.layout import MESSAGES, SOURCES, Record, source

WELL_FORMED = 1
TEXT = "af"  # how fields of characters read


def decode(message: bytes, sequence: int = 0, arrival_ns: int = 0) -> Record:
    """The record of one message.

    A message of unknown type, or of another length than its type has, keeps its type byte, its
    length and its two tags; every other field is zero, and so is `flags`.
    """
    kind = chr(message[0]) if message else ""
    type_ = message[0] if message else 0
    if kind not in MESSAGES or len(message) != MESSAGES[kind].length:
        return Record(sequence, arrival_ns, type=type_, length=len(message) & 0xFFFF)
    fields = {
        name: int.from_bytes(message[found.start : found.start + found.length])
        for name in SOURCES
        if (found := source(kind, name))
    }
    return Record(
        sequence, arrival_ns, type=type_, flags=WELL_FORMED, length=len(message), **fields
    )


def fields(message: bytes) -> dict[str, int | str]:
    """Every field of one message by its name in the specification; text without its padding."""
    layout = MESSAGES[chr(message[0])]
    if len(message) != layout.length:
        raise ValueError(f"{layout.name} must be {layout.length} bytes; got {len(message)}")
    out: dict[str, int | str] = {}
    for name, (start, length, kind) in layout.fields.items():
        raw = message[start : start + length]
        out[name] = raw.decode("ascii").rstrip(" ") if kind in TEXT else int.from_bytes(raw)
    return out


def encode(kind: str, **values: int | str) -> bytes:
    """The wire bytes of one message; a field not given is zero, or blank where it is text."""
    layout = MESSAGES[kind]
    if unknown := sorted(set(values) - set(layout.fields)):
        raise ValueError(f"{layout.name} has no field {unknown[0]!r}")
    out = bytearray()
    for name, field in layout.fields.items():
        value = kind if name == "type" else values.get(name, "" if field.kind in TEXT else 0)
        if isinstance(value, str):
            raw = value.encode("ascii").ljust(field.length)
        else:
            raw = value.to_bytes(field.length)
        if len(raw) != field.length:
            raise ValueError(f"{name} must fit {field.length} bytes; got {value!r}")
        out += raw
    return bytes(out)
