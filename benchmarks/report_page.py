"""How long does the report of a walk take to write, and how large is it?"""

import harness
from inputs import capture

from tapeout.walk.result import Options
from tapeout.walk.walker import walk
from tapeout.web.pages import walk_page


def run(bench: harness.Benchmark) -> None:
    """The page of a whole day; no peer draws the same page."""
    found = walk(capture(bench.size(1_000_000, 100_000), harness.SEED), Options(paths=100_000))
    size = len(walk_page(found, "benchmark").encode())
    bench.compare("walk to HTML page", lambda: walk_page(found, "benchmark"), 1, "ns/page")
    bench.record("size of the page", size, "bytes")


if __name__ == "__main__":
    harness.main(run)
