"""The whole pipeline: frames of two lines in, book records out."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.arbiter.gateware import Arbiter
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.elastic.gateware import SmallFifo
from tapeout.hdl.framebuffer.gateware import FrameBuffer
from tapeout.hdl.itch.layout import RECORD
from tapeout.hdl.levels.gateware import LevelRows
from tapeout.hdl.line.gateware import Line
from tapeout.hdl.line.layout import FILTER, Flag
from tapeout.hdl.net.layout import BEAT
from tapeout.hdl.orders.gateware import OrderTable
from tapeout.hdl.orders.layout import Action
from tapeout.hdl.publisher.gateware import Publisher
from tapeout.hdl.refill.gateware import Refill
from tapeout.hdl.subscription.gateware import Subscription
from tapeout.hdl.subscription.layout import ENTRY
from tapeout.hdl.top.layout import BOOK_RECORD

Beat = data.StructLayout(BEAT)
Record = data.StructLayout(RECORD)
BookRecord = data.StructLayout(BOOK_RECORD)

ACTIONS = {
    "A": Action.ADD, "F": Action.ADD, "E": Action.EXECUTE, "C": Action.EXECUTE,
    "X": Action.CANCEL, "D": Action.DELETE, "U": Action.REPLACE,
}  # fmt: skip
MESSAGES = 16  # of one line, that wait for the other
ON_THE_WAY = 8  # messages that a line may still make of the words it has been given
