"""Golden model of OUCH 5.0: messages and their bytes, messages of intents, reports of messages."""

from tapeout.hdl.ouch.layout import (
    BUY,
    DEAD,
    INBOUND,
    OUTBOUND,
    PLAIN,
    PRICE_BITS,
    SELL,
    WORDS_OUT,
    Message,
)
from tapeout.hdl.pretrade.layout import Action, Outcome
from tapeout.hdl.pretrade.model import Intent, Report

Fields = dict[str, int | str]


def encode(table: dict[str, Message], kind: str, **values: int | str) -> bytes:
    """The bytes of one message of `INBOUND` or `OUTBOUND`; what is not given is zero or blank.

    Raises
    ------
    ValueError
        "enter order has no field 'x'"
        "symbol must fit 8 bytes; got 'TOO LONG A NAME'"
    """
    layout, out = table[kind], bytearray()
    if unknown := sorted(set(values) - set(layout.fields)):
        raise ValueError(f"{layout.name} has no field {unknown[0]!r}")
    for name, field in layout.fields.items():
        value = kind if name == "type" else values.get(name, "" if field.text else 0)
        if isinstance(value, str):
            raw = value.encode("ascii").ljust(field.length)
        else:
            raw = value.to_bytes(max(field.length, -(-value.bit_length() // 8)))
        if len(raw) != field.length:
            raise ValueError(f"{name} must fit {field.length} bytes; got {value!r}")
        out += raw
    return bytes(out)


def decode(table: dict[str, Message], message: bytes) -> Fields:
    """Every field of one message of `INBOUND` or `OUTBOUND`; text without its padding.

    Raises
    ------
    ValueError
        "a message must begin with one of O, U, X; got b'Z'"
        "enter order must be 47 bytes; got 46"
    """
    kind = chr(message[0]) if message else ""
    if kind not in table:
        raise ValueError(
            f"a message must begin with one of {', '.join(table)}; got {message[:1]!r}"
        )
    if len(message) != table[kind].length:
        raise ValueError(
            f"{table[kind].name} must be {table[kind].length} bytes; got {len(message)}"
        )
    out: Fields = {}
    for name, (start, length, text) in table[kind].fields.items():
        raw = message[start : start + length]
        out[name] = raw.decode("latin-1").rstrip(" ") if text else int.from_bytes(raw)
    return out


def order(intent: Intent, symbol: str) -> bytes:
    """The message that an intent becomes; none if it asks for nothing.

    A cancel names the order it cancels, and takes all of it; its own number is not sent.
    """
    plain = {name: value for name, value in PLAIN.items() if name in INBOUND["U"].fields}
    quantity, price = intent.shares, intent.price
    if intent.action == Action.ENTER:
        side = SELL if intent.side else BUY
        return encode(
            INBOUND, "O", number=intent.number, side=side, quantity=quantity, symbol=symbol,
            price=price, **PLAIN,
        )  # fmt: skip
    if intent.action == Action.REPLACE:
        return encode(
            INBOUND, "U", replaces=intent.replaces, number=intent.number, quantity=quantity,
            price=price, **plain,
        )  # fmt: skip
    if intent.action == Action.CANCEL:
        return encode(INBOUND, "X", number=intent.replaces)
    return b""


class Decoder:
    """What the exchange's messages say of our orders.

    Attributes
    ----------
    others : int
        Messages that are right, or of a type not in the table, and say nothing of an open order.
    malformed : int
        Messages that must not be believed: received badly, of a length that is not their type's,
        with an appendage, about no shares, or at a price of more than 32 bits.
    """

    def __init__(self) -> None:
        self.others, self.malformed = 0, 0

    def reports(self, message: bytes, error: bool = False) -> list[Report]:
        """None, one, or of a replacement that died at once two."""
        kind = chr(message[0]) if message else ""
        if error or not kind or len(message) > 8 * WORDS_OUT:
            self.malformed += 1
            return []
        if kind not in OUTBOUND:
            self.others += 1
            return []
        try:
            said = decode(OUTBOUND, message)
        except ValueError:
            self.malformed += 1
            return []
        if said.get("appendage") or not self._possible(kind, said):
            self.malformed += 1
            return []
        made = _reports(kind, said)
        self.others += not made
        return made

    @staticmethod
    def _possible(kind: str, said: Fields) -> bool:
        if kind in "EU" and int(said["price"]) >> PRICE_BITS:
            return False
        return kind not in "EUC" or bool(said["quantity"])


def _reports(kind: str, said: Fields) -> list[Report]:
    number = int(said.get("number", 0))
    shares, price = int(said.get("quantity", 0)), int(said.get("price", 0))
    gone = Report(Outcome.LEFT, number)
    if kind == "E":
        return [Report(Outcome.EXECUTED, number, 0, shares, price)]
    if kind == "C":
        return [gone._replace(shares=shares)]
    if kind == "U":
        moved = Report(Outcome.REPLACED, number, int(said["replaces"]), shares, price)
        return [moved, gone] if said["state"] == DEAD else [moved]
    return [gone] if kind == "J" or said.get("state") == DEAD else []
