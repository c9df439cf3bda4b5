"""What bench/spine.sh measures. Needs git and Python, nothing else."""

import contextlib, http.server, json, os, pathlib, queue, re, shutil, statistics, subprocess, sys, tempfile, threading, time

TRUEUP, FILES, APPS = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
ENVIRONMENT = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "NO_COLOR": "1",
               "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}
ENVIRONMENT.pop("TRUEUP_CONFIG", None)
missed = 0


def say(what, figure, limit, holds):
    global missed
    missed += not holds
    print(f"{'ok  ' if holds else 'OVER'} {what}: {figure} ({limit})", flush=True)


def git(repo, *arguments):
    subprocess.run(["git", "-C", repo, *arguments], check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)


def commit(repo, files, message):
    for path, text in files.items():
        path = repo / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", message)


def repository(folder, files):
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, files, "first")
    return folder


class Controller:
    """A running `trueup run`, and what it says."""

    def __init__(self, state, *arguments):
        self.state = state
        self.process = subprocess.Popen([TRUEUP, "--state", state, "run", *arguments], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stderr:
            self.lines.put((time.perf_counter(), line))
        self.lines.put((time.perf_counter(), None))

    def hear(self, words):
        """When it said these words."""
        while True:
            at, line = self.lines.get(timeout=600)
            if line is None:
                sys.exit(f"trueup ended before it said “{words}”")
            if words in line:
                return at

    def memory(self, field):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status).group(1)) / 1024

    def end(self):
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def controller(state, *arguments):
    running = Controller(state, *arguments)
    try:
        yield running
    finally:
        running.end()
        subprocess.run([TRUEUP, "--state", state, "stop"], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ask(state, *arguments):
    """How long a command takes, and its exit."""
    begun = time.perf_counter()
    done = subprocess.run([TRUEUP, "--state", state, *arguments], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun, done.returncode


def ms(seconds):
    return f"{seconds * 1000:.0f} ms"


SERVICE = """apiVersion: host.trueup.dev/v1
kind: File
metadata: {name: setting}
spec: {path: setting.txt, contentFrom: {file: setting.txt}}
---
apiVersion: host.trueup.dev/v1
kind: Process
metadata: {name: service}
spec:
  command: [sh, -c, "cat setting.txt > started; exec sleep 100000"]
  uses: [File/setting]
  startupProbe: {exec: {command: [test, -s, started]}}
"""


def bare_start(folder):
    """The service's own start without TrueUp: from fork to what its probe sees, and the probe itself."""
    (folder / "setting.txt").write_text("x")
    begun = time.perf_counter()
    process = subprocess.Popen(["sh", "-c", "cat setting.txt > started; exec sleep 100000"], cwd=folder)
    while subprocess.run(["test", "-s", "started"], cwd=folder).returncode != 0:
        pass
    took = time.perf_counter() - begun
    process.kill()
    process.wait()
    (folder / "started").unlink()
    return took


def one_commit(root):
    repo = repository(root / "service", {"all.yaml": SERVICE, "setting.txt": "0"})
    bare = root / "bare-start"
    bare.mkdir()
    own = statistics.median(bare_start(bare) for _ in range(10))
    times = []
    with controller(root / "service-state", str(repo)) as running:
        running.hear("is healthy")
        for round in range(1, 11):
            (repo / "setting.txt").write_text(str(round))
            git(repo, "add", "-A")
            git(repo, "commit", "-q", "-m", f"round {round}")
            committed = time.perf_counter()
            times.append(running.hear(f"(round {round}) is healthy") - committed)
    median = statistics.median(times)
    say("a one-file commit until it is applied and ready", ms(median), f"slowest {ms(max(times))}; the process's own start {ms(own)}; goal 150 ms more than that", median < 0.150 + own)


def content(n):
    return f"setting {n}\n" * 8


def bare_loop(folder):
    """Write, sync and rename, as an apply must, and nothing else."""
    for n in range(10):
        (folder / str(n)).mkdir(parents=True)
    begun = time.perf_counter()
    for n in range(FILES):
        path = f"{folder}/{n % 10}/{n}"
        handle = os.open(path + ".new", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(handle, content(n).encode())
        os.fsync(handle)
        os.close(handle)
        os.rename(path + ".new", path)
    return time.perf_counter() - begun


def many_files(root):
    document = lambda n: json.dumps({"apiVersion": "host.trueup.dev/v1", "kind": "File", "metadata": {"name": f"file-{n}"}, "spec": {"path": f"files/{n % 10}/{n}", "content": content(n)}})
    repo = repository(root / "many", {f"part-{part}.yaml": "\n---\n".join(document(n) for n in range(part, FILES, 100)) for part in range(100)})
    bare = bare_loop(root / "bare-loop")
    state = root / "many-state"
    begun = time.perf_counter()
    with controller(state, str(repo)) as running:
        took = running.hear("is healthy") - begun
        peak = running.memory("VmHWM")
        say(f"{FILES} files, first apply", f"{FILES / took:.0f} a second", f"bare loop of write, fsync and rename {FILES / bare:.0f}; {bare / took:.2f} of it, goal 0.60", bare / took >= 0.60)
        command = statistics.median(ask(state, "schema")[0] for _ in range(5))
        plans = [ask(state, "plan", "many") for _ in range(5)]
        plan = statistics.median(took for took, _ in plans)
        assert all(code == 0 for _, code in plans), "an unchanged plan has nothing to do"
        say(f"{FILES} files, an unchanged plan", ms(plan), f"of it the command's own start {ms(command)}; goal 100 ms", plan < 0.100)
        healed = statistics.median(heal(state / "apps/many/files", n) for n in range(0, 200, 10))
        say(f"{FILES} files, drift of one seen and healed", ms(healed), "goal 50 ms", healed < 0.050)
        memory = running.memory("VmRSS")
        say(f"{FILES} files, memory", f"{memory:.0f} MiB", f"at most {peak:.0f} MiB during the apply; goal 60 MiB", memory < 60)


def heal(folder, n):
    path = folder / str(n % 10) / str(n)
    before = path.read_text()
    path.write_text("by hand")
    begun = time.perf_counter()
    while path.read_text() != before:
        if time.perf_counter() - begun > 30:
            sys.exit(f"{path} was not healed")
    took = time.perf_counter() - begun
    time.sleep(0.1)
    return took


class GitServer(http.server.BaseHTTPRequestHandler):
    """`git http-backend` behind HTTP; counts what it is sent."""

    protocol_version = "HTTP/1.1"
    sent = []

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        head = f"{self.requestline}\r\n{self.headers}"
        GitServer.sent.append(len(head.encode()) + len(body))
        path, _, query = self.path.partition("?")
        variables = {**ENVIRONMENT, "GIT_PROJECT_ROOT": str(self.server.root), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
                     "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)), "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")}
        out = subprocess.run(["git", "http-backend"], input=body, env=variables, stdout=subprocess.PIPE).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
        self.send_response(status)
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def nothing_new(root):
    repository(root / "remote", {"all.yaml": "apiVersion: host.trueup.dev/v1\nkind: File\nmetadata: {name: a}\nspec: {path: a, content: x}\n"})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), GitServer)
    server.root = root
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/remote"
    with controller(root / "remote-state", url, "--poll", "1s", "--ref", "main") as running:
        running.hear("is healthy")
        time.sleep(2)
        GitServer.sent.clear()
        time.sleep(5)
        sent = list(GitServer.sent)
    seconds = max(len(sent), 1) / 5
    say("a fetch with nothing new", f"{max(sent)} bytes sent, {seconds:.1f} requests a poll", "goal 500 bytes, one request", max(sent) < 500 and seconds <= 1.2)


def many_apps(root):
    app = lambda n: f"apiVersion: trueup.dev/v1\nkind: App\nmetadata: {{name: app-{n}}}\nspec: {{source: {{path: apps/{n}}}}}\n"
    part = lambda n: f"apiVersion: host.trueup.dev/v1\nkind: File\nmetadata: {{name: a}}\nspec: {{path: a, content: 'app {n}'}}\n"
    files = {f"apps/{n}/file.yaml": part(n) for n in range(APPS)}
    repo = repository(root / "fleet", {"root/apps.yaml": "---\n".join(app(n) for n in range(APPS)), **files})
    state = root / "fleet-state"
    subprocess.run([TRUEUP, "--state", state, "run", str(repo), "--path", "root", "--once"], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begun = time.perf_counter()
    with controller(state, str(repo), "--path", "root"):
        while not (state / "control.sock").exists() or settled(state) < APPS:
            if time.perf_counter() - begun > 120:
                sys.exit("the apps did not settle")
        took = time.perf_counter() - begun
    say(f"start to ready with {APPS} apps known", f"{took:.2f} s", "goal 2 s", took < 2)


def settled(state):
    done = subprocess.run([TRUEUP, "--state", state, "status", "-o", "json"], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with contextlib.suppress(json.JSONDecodeError, KeyError):
        return sum(app["state"] == "healthy" for app in json.loads(done.stdout)["apps"])
    return 0


root = pathlib.Path(tempfile.mkdtemp(prefix="trueup-bench-"))
try:
    for measure in (one_commit, many_files, nothing_new, many_apps):
        measure(root)
finally:
    shutil.rmtree(root, ignore_errors=True)
sys.exit(missed > 0)
