"""The files of a card on PCI Express, played by plain ones: no board has run this transport."""

import mmap
import os
import struct
import threading

import numpy as np
import pytest

from tapeout.card.driver import INDEX_BYTES, Card
from tapeout.card.entries import book_records
from tapeout.card.pcie import ONES, Pcie, physical_address
from tapeout.errors import DeviceError
from tapeout.hdl.card.layout import MAGIC, RECORD_BYTES, REGISTERS, WINDOW
from tapeout.hdl.itch.layout import pack
from tapeout.hdl.top.layout import BOOK_RECORD, BookRecord

PLACE = "0000:01:00.0"
BUS = 0x1_2340_0000
ADDRESS = {name: register.at for name, register in REGISTERS.items()}


@pytest.fixture
def machine(tmp_path):
    """A root with a card in sysfs: its registers as after power-up, and memory for the ring."""
    folder = tmp_path / "sys/bus/pci/devices" / PLACE
    folder.mkdir(parents=True)
    words = np.zeros(WINDOW // 4, "<u4")
    for register in REGISTERS.values():
        words[register.at // 4] = register.init
    words[ADDRESS["status"] // 4] = 1
    words[ADDRESS["clock_hz"] // 4] = 156_250_000
    words[ADDRESS["capabilities"] // 4] = 0b11
    words[ADDRESS["geometry"] // 4] = 8 << 16 | 256
    (folder / "resource0").write_bytes(words.tobytes())
    (folder / "enable").write_text("0")
    (folder / "config").write_bytes(struct.pack("<HHHH", 0x1234, 0x5678, 0x0400, 0) + bytes(56))
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/ring").write_bytes(bytes(1 << 16))
    return tmp_path


def opened(root, **options):
    return Pcie(
        PLACE, root=root, memory=root / "dev/ring", memory_bytes=1 << 16, bus_address=BUS, **options
    )


def test_a_card_is_turned_on_and_made_a_master_and_nothing_else_of_it_is_touched(machine):
    folder = machine / "sys/bus/pci/devices" / PLACE
    before = (folder / "config").read_bytes()
    opened(machine).close()
    assert (folder / "enable").read_text() == "1"
    after = (folder / "config").read_bytes()
    assert struct.unpack_from("<H", after, 4) == (0x0406,)
    assert (after[:4], after[6:]) == (before[:4], before[6:])


def test_registers_are_words_of_the_first_window(machine):
    transport = opened(machine)
    assert transport.read(ADDRESS["magic"]) == MAGIC
    transport.write(ADDRESS["ring_base_high"], 0x89ABCDEF)
    transport.close()
    raw = (machine / "sys/bus/pci/devices" / PLACE / "resource0").read_bytes()
    assert raw[ADDRESS["ring_base_high"] :][:4] == bytes.fromhex("efcdab89")


def test_a_uio_device_is_its_own_window(machine):
    folder = machine / "sys/bus/pci/devices" / PLACE
    (folder / "resource0").rename(machine / "dev/uio0")
    transport = Pcie(
        "/dev/uio0", root=machine, memory=machine / "dev/ring", memory_bytes=1 << 16,
        bus_address=BUS,
    )  # fmt: skip
    assert transport.read(0) == MAGIC
    transport.close()


def test_the_driver_sets_up_the_ring_and_takes_what_is_written_there(machine):
    """The other hand writes as a card would: the record, then how many there are."""
    transport = opened(machine)
    card = Card(transport, bits=8)
    card.start(lines="ab")
    assert card.registers.wide("ring_base") == BUS + INDEX_BYTES
    assert card.registers.get("ring_bits") == 8
    record = BookRecord(number=1, kind=3, locate=7, price=123_400)

    def other_hand():
        with (machine / "dev/ring").open("r+b") as file, mmap.mmap(file.fileno(), 1 << 16) as seen:
            word = pack(record, BOOK_RECORD).to_bytes(RECORD_BYTES, "little")
            seen[INDEX_BYTES : INDEX_BYTES + RECORD_BYTES] = word
            seen[:4] = (1).to_bytes(4, "little")

    thread = threading.Thread(target=other_hand)
    thread.start()
    thread.join()
    assert book_records(card.records()) == [record]
    assert card.registers.get("ring_consumer") == 1
    card.close()


def test_a_card_that_is_gone_reads_as_ones_and_is_told(machine):
    transport = opened(machine)
    transport.write(ADDRESS["ring_dropped"], ONES)
    assert transport.read(ADDRESS["ring_dropped"]) == ONES, "a counter may stand there"
    for name in ("magic", "status"):
        transport.write(ADDRESS[name], ONES)
    with pytest.raises(DeviceError, match=f"the card at {PLACE} must answer; every register"):
        transport.read(ADDRESS["status"])
    transport.close()


def test_a_card_that_is_not_there_is_told_with_the_systems_words(tmp_path):
    with pytest.raises(DeviceError, match=rf"the card at {PLACE} cannot be opened: .*No such file"):
        Pcie(PLACE, root=tmp_path)


def test_a_physical_address_is_the_frame_and_the_place_in_its_page(tmp_path):
    """Of the page map only the lowest 55 bits are the frame; without the right they are zero."""
    pages = tmp_path / "pagemap"
    here, size = 5 * mmap.PAGESIZE + 48, mmap.PAGESIZE
    shown = 1 << 63 | 1 << 61 | 0x1234
    pages.write_bytes(bytes(5 * 8) + struct.pack("<QQ", shown, 1 << 63))
    assert physical_address(here, pages) == 0x1234 * size + 48
    for other, said in ((here + size, "it needs CAP_SYS_ADMIN"), (0, "must be shown")):
        with pytest.raises(DeviceError, match=said):
            physical_address(other, pages)
    with pytest.raises(DeviceError, match="physical address cannot be read: "):
        physical_address(here + 9 * size, pages)


@pytest.mark.skipif(not os.access("/proc/self/pagemap", os.R_OK), reason="no /proc/self/pagemap")
def test_this_systems_page_map_has_the_shape_that_is_read(tmp_path):
    """With the right to see frames an address comes; without it, what it takes."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/pagemap").symlink_to("/proc/self/pagemap")
    folder = tmp_path / "sys/bus/pci/devices" / PLACE
    folder.mkdir(parents=True)
    for name, size in (("resource0", WINDOW), ("config", 64), ("enable", 1)):
        (folder / name).write_bytes(bytes(size))
    (tmp_path / "dev/hugepages").mkdir(parents=True)
    try:
        transport = Pcie(PLACE, root=tmp_path, memory_bytes=1 << 16)
    except DeviceError as reason:
        said = str(reason)
    else:
        said = "" if transport.bus_address % mmap.PAGESIZE else "CAP_SYS_ADMIN"
        transport.close()
    assert "CAP_SYS_ADMIN" in said
