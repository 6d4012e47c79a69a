"""Servers whose clock is ahead: the same program, told another time by libfaketime."""
import pathlib


def ahead(days):
    """What a server has to be started with so that for it so many days have passed."""
    import libfaketime

    library = pathlib.Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    assert library.exists(), library
    # What only measures how long something takes goes on as it does.
    return {"LD_PRELOAD": str(library), "FAKETIME": f"+{days}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
