"""The pre-trade gate in gateware: every order is judged before it leaves, in nine cycles."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.bounds.gateware import Bounds, Quote, SlotLimits, above
from tapeout.hdl.bucket.gateware import Bucket
from tapeout.hdl.choice.gateware import chosen, first_of
from tapeout.hdl.notional.gateware import LATENCY as PRODUCT
from tapeout.hdl.notional.gateware import Notional
from tapeout.hdl.pretrade.layout import (
    DECISION,
    GLOBAL_LIMITS,
    INTENT,
    NAME_BITS,
    NOTIONAL_BITS,
    REPORT,
    Action,
    Outcome,
    Reason,
)
from tapeout.hdl.repeats.gateware import Repeats
from tapeout.hdl.resting.gateware import STEPS, Job, Resting

LATENCY = STEPS  # cycles from an intent to its decision
CYCLES = LATENCY + 1  # from a decision to the next, at least
REPORT_CYCLES = STEPS  # from a report to whatever comes next, at least
GLOBAL_CYCLES = 6  # cycles behind an intent until which limits of all orders count for it
KILL_CYCLES = 8  # and until which the switch does

Intent = data.StructLayout(INTENT)
Decision = data.StructLayout(DECISION)
Report = data.StructLayout(REPORT)
GlobalLimits = data.StructLayout(GLOBAL_LIMITS)


class Gate(wiring.Component):
    """Judges one order at a time, as `tapeout.hdl.pretrade.model` says.

    Latency is nine cycles from an intent to its decision, whatever it is, and a decision can be
    made every tenth; a report takes nine cycles, and nine more for each order that waits to replace
    one that is gone with it, as the exchange ignores that one, and never says so. No decision is
    begun before both outputs are empty.

    Numbers are compared for being alike only. An exchange wants those of one port to rise strictly:
    where two number their orders, as host and policy do, each needs a port of its own.

    `now` of the model is the cycle in which the intent is taken. Limits of a slot that came up to
    that cycle count, and quotes that came before it; limits of all orders count up to six cycles
    later; and the switch up to eight: in the cycle behind that in which `kill` rises no order but a
    cancel is newly shown at `order`. One that stands there already may leave, as a stream may not
    take it back, and counts as having left.

    Parameters
    ----------
    name_bits : int
        Open orders differ in so many low bits of their numbers.

    Members
    -------
    i : In(stream of `INTENT`)
        Waits while a report is there, while one is judged, or while `o` or `order` is not taken.
    report : In(stream of `REPORT`)
        Goes before intents; never waits for the outputs.
    limit, limit_en : In({slot, `LIMITS`}), In(1)
        Limits of a slot.
    limits : In(`GLOBAL_LIMITS`)
        Limits of all orders.
    quote, quote_valid : In(`QUOTE`), In(1)
        Best prices of a slot.
    kill : In(1)
        While it is set only cancels leave.
    o : Out(stream of `DECISION`)
        Every decision, in the order of the intents.
    order : Out(stream of `INTENT`)
        Those that may leave; shown in the same cycle as their decision.
    killed : Out(1)
        `kill` is set, or a report was about no open order or about more than was open of it: then
        until the reset.
    error, errors : Out(1), Out(32)
        There was such a report, nine cycles after it was taken; how many there were.

    Reset forgets everything, limits too: zero allows nothing.
    """

    def __init__(self, name_bits=NAME_BITS):
        self._name_bits = name_bits
        super().__init__({
            "i": In(stream.Signature(Intent)), "report": In(stream.Signature(Report)),
            "limit": In(SlotLimits), "limit_en": In(1), "limits": In(GlobalLimits),
            "quote": In(Quote), "quote_valid": In(1), "kill": In(1),
            "o": Out(stream.Signature(Decision)), "order": Out(stream.Signature(Intent)),
            "killed": Out(1), "error": Out(1), "errors": Out(32),
        })  # fmt: skip

    def elaborate(self, platform):
        """Take a job, let every part look at it, then say what they found."""
        m = Module()
        m.submodules.resting = resting = Resting(self._name_bits)
        m.submodules.bounds = bounds = Bounds()
        m.submodules.repeats = repeats = Repeats()
        job, step, came = self._take(m, resting)
        over, product = self._gross(m, job, step, resting)
        m.d.comb += [
            resting.job.eq(job),
            resting.step.eq(step),
            resting.max_position.eq(bounds.found.max_position),
            bounds.look.eq(step[0]),
            bounds.product.eq(product),
            repeats.came.eq(came),
            repeats.within.eq(self.limits.repeat_cycles),
            repeats.keep.eq(resting.enter & (job.action == Action.ENTER)),
            self.error.eq(resting.error),
        ]
        for name in ("limit", "limit_en", "quote", "quote_valid"):
            m.d.comb += getattr(bounds, name).eq(getattr(self, name))
        for name in ("slot", "side", "shares", "price"):
            m.d.comb += getattr(bounds, name).eq(job[name])
            m.d.comb += repeats.key[name].eq(job[name])
        found = {
            Reason.RESTRICTED: bounds.found.restricted,
            Reason.STALE: bounds.found.stale,
            Reason.COLLAR: bounds.found.collar,
            Reason.SIZE: bounds.found.size,
            Reason.NOTIONAL: bounds.found.notional,
        }
        later = {
            Reason.SELF_CROSS: resting.found.crosses,
            Reason.OPEN_ORDERS: resting.found.full | resting.found.taken,
            Reason.POSITION: resting.found.position,
        }
        judged = self._judge(m, job, resting.found.unknown, found, later, repeats.repeats, over)
        m.d.comb += resting.enter.eq(self._decide(m, job, step, resting, *judged))
        return m

    def _take(self, m, resting):
        """The job, how far it is, and whether one is taken; a report goes first.

        But before that what follows from the last one: that an order left.
        """
        job, step, idle = Signal(Job, reset_less=True), Signal(STEPS), Signal(init=1)
        follows, busy = Signal(), Signal()
        intent, told = self.i.payload, self.report.payload
        free = ~self.o.valid & ~self.order.valid
        m.d.comb += [self.report.ready.eq(idle), self.i.ready.eq(idle & free & ~self.report.valid)]
        taken = follows | (idle & (self.report.valid | (self.i.valid & free)))
        m.d.sync += [
            step.eq(Cat(taken, step)),
            busy.eq(taken | step[: STEPS - 3].any()),
            follows.eq(resting.follows),
            idle.eq(~taken & ~busy & ~resting.follows),
        ]
        with m.If(follows):
            m.d.sync += [job.action.eq(Outcome.LEFT), job.shares.eq(0)]
        with m.If(idle):
            m.d.sync += [
                job.told.eq(self.report.valid),
                job.action.eq(Mux(self.report.valid, told.outcome, intent.action)),
                job.side.eq(intent.side),
                job.slot.eq(intent.slot),
                *(
                    job[name].eq(Mux(self.report.valid, told[name], intent[name]))
                    for name in ("number", "replaces", "shares", "price")
                ),
            ]
        return job, step, taken

    def _gross(self, m, job, step, resting):
        """Whether all notionals together are too much, in the seventh step; and this one's.

        An order counts from when it enters. A report takes it off at its own price, what is
        executed comes on at the price it was; an order that was replaced comes off, too.
        """
        m.submodules.notional = notional = Notional()
        other, executed, mine = step[6], step[7], step[8]
        m.d.comb += [
            notional.load.eq(step[0] | (job.told & (other | executed | mine))),
            notional.price.eq(
                Mux(other, resting.other.price, Mux(mine, resting.mine.price, job.price))
            ),
            notional.shares.eq(
                Mux(other, resting.other.shares, Mux(mine, resting.gone, job.shares))
            ),
        ]
        off, on = Signal(PRODUCT), Signal(PRODUCT)
        less = (other & (job.action == Outcome.REPLACED)) | mine
        m.d.sync += [
            off.eq(Cat(job.told & less, off)),
            on.eq(Cat(job.told & executed & (job.action == Outcome.EXECUTED), on)),
        ]
        m.d.comb += [
            notional.add.eq(resting.enter | (on[-1] & resting.sound)),
            notional.subtract.eq(off[-2] & resting.sound),
        ]
        over = Signal()
        most = Cat(C(0, NOTIONAL_BITS), self.limits.max_gross)
        m.d.sync += over.eq(above(notional.total, most))
        return over, notional.product

    def _judge(self, m, job, unknown, found, later, repeats, over):
        """In the sixth step what is known by then, in the seventh the rest; for the eighth.

        The first reason, whether it is about an order that is known and no cancel, and whether
        there is none.
        """
        malformed, known, some, why = Signal(), Signal(), Signal(), Signal(4)
        enters, right, cancels = Signal(), Signal(), Signal()
        first, subject, clear = Signal(4), Signal(), Signal()
        cancel = job.action == Action.CANCEL
        early = Mux(malformed, Reason.MALFORMED, Reason.UNKNOWN)
        wrong = malformed | ((job.action != Action.ENTER) & unknown)
        any_found, any_later = Cat(found.values()).any(), Cat(later.values()).any()
        reason = Mux(any_found, _first(found), _first(later))
        m.d.sync += [
            malformed.eq(~job.action.any() | (~cancel & ~(job.shares.any() & job.price.any()))),
            known.eq(wrong | cancel | any_found),
            some.eq(any_later),
            why.eq(Mux(wrong, early, Mux(cancel, Reason.ACCEPTED, reason))),
            enters.eq(job.action == Action.ENTER),
            right.eq(~wrong),
            cancels.eq(~wrong & cancel),
        ]
        again = repeats & enters
        last = Mux(some, why, Mux(over, Reason.GROSS, Reason.ACCEPTED))
        m.d.sync += [
            first.eq(Mux(known, why, Mux(again, Reason.DUPLICATE, last))),
            subject.eq(right & ~cancels),
            clear.eq(Mux(known, cancels, ~(again | some | over))),
        ]
        return first, subject, clear

    def _decide(self, m, job, step, resting, first, subject, clear):
        """In the eighth step the switch and the tokens; whether an order enters, in the ninth."""
        m.submodules.bucket = bucket = Bucket()
        broken, entered, closed = Signal(), Signal(), Signal()
        m.d.sync += [
            broken.eq(broken | resting.error),
            self.errors.eq(self.errors + resting.error),
        ]
        decides, spare = step[7] & ~job.told, bucket.spare
        enters = decides & subject & clear & ~closed & spare
        m.d.comb += [
            closed.eq(self.kill | broken),
            self.killed.eq(closed),
            bucket.every.eq(self.limits.rate_cycles),
            bucket.burst.eq(self.limits.rate_burst),
            bucket.spend.eq(enters),
        ]
        reason = Mux(clear & ~spare, Reason.RATE, first)
        self._show(
            m, job, decides, Mux(subject & closed, Reason.KILLED, Mux(subject, reason, first))
        )
        m.d.sync += entered.eq(enters)
        with m.If(decides):
            m.d.sync += self.order.valid.eq(enters | (clear & ~subject))
        return entered

    def _show(self, m, job, decides, reason):
        """Both outputs show the same intent, and are empty before the next."""
        shown, why = Signal(Intent, reset_less=True), Signal(4, reset_less=True)
        for port in (self.o, self.order):
            with m.If(port.ready):
                m.d.sync += port.valid.eq(0)
        with m.If(decides):
            m.d.sync += [self.o.valid.eq(1), why.eq(reason)]
            m.d.sync += (shown[name].eq(job[name]) for name in INTENT)
        m.d.comb += [self.order.payload.eq(shown), self.o.payload.reason.eq(why)]
        m.d.comb += (self.o.payload[name].eq(shown[name]) for name in INTENT)


def _first(found):
    """The first reason whose flag is set, or zero."""
    only = first_of(Cat(found.values()))
    return chosen(only, [C(reason, 4) for reason in found])
