"""What bench/apps.sh measures. Arguments: trueup, bare_apply, testbed, few, many."""
import json, os, pathlib, signal, ssl, statistics, subprocess, sys, tempfile, threading, time, urllib.request

TRUEUP, BARE, TESTBED = sys.argv[1:4]
FEW, MANY = int(sys.argv[4]), int(sys.argv[5])
IDLE = float(os.environ.get("IDLE", "60"))
TICK = os.sysconf("SC_CLK_TCK")


def main():
    compare("few", FEW, six_objects, healthy_after=True)
    compare("many", MANY, four_objects, healthy_after=False)


def compare(name, count, objects, healthy_after):
    """A bare loop on a fresh control plane, then trueup on another one."""
    apps = [objects(f"{name}{n}") for n in range(count)]
    documents = [document for app in apps for document in app]
    with Cluster() as cluster:
        bare = bare_loop(cluster, documents)
    print(f"\n{count} apps, {len(documents)} objects: bare loop {bare:.2f} s, {len(documents) / bare:.0f} applies/s")
    with Cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        repo = Repository(pathlib.Path(folder) / "repo", name, apps)
        run = Run(cluster, repo, pathlib.Path(folder) / "state")
        took = run.until_all_run(repo.head, count)
        row("first apply", took, bare, run)
        if healthy_after:
            row("all healthy", took + run.until_all_healthy(count), bare, run)
        if not healthy_after:
            one_changes(run, repo)
            took = run.after(lambda: repo.change_all(), count)
            row("one commit changes all", took, bare, run)
            drift(cluster, name, count)
            rest(run, cluster)
            restart(run, cluster, repo, count)
        run.end()


def row(what, seconds, bare, run):
    print(f"  {what:28} {seconds:8.2f} s  {100 * bare / seconds:5.0f} % of the bare rate  "
          f"{run.cpu():6.1f} CPU-s  {run.largest() / 1024:6.0f} MiB")


def one_changes(run, repo):
    times = []
    for _ in range(10):
        path = repo.change_one()
        began = time.perf_counter()
        repo.commit("one")
        run.hear(f"applied {repo.head[:7]}", began + 60)
        times.append(time.perf_counter() - began)
    changed = [source.get("changed") for source in run.status()["sources"]]
    print(f"  one commit changes one         median {1000 * statistics.median(times):.0f} ms, worst {1000 * max(times):.0f} ms "
          f"(git commit included); apps looked at: {changed}")


def drift(cluster, name, count):
    """One field changed by hand at a time, then a hundred at once."""
    def heal(n, out):
        path = f"/api/v1/namespaces/bench/services/{name}{n}"
        cluster.patch(path, {"spec": {"sessionAffinity": "ClientIP"}})
        began = time.perf_counter()
        while cluster.get(path)["spec"]["sessionAffinity"] != "None":
            time.sleep(0.002)
            if time.perf_counter() - began > 60:
                break
        out.append(time.perf_counter() - began)
    single = []
    for n in range(min(20, count)):
        heal(n, single)
    at_once, threads = [], []
    for n in range(min(100, count)):
        threads.append(threading.Thread(target=heal, args=(n, at_once)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    at_once.sort()
    print(f"  drift                          one: median {1000 * statistics.median(single):.0f} ms; "
          f"{len(at_once)} at once: p99 {1000 * at_once[int(len(at_once) * 0.99) - 1]:.0f} ms (polling by this script included)")


def rest(run, cluster):
    time.sleep(3)
    before, cpu = cluster.requests(), run.cpu()
    time.sleep(IDLE)
    after = cluster.requests()
    asked = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    print(f"  nothing changes for {IDLE:.0f} s       {100 * (run.cpu() - cpu) / IDLE:.2f} % of a core; requests of trueup: {asked or 'none'}")


def restart(run, cluster, repo, count):
    run.kill()
    before = cluster.requests()
    began = time.perf_counter()
    again = Run(cluster, repo, run.state)
    again.until_all_run(repo.head, count)
    took = time.perf_counter() - began
    after = cluster.requests()
    writes = sum(after[k] - before.get(k, 0) for k in after if k in ("PATCH", "APPLY", "POST", "PUT", "DELETE"))
    print(f"  restart, nothing changed       ready after {took:.2f} s; {writes:.0f} writes; {again.cpu():.1f} CPU-s, {again.largest() / 1024:.0f} MiB")
    run.process = again.process


class Cluster:
    """A control plane that ends with the block."""
    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.kubeconfig = os.path.join(self.folder.name, "kubeconfig")
        self.process = subprocess.Popen([TESTBED, "run", "--kubeconfig-out", self.kubeconfig],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline().startswith(b"ready"), "the testbed did not start"
        out = subprocess.run([TESTBED, "kubectl", "--kubeconfig", self.kubeconfig, "config", "view", "--raw", "-o", "json"],
                             check=True, capture_output=True).stdout
        config = json.loads(out)
        self.server = config["clusters"][0]["cluster"]["server"]
        self.token = config["users"][0]["user"].get("token", "")
        self.tls = ssl._create_unverified_context()
        self.patch("/api/v1/namespaces/bench?fieldManager=bench&force=true",
                   {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}}, "application/apply-patch+yaml")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()

    def ask(self, path, method="GET", body=None, kind="application/json"):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data, {"authorization": f"Bearer {self.token}", "content-type": kind}, method=method)
        with urllib.request.urlopen(request, context=self.tls) as answer:
            return answer.read()

    def get(self, path):
        return json.loads(self.ask(path))

    def patch(self, path, body, kind="application/merge-patch+json"):
        return self.ask(path, "PATCH", body, kind)

    def requests(self):
        """Requests other than watches of the resources that apps here have, by verb. The control plane's own
        components read these by watch alone, and write none of them but Deployments' status."""
        kinds = {"services", "serviceaccounts", "ingresses", "namespaces"}
        counts = {}
        for line in self.ask("/metrics").decode().splitlines():
            if line.startswith("apiserver_request_total{"):
                labels = dict(part.split("=", 1) for part in line[line.index("{") + 1:line.rindex("}")].replace('"', "").split(",") if "=" in part)
                if labels.get("verb") not in ("WATCH", "CONNECT") and labels.get("resource") in kinds:
                    counts[labels["verb"]] = counts.get(labels["verb"], 0) + float(line.rsplit(" ", 1)[1])
        return counts


class Repository:
    def __init__(self, path, name, apps):
        self.path, self.name, self.count, self.turn = path, name, len(apps), 0
        path.mkdir(parents=True)
        git(path, "init", "-q", "-b", "main")
        for n, documents in enumerate(apps):
            folder = path / "work" / f"{name}{n}"
            folder.mkdir(parents=True)
            files = []
            for document in documents:
                file = document["kind"].lower() + ".json"
                (folder / file).write_text(json.dumps(document))
                files.append(file)
            (folder / "kustomization.yaml").write_text(json.dumps({"resources": files}))
            app = {"apiVersion": "trueup.dev/v1", "kind": "App", "metadata": {"name": f"{name}{n}"},
                   "spec": {"source": {"path": f"work/{name}{n}"}}}
            (path / "apps").mkdir(exist_ok=True)
            (path / "apps" / f"{name}{n}.json").write_text(json.dumps(app))
        self.commit("first")

    def commit(self, message):
        git(self.path, "add", "-A")
        git(self.path, "-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-q", "-m", message)
        self.head = subprocess.run(["git", "-C", self.path, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    def touch(self, n):
        file = self.path / "work" / f"{self.name}{n}" / "service.json"
        service = json.loads(file.read_text())
        service["metadata"].setdefault("annotations", {})["turn"] = str(self.turn)
        file.write_text(json.dumps(service))

    def change_one(self):
        self.turn += 1
        self.touch(self.turn % self.count)

    def change_all(self):
        self.turn += 1
        for n in range(self.count):
            self.touch(n)
        self.commit("all")


class Run:
    """A controller, its output, and what it uses."""
    def __init__(self, cluster, repo, state):
        self.state, self.repo, self.lines, self.heard = state, repo, [], threading.Condition()
        self.environment = {**os.environ, "KUBECONFIG": cluster.kubeconfig, "NO_COLOR": "1"}
        self.began = time.perf_counter()
        self.process = subprocess.Popen([TRUEUP, "--state", str(state), "run", str(repo.path), "--path", "apps", "--target", "kubernetes", "-n", "bench"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.environment)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stderr:
            with self.heard:
                self.lines.append(line)
                self.heard.notify_all()

    def hear(self, text, until):
        with self.heard:
            at = 0
            while True:
                for line in self.lines[at:]:
                    if text in line:
                        return
                at = len(self.lines)
                if not self.heard.wait(timeout=max(0.0, until - time.perf_counter())):
                    raise SystemExit(f"“{text}” was not said; the last lines:\n" + "".join(self.lines[-20:]))

    def status(self):
        out = subprocess.run([TRUEUP, "--state", str(self.state), "status", "-o", "json"], capture_output=True, text=True, env=self.environment)
        return json.loads(out.stdout) if out.returncode == 0 else {"apps": [], "sources": []}

    def until(self, what, count, holds, patience=900):
        began = time.perf_counter()
        while True:
            if self.process.poll() is not None:
                raise SystemExit("trueup ended:\n" + "".join(self.lines[-20:]))
            apps = self.status()["apps"]
            if len(apps) == count and all(map(holds, apps)):
                return time.perf_counter() - began
            if time.perf_counter() - began > patience:
                wrong = [app for app in apps if not holds(app)]
                raise SystemExit(f"{what}: not after {patience} s; {len(wrong)} of {len(apps)}, such as {json.dumps(wrong[:2], indent=1)}")
            time.sleep(0.2)

    def until_all_run(self, head, count):
        return self.until("all run it", count, lambda app: app.get("runs", {}).get("commit") == head)

    def until_all_healthy(self, count):
        return self.until("all are healthy", count, lambda app: app["state"] == "healthy")

    def after(self, act, count):
        act()
        return self.until_all_run(self.repo.head, count)

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def largest(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        self.process.terminate()
        self.process.wait()


def bare_loop(cluster, documents):
    with tempfile.NamedTemporaryFile("w") as file:
        for document in documents:
            file.write(json.dumps(document) + "\n")
        file.flush()
        began = time.perf_counter()
        subprocess.run([BARE, cluster.kubeconfig, file.name, "32"], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


def git(path, *args):
    subprocess.run(["git", "-C", path, *args], check=True)


def named(version, kind, name, namespace="bench", **more):
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def deployment(name, namespace="bench"):
    labels = {"app": name}
    container = {"name": "web", "image": "registry.example.com/web:1", "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": name, "containers": [container]}}
    return named("apps/v1", "Deployment", name, namespace, spec={"replicas": 1, "selector": {"matchLabels": labels}, "template": template})


def service(name, namespace="bench"):
    return named("v1", "Service", name, namespace, spec={"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]})


def four_objects(name):
    rule = {"host": f"{name}.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": name, "port": {"number": 80}}}}]}}
    return [named("v1", "ServiceAccount", name), service(name), deployment(name), named("networking.k8s.io/v1", "Ingress", name, spec={"rules": [rule]})]


def six_objects(name):
    role = {"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]}
    return [named("v1", "Namespace", name, None), named("v1", "ServiceAccount", name, name),
            named("rbac.authorization.k8s.io/v1", "Role", name, name, **role),
            named("v1", "ConfigMap", name, name, data={"greeting": "hello"}), service(name, name), deployment(name, name)]


main()
