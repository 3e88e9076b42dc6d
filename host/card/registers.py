"""The card's registers by name, with the fields that the contract gives them."""

from tapeout.card.transport import Transport
from tapeout.errors import DataError
from tapeout.hdl.card.layout import REGISTERS

WORD = (1 << 32) - 1


class Registers:
    """Reads and writes over a transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, name: str) -> int:
        """The whole register."""
        return self._transport.read(REGISTERS[name].at)

    def fields(self, name: str) -> dict[str, int]:
        """The register's fields."""
        word, found = self.get(name), {}
        for field, bits in REGISTERS[name].fields.items():
            found[field], word = word & (1 << bits) - 1, word >> bits
        return found

    def flags(self, name: str) -> tuple[str, ...]:
        """The names of the fields that are not zero."""
        return tuple(field for field, value in self.fields(name).items() if value)

    def wide(self, name: str) -> int:
        """A number of two registers; its lower half is read first, which keeps the upper one."""
        low = self.get(f"{name}_low")
        return self.get(f"{name}_high") << 32 | low

    def put(self, name: str, **values: int) -> None:
        """Write the register; a field that is not given is zero.

        Raises
        ------
        DataError
            "locate of listen must be 0 to 65,535; got 65,536"
        """
        word, low = 0, 0
        for field, bits in REGISTERS[name].fields.items():
            value = values.pop(field, 0)
            if not 0 <= value < 1 << bits:
                raise DataError(
                    f"{field} of {name} must be 0 to {(1 << bits) - 1:,}; got {value:,}"
                )
            word, low = word | value << low, low + bits
        if values:
            raise DataError(f"{name} must have a field {next(iter(values))}; it has none")
        self._transport.write(REGISTERS[name].at, word)

    def put_wide(self, name: str, value: int) -> None:
        """Write a number to two registers, its lower half first; a negative one as 64 bits."""
        self.put(f"{name}_low", **{name: value & WORD})
        self.put(f"{name}_high", **{name: value >> 32 & WORD})

    def put_each(self, table: str, values: dict[str, int]) -> None:
        """Write a register for each field of a table, as `limit_...`."""
        for field, value in values.items():
            if f"{table}_{field}" not in REGISTERS:
                raise DataError(f"{table} must have a field {field}; it has none")
            self.put(f"{table}_{field}", **{field: value})
