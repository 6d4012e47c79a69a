"""Clients that are generated from the API's document: made anew, checked by the languages' own checkers, and used for a purchase."""
import hashlib
import importlib
import os
import pathlib
import pkgutil
import shutil
import sys

from programs import say
from programs.examples import EXAMPLES, run

PROGRAMS = pathlib.Path(sys.executable).parent


def check_python_client(buyer, licence_id, url, directory):
    here, sources = directory / "python-client", EXAMPLES / "python-client"
    here.mkdir()
    # The generator calls a formatter that lies beside it.
    path = {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(here)}
    generate = ["openapi-python-client", "generate", "--url", f"{url}/openapi.json", "--config", sources / "generator.yml"]
    told = run(url, [*generate, "--meta", "none", "--output-path", here / "refrain_client", "--fail-on-warning"], here, **path)
    assert "WARNING" not in told, told
    sys.path.insert(0, str(here))
    package = importlib.import_module("refrain_client")
    modules = [module.name for module in pkgutil.walk_packages(package.__path__, "refrain_client.")]
    for module in modules:
        importlib.import_module(module)
    run(url, [PROGRAMS / "mypy", "--strict", "--follow-imports=silent", sources / "buy.py"], here, MYPYPATH=str(here))
    told = run(url, [sys.executable, sources / "buy.py"], here, **path)
    expect_bought(buyer, licence_id, told, here)
    say(f"openapi-python-client: no warnings, {len(modules)} modules import; the client logs in, browses, offers and downloads")


def check_typescript_client(buyer, licence_id, url, directory):
    here = directory / "typescript-client"
    shutil.copytree(EXAMPLES / "typescript-client", here)
    run(url, ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], here)
    told = run(url, ["npm", "run", "generate"], here)
    assert "warn" not in told.lower() and "error" not in told.lower(), told
    run(url, ["npm", "run", "check"], here)
    told = run(url, ["npm", "run", "buy"], here)
    expect_bought(buyer, licence_id, told, here)
    say("openapi-ts: no warnings, tsc --strict finds nothing; the client logs in, browses, offers and downloads")


def expect_bought(buyer, licence_id, told, directory):
    """An offer on which members vote, and the file of the licence as it was promised."""
    assert "is voting" in told and "digest as promised" in told, told
    [file] = directory.glob("*.parquet")
    listed = buyer.ask("GET", f"/v1/licences/{licence_id}/files")["items"]
    [promised] = [one["sha256"] for one in listed if one["name"] == file.name]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == promised
