"""The exceptions tapeout raises on purpose.

* TapeoutError
  + DeviceError    hardware or a simulator was asked for and cannot be used
  + FeedError      a capture or its bytes break the protocol
  + DataError      a table, an array or an argument breaks its contract

`kernels` and `hdl` know nobody and raise `ValueError` and `TypeError`; `FeedError` and `DataError`
are `ValueError` too, so one `except` serves for both.
"""


class TapeoutError(Exception):
    """Base of every exception tapeout raises on purpose."""


class DeviceError(TapeoutError, RuntimeError):
    """Hardware or a simulator was asked for and cannot be used."""


class FeedError(TapeoutError, ValueError):
    """A capture or its bytes break the protocol; the message names file, packet and byte."""


class DataError(TapeoutError, ValueError):
    """A table, an array or an argument breaks its contract; the message names the place."""
