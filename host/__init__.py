"""From exchange packets to portfolio decisions: one answer on a laptop, a GPU and an FPGA."""

import importlib
from typing import Any

if __name__ != "tapeout":
    raise ImportError(f"the folder host/ is the package tapeout, not {__name__}")

__version__ = "0.1.0"

#: Public name -> the module it lives in, imported on first use: the front door stays light.
_HOME = {
    "Bars": "tapeout.market.bars",
    "Books": "tapeout.market.books",
    "DataError": "tapeout.errors",
    "DeviceError": "tapeout.errors",
    "FeedError": "tapeout.errors",
    "TapeoutError": "tapeout.errors",
    "OpTape": "tapeout.journal.tape",
    "Options": "tapeout.walk.result",
    "Tape": "tapeout.feed.tape",
    "VarReport": "tapeout.risk.var",
    "bars": "tapeout.feed.replay",
    "books": "tapeout.feed.replay",
    "convert": "tapeout.journal.convert",
    "covariance": "tapeout.risk.covariance",
    "demo": "tapeout.service.demo",
    "depth": "tapeout.journal.outputs",
    "choose_device": "tapeout.device",
    "choose_feed": "tapeout.device",
    "devices": "tapeout.device",
    "digest": "tapeout.journal.replay",
    "feeds": "tapeout.device",
    "events": "tapeout.feed.replay",
    "loop": "tapeout.walk.loop",
    "message_batches": "tapeout.feed.messages",
    "messages": "tapeout.feed.messages",
    "quotes": "tapeout.journal.outputs",
    "trades": "tapeout.journal.outputs",
    "factor_panel": "tapeout.factors.catalogue",
    "read": "tapeout.feed.tape",
    "run": "tapeout.service.run",
    "replay": "tapeout.journal.replay",
    "read_prices": "tapeout.prices.panel",
    "risk_report": "tapeout.service.assess",
    "simulate": "tapeout.service.simulate",
    "value_at_risk": "tapeout.risk.var",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tapeout' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
