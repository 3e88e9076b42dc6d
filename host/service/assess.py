"""A table of daily prices taken to a risk report."""

from pathlib import Path

from tapeout.device import choose_device
from tapeout.files import write_whole
from tapeout.prices.panel import read_prices
from tapeout.progress import Progress
from tapeout.risk.assessment import Assessment, assess
from tapeout.risk.backtest import check_window
from tapeout.risk.var import check_scenarios
from tapeout.service.check import check_places
from tapeout.web.pages import risk_page


def risk_report(
    prices: str | Path,
    out: str | Path | None = None,
    *,
    column: str | None = None,
    window: int = 500,
    paths: int = 1_000_000,
    seed: int = 1,
    device: str | None = None,
    progress: Progress | None = None,
) -> Assessment:
    """Assess the equal-weight portfolio of a price table, and write the report if told where.

    Parameters
    ----------
    prices : path
        Parquet, Arrow IPC or CSV, long or wide; see `tapeout.read_prices`.
    out : path, optional
        Write the report there.
    column : str, optional
        Which price column, of a table that is not wide.
    window : int
        Days of returns each estimate is made from.
    paths, seed : int
        Monte Carlo scenarios.
    device : str, optional
        Asked for by name; see `tapeout.device`.
    progress : Progress, optional
        One bar a stage.

    Raises
    ------
    TapeoutError
        If the table cannot be read or is too short, the device cannot be used, or `out` cannot be
        written: that is tried first. Nothing is written then.
    """
    check_places(prices, out)
    check_scenarios(paths, seed)
    check_window(window)
    on = choose_device(device)
    table = read_prices(prices, column=column)
    found = assess(table, window=window, paths=paths, seed=seed, on=on, progress=progress)
    if out is not None:
        heading = f"The risk of {Path(prices).name}"
        write_whole(Path(out), risk_page(found, heading))
    return found
