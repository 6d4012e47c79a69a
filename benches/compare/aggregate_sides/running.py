"""Virtual environments, processes and their measures, for benches/compare/aggregate."""
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent

# What each peer needs, in an environment of its own: they want different versions of the same packages.
PACKAGES = {
    "duckdb": ["duckdb"],
    "polars": ["polars"],
    "opendp": ["opendp[polars]"],
    "pipelinedp": ["pipeline-dp", "pyarrow"],
    "smartnoise": ["smartnoise-sql", "pyarrow"],
}


def say(words):
    print(words, file=sys.stderr, flush=True)


def environment(folder, peer):
    """A Python that has the peer, and its version; or None and why not."""
    python = folder / peer / "bin" / "python"
    try:
        if not python.exists():
            say(f"installing {' '.join(PACKAGES[peer])}")
            subprocess.run([sys.executable, "-m", "venv", folder / peer], check=True, capture_output=True, text=True)
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES[peer]]
            subprocess.run(pip, check=True, capture_output=True, text=True)
        name = PACKAGES[peer][0].split("[")[0]
        version = f"import importlib.metadata as m; print(m.version('{name}'))"
        done = subprocess.run([python, "-c", version], check=True, capture_output=True, text=True)
        return str(python), f"{name} {done.stdout.strip()}"
    except subprocess.CalledProcessError as problem:
        return None, (problem.stderr.strip().splitlines() or [str(problem)])[-1]
    except OSError as problem:
        return None, str(problem)


@dataclasses.dataclass
class Contestant:
    """One side in one form. `inside`: it times itself, without the start of its interpreter and its imports."""

    name: str
    form: str
    command: list
    inside: bool
    seconds: list = dataclasses.field(default_factory=list)
    processor_seconds: list = dataclasses.field(default_factory=list)
    peak_bytes: list = dataclasses.field(default_factory=list)
    told: dict = dataclasses.field(default_factory=dict)
    failure: str | None = None

    def sample(self, keep=True):
        """Runs once in a fresh process. Returns the seconds; a failure takes the contestant out."""
        start = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process.stdout as out, process.stderr as err:
            # Standard error is short; a side that fills the pipe would stop, so it is read first.
            words, answer = err.read().decode(errors="replace"), out.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took = time.perf_counter() - start
        if process.returncode != 0:
            self.failure = (words.strip().splitlines() or [f"exit status {process.returncode}"])[-1]
            return float("inf")
        self.told = json.loads(answer.strip().splitlines()[-1])
        seconds = self.told["seconds"] if self.inside else took
        if keep:
            self.seconds.append(seconds)
            self.processor_seconds.append(usage.ru_utime + usage.ru_stime)
            self.peak_bytes.append(usage.ru_maxrss * 1024)  # Linux counts it in KiB
        return seconds

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def peak_gib(self):
        return max(self.peak_bytes) / 2**30


def heats(contestants):
    """Of the forms of one side, the fastest. Those that come near it at the first try get a second one."""
    if len(contestants) == 1:
        return contestants[0]
    contestants[0].sample(keep=False)  # warms up
    best = {contestant.form: contestant.sample(keep=False) for contestant in contestants}
    for contestant in contestants:
        if best[contestant.form] < 1.5 * min(best.values()):
            best[contestant.form] = min(best[contestant.form], contestant.sample(keep=False))
    for contestant in contestants:
        why = f" ({contestant.failure})" if contestant.failure else ""
        say(f"  heat: {contestant.name} {contestant.form} {best[contestant.form]:.2f} s{why}")
    return min(contestants, key=lambda contestant: best[contestant.form])


def rounds(contestants, count):
    """Everybody once a round, so that whatever else the machine does falls on all."""
    for number in range(count):
        for contestant in contestants:
            if contestant.failure is None:
                contestant.sample()
        say(f"  round {number + 1} of {count}: " + ", ".join(
            f"{c.name} {c.seconds[-1]:.2f} s" for c in contestants if c.failure is None))
