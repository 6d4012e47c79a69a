"""What `.ci/tools` does with each program, a file for each kind of program."""


def say(words):
    print(words, flush=True)


def refused(words, work):
    """Asserts that something is refused, and that whoever tries is told these words."""
    try:
        work()
    except Exception as error:  # each library has its own kinds
        assert words in str(error), f"it is not said that {words!r}: {error}"
        return
    raise AssertionError(f"it was not refused: {words}")
