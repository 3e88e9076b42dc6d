"""Pre-trade limits as people write them, in the units of the gate's registers."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from tapeout.errors import DataError
from tapeout.hdl.pretrade import model
from tapeout.hdl.pretrade.layout import GLOBAL_LIMITS, LIMITS, NOTIONAL_UNIT, Reason
from tapeout.units import NS_PER_SECOND, TICKS_PER_DOLLAR, span_ns

#: Commission Delegated Regulation (EU) 2017/589, and 17 CFR 240.15c3-5: what each reason supports.
CONTROLS = {
    Reason.KILLED: "kill functionality: 2017/589 Art. 12",
    Reason.RESTRICTED: "restricted securities: 15c3-5(c)(2)",
    Reason.STALE: "no price to hold orders to: 2017/589 Art. 15(1)(a)",
    Reason.COLLAR: "price collar: 2017/589 Art. 15(1)(a), 15c3-5(c)(1)(ii)",
    Reason.SIZE: "maximum order volume: 2017/589 Art. 15(1)(c), 15c3-5(c)(1)(ii)",
    Reason.NOTIONAL: "maximum order value: 2017/589 Art. 15(1)(b), 15c3-5(c)(1)(ii)",
    Reason.DUPLICATE: "duplicative orders: 15c3-5(c)(1)(ii)",
    Reason.SELF_CROSS: "orders that would meet own orders: a house rule",
    Reason.OPEN_ORDERS: "orders that may be open at once: a house rule",
    Reason.POSITION: "own risk thresholds by instrument: 2017/589 Art. 15(5)",
    Reason.GROSS: "credit or capital threshold: 2017/589 Art. 15(5), 15c3-5(c)(1)(i)",
    Reason.RATE: "maximum messages: 2017/589 Art. 15(1)(d)",
}

SLOWEST_HZ = 1_000_000  # a clock with which all that may be asked for can be

#: Money as a caller may write it; a float is taken by the digits that it prints.
Dollars = Decimal | int | float | str


@dataclass(frozen=True)
class OrderLimits:
    """Limits of one instrument.

    Parameters
    ----------
    collar : dollars
        A buy may be so far above the best offer, a sale below the best bid. Rounded down to ticks.
    max_shares : int
        Of one order.
    max_notional : dollars
        Price times shares of one order. Rounded down to units of 6.5536 dollars.
    max_position : int
        Shares long or short, if all that is open on one side were executed; below 2**31.
    restricted : bool
        No order may leave but a cancel.

    Raises
    ------
    DataError
        "collar must be 0 to 429496.7295 dollars; got -1"
        "max_shares must be 0 to 4294967295; got -1"
        "symbol must be 8 letters at most; got 'LONGSYMBOL'"
    """

    collar: Dollars
    max_shares: int
    max_notional: Dollars
    max_position: int
    restricted: bool = False

    def __post_init__(self) -> None:
        self.limits()

    def limits(self, locate: int = 0, symbol: str = "") -> model.Limits:
        """In the units of the gate's registers, never more than was asked for."""
        if len(symbol) > 8 or not symbol.isascii():
            raise DataError(f"symbol must be 8 letters at most; got {symbol!r}")
        letters = symbol.ljust(8).encode("ascii") if symbol else bytes(8)
        return model.Limits(
            locate,
            int.from_bytes(letters[4:8]),
            int.from_bytes(letters[:4]),
            int(self.restricted),
            _ticks("collar", self.collar, LIMITS["collar"]),
            whole("max_shares", self.max_shares, LIMITS["max_shares"]),
            _units("max_notional", self.max_notional, LIMITS["max_notional"]),
            whole("max_position", self.max_position, LIMITS["max_position"]),
        )


@dataclass(frozen=True)
class DayLimits:
    """Limits of all orders together.

    Parameters
    ----------
    max_gross : dollars
        Executed since the beginning, and open. Rounded down to units of 6.5536 dollars.
    orders_per_second : number
        That come back to the burst; rounded down to whole cycles between two.
    burst : int
        Orders that may leave at once, up to 255.
    repeat : str or int
        The same order again within this time is a repetition; as `tapeout.units.span_ns` reads it.
        Rounded up to cycles, of which there may be 2**32 - 1: 27 seconds at 156.25 MHz.

    Raises
    ------
    DataError
        "burst must be 0 to 255; got 256"
        "orders_per_second must be at least one in 2**32 cycles; got 0.001"
        "repeat must be shorter than 2**32 cycles; got 1min"
    """

    max_gross: Dollars
    orders_per_second: float
    burst: int
    repeat: str | int

    def __post_init__(self) -> None:
        self.limits(SLOWEST_HZ)

    def limits(self, clock_hz: int) -> model.GlobalLimits:
        """In the units of the gate's registers at this clock, never more than was asked for."""
        rate = _exact("orders_per_second", self.orders_per_second)
        cycles = _up(clock_hz / rate) if rate > 0 else 0
        if not 0 < cycles < 1 << GLOBAL_LIMITS["rate_cycles"]:
            raise DataError(
                "orders_per_second must be at least one in 2**32 cycles; "
                f"got {self.orders_per_second}"
            )
        repeat = _up(Fraction(span_ns(self.repeat) * clock_hz, NS_PER_SECOND))
        if repeat >= 1 << GLOBAL_LIMITS["repeat_cycles"]:
            raise DataError(f"repeat must be shorter than 2**32 cycles; got {self.repeat}")
        return model.GlobalLimits(
            _units("max_gross", self.max_gross, GLOBAL_LIMITS["max_gross"]),
            cycles,
            whole("burst", self.burst, GLOBAL_LIMITS["rate_burst"]),
            repeat,
        )


def _exact(name: str, number: Dollars) -> Fraction:
    """What was written, to its last digit."""
    try:
        return Fraction(Decimal(str(number)))
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise DataError(f"{name} must be a number; got {number!r}") from error


def _up(number: Fraction) -> int:
    return -(-number.numerator // number.denominator)


def whole(name: str, number: int, bits: int) -> int:
    """The number, if it has no more than so many bits.

    Raises
    ------
    DataError
        "shares must be 0 to 4294967295; got -1"
    """
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 1 << bits:
        raise DataError(f"{name} must be 0 to {(1 << bits) - 1}; got {number!r}")
    return number


def _ticks(name: str, amount: Dollars, bits: int) -> int:
    """Dollars as whole ticks, rounded down."""
    return _scaled(name, amount, Fraction(TICKS_PER_DOLLAR), bits)


def _units(name: str, amount: Dollars, bits: int) -> int:
    """Dollars as whole units of notional, rounded down."""
    return _scaled(name, amount, Fraction(TICKS_PER_DOLLAR, NOTIONAL_UNIT), bits)


def _scaled(name: str, amount: Dollars, scale: Fraction, bits: int) -> int:
    count, most = _exact(name, amount) * scale, (1 << bits) - 1
    if not 0 <= count <= most:
        limit = Decimal(most) / Decimal(scale.numerator) * Decimal(scale.denominator)
        raise DataError(f"{name} must be 0 to {limit} dollars; got {amount}")
    return int(count)
