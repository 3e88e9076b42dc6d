"""What is here: doctor and map."""

from tapeout.cli.app import app


@app.command()
def doctor() -> None:
    """Show devices, feed handlers and versions."""
    from tapeout.service.doctor import doctor as look

    for title, rows in look().items():
        print(title)
        for name, state in rows.items():
            print(f"  {name:<16}{state}")


@app.command(name="map")
def show_map() -> None:
    """Show every module of the house with its one line."""
    from tapeout.map import house_map

    for name, purpose in house_map().items():
        print(f"{name:<36}{purpose}")
