"""The transport to a card on PCI Express, by files of Linux: written, and run on no board.

Registers are the first memory window of the card: `resource0` of its folder in sysfs, or map 0 of a
UIO device. The ring is memory that the card reaches: a file on hugetlbfs, pinned, whose physical
address is read from /proc/self/pagemap; or any other file whose bus address one knows, as of a
u-dma-buf device.

What it lacks, and who runs it has to provide:

* No IOMMU: the physical address is given to the card as it is. Where one is on, the device must be
  put into passthrough, or the memory mapped by VFIO, which is not done here.
* No interrupts: the host polls.
* The right to open these files, to read physical addresses (CAP_SYS_ADMIN), and a hugepage.
* A machine on which memory that a device writes is seen in the order written, as on x86.
"""

import ctypes
import mmap
import os
import struct
from pathlib import Path

from tapeout.errors import DeviceError
from tapeout.hdl.card.layout import MAGIC, REGISTERS, WINDOW

ONES = (1 << 32) - 1  # what a read gives when nobody answers
COMMAND_AT, COMMAND = 4, 0b110  # of the configuration space: answer to memory, and be a master
PAGEMAP_ENTRY, PRESENT, FRAME = 8, 1 << 63, (1 << 55) - 1
HUGEPAGES = "dev/hugepages/tapeout"
DEVICES = "sys/bus/pci/devices"


class Pcie:
    """A card at an address like "0000:01:00.0", or behind a device like "/dev/uio0".

    Parameters
    ----------
    place : str
        Where the card is.
    memory_bytes : int
        What the ring may take, of one hugepage.
    memory : Path, optional
        A file to map for the ring; by default one on hugetlbfs.
    bus_address : int, optional
        Where the card finds that file's first byte; by default its physical address.
    root : Path
        Where these files are found: "/" but in tests.

    Raises
    ------
    DeviceError
        "the card at 0000:01:00.0 cannot be opened: ..." with what the system says.
    """

    def __init__(
        self,
        place: str,
        *,
        memory_bytes: int = 1 << 21,
        memory: Path | None = None,
        bus_address: int | None = None,
        root: Path = Path("/"),
    ) -> None:
        self._place = place
        try:
            window = self._window(root)
            self._registers = memoryview(_mapped(window, WINDOW)).cast("I")
            self._mapped = _mapped(memory or root / HUGEPAGES, memory_bytes, create=not memory)
        except (OSError, ValueError) as reason:
            raise DeviceError(f"the card at {place} cannot be opened: {reason}") from None
        self.memory = memoryview(self._mapped)
        self.memory[:memory_bytes] = bytes(memory_bytes)  # its page is there from now on
        if bus_address is None:  # one hugepage: all of it lies together
            bus_address = physical_address(_address(self.memory), root / "proc/self/pagemap")
        self.bus_address = bus_address

    def read(self, at: int) -> int:
        """See `Transport`; one aligned load of 32 bits.

        Raises
        ------
        DeviceError
            "the card at 0000:01:00.0 must answer; every register reads as all ones"
        """
        value = self._registers[at >> 2]
        if value == ONES and self._registers[REGISTERS["magic"].at >> 2] != MAGIC:
            raise DeviceError(
                f"the card at {self._place} must answer; every register reads as all ones"
            )
        return value

    def write(self, at: int, value: int) -> None:
        """See `Transport`; one aligned store of 32 bits, that nobody acknowledges."""
        self._registers[at >> 2] = value

    def close(self) -> None:
        """Unmap; the memory goes back to the system, so the ring must be off."""
        self._registers.release()
        self.memory.release()
        self._mapped.close()

    def _window(self, root: Path) -> Path:
        """The file of the registers; a card in sysfs is turned on first."""
        if self._place.startswith("/dev/"):
            return root / self._place[1:]
        folder = root / DEVICES / self._place
        (folder / "enable").write_text("1")
        with (folder / "config").open("r+b", buffering=0) as config:
            (command,) = struct.unpack("<H", os.pread(config.fileno(), 2, COMMAND_AT))
            os.pwrite(config.fileno(), struct.pack("<H", command | COMMAND), COMMAND_AT)
        return folder / "resource0"


def physical_address(here: int, pages: Path) -> int:
    """Where a byte of this process stands in the machine's memory.

    Parameters
    ----------
    here : int
        Its address in the process.
    pages : Path
        The page map: /proc/self/pagemap.

    Raises
    ------
    DeviceError
        "the ring's physical address must be shown; it needs CAP_SYS_ADMIN"
    """
    page, rest = divmod(here, mmap.PAGESIZE)
    try:
        with pages.open("rb", buffering=0) as opened:
            told = os.pread(opened.fileno(), PAGEMAP_ENTRY, page * PAGEMAP_ENTRY)
        (entry,) = struct.unpack("<Q", told)
    except (OSError, struct.error) as reason:
        raise DeviceError(f"the ring's physical address cannot be read: {reason}") from None
    if not entry & PRESENT or not entry & FRAME:
        raise DeviceError("the ring's physical address must be shown; it needs CAP_SYS_ADMIN")
    return int((entry & FRAME) * mmap.PAGESIZE + rest)


def _mapped(file: Path, size: int, *, create: bool = False) -> mmap.mmap:
    flags = os.O_RDWR | os.O_SYNC | (os.O_CREAT if create else 0)
    opened = os.open(file, flags, 0o600)
    try:
        if create:
            os.ftruncate(opened, size)
        return mmap.mmap(opened, size)
    finally:
        os.close(opened)


def _address(memory: memoryview) -> int:
    """Where bytes stand in this process."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
