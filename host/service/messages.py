"""The messages of a capture into files, one a type, all of them whole or none there."""

from contextlib import ExitStack
from pathlib import Path

from tapeout.errors import DataError
from tapeout.feed.messages import message_batches
from tapeout.feed.sink import FORMATS, Sink
from tapeout.feed.tape import Tape
from tapeout.files import check_writable
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.market.messages import ALL, MESSAGE_SCHEMAS, check_types


def write_messages(
    tape: Tape, out: Path, types: str = ALL, ending: str = ".parquet"
) -> dict[Path, int]:
    """Write the messages of `types` to `out`; what was written, with its rows.

    Parameters
    ----------
    tape : Tape
        Where they come from.
    out : Path
        A file for one type, told by its ending; else a folder, made if it is not there, where each
        type that comes gets a file of its name in the specification: `add_order.parquet`.
    types : str
        Letters of ITCH 5.0 message types.
    ending : str
        Of the files in a folder: ".parquet" or ".arrow".

    Raises
    ------
    DataError
        "one type must be chosen to write adds.parquet; got 'AF': several go to a folder"
        "messages must go to .arrow or .parquet; got .csv"
        As for `message_batches` and `tapeout.files.check_writable`.
    """
    kinds = check_types(types)
    if single := out.suffix in FORMATS:
        if len(kinds) != 1:
            raise DataError(
                f"one type must be chosen to write {out.name}; got {types!r}:"
                " several go to a folder"
            )
        check_writable(out, tape.path)
    elif ending not in FORMATS:
        raise DataError(f"messages must go to .arrow or .parquet; got {ending}")
    else:
        _make(out)
    rows: dict[Path, int] = {}
    with ExitStack() as stack:
        sinks: dict[str, Sink] = {}
        for kind, batch in message_batches(tape, kinds):
            path = out if single else out / f"{_file_name(kind)}{ending}"
            if kind not in sinks:
                sink = Sink(path, MESSAGE_SCHEMAS[kind], "messages")
                sinks[kind] = stack.enter_context(sink)
            sinks[kind].write(batch)
            rows[path] = rows.get(path, 0) + batch.num_rows
        if single and not rows:
            stack.enter_context(Sink(out, MESSAGE_SCHEMAS[kinds], "messages"))
            rows[out] = 0
    return rows


def _file_name(kind: str) -> str:
    return MESSAGES[kind].name.lower().replace(" ", "_")


def _make(folder: Path) -> None:
    """Make a folder in one that exists."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as reason:
        raise DataError(f"{folder} cannot be made: {reason.strerror}") from reason
