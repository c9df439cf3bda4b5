#!/usr/bin/env python3
"""Compares `trueup helm template` with `helm template` on inputs that nobody wrote.

    conformance/helm/fuzz.py --helm HELM --ours "TRUEUP helm" --seed 1 --cases 500 values CHARTS
    conformance/helm/fuzz.py --helm HELM --ours "TRUEUP helm" --seed 1 --cases 500 expressions

`values` draws charts below the folder CHARTS and changes their values: keys are dropped, nulled, given
another type or another value. `expressions` draws templates from a grammar of values and functions.
HELM is the program of Helm 4.1.4 (with `--profile helm3` of Helm 3.17.2). The same seed draws the
same cases. Standard output must be equal byte for byte, and of an error the innermost message. What
differs is printed, with the files to try it again in a folder of its own below --out; it becomes a
case in `cases.jsonl` or a line of another suite once it is mended. Needs Python's PyYAML.
"""

import argparse
import copy
import json
import os
import random
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import yaml

# Calls of these are different each time.
RANDOM = re.compile(
    r"\b(rand\w*|gen(CA|SelfSigned|Signed|Private)\w*|uuidv4|now|ago|htpasswd|bcrypt|encryptAES|shuffle|keys|values"
    r"|dateInZone|date|htmlDate\w*|getHostByName)\b"
)
POINTER = re.compile(r"0x[0-9a-f]{8,}")
STRINGS = [
    "", "a", "yes", "0x1F", "1e3", "null", "~", "true", "a: b", "- a", "x\ny\n", "  spaced ", "{{ .Release.Name }}",
    "é日本", "a,b", "100m", "1.10", "v1.2.3", "'quoted'", '"', "#no", "%d", "http://h:80/p?q=1", "0777", "=", "@a",
]
SCALARS = [None, True, False, 0, 1, -1, 7, 65536, 1000000, 12345678901, 0.5, 1e-7, 1e21, -0.0] + STRINGS
VALUES = SCALARS + [[], {}, [1, "a", None], {"a": 1, "b": {"c": "d"}}, [{"name": "x", "value": "y"}], {"enabled": True}]


def paths(node, at=()):
    """Every place in a document but its root."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield at + (key,)
            yield from paths(child, at + (key,))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield at + (index,)
            yield from paths(child, at + (index,))


def put(document, path, value):
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = value


def get(document, path):
    for step in path:
        document = document[step]
    return document


def mutate(rng, defaults):
    """Values that override some of the defaults."""
    document = copy.deepcopy(defaults)
    places = list(paths(document))
    kind = rng.random()
    if kind < 0.35:
        # Switch many things on or off: that reaches templates that nothing else reaches.
        for path in places:
            if isinstance(get(document, path), bool) and rng.random() < 0.3:
                put(document, path, not get(document, path))
    count = rng.choice([0, 1, 1, 2, 3, 8]) if kind < 0.35 else rng.choice([1, 1, 2, 4])
    for _ in range(count if places else 0):
        path = rng.choice(places)
        try:
            old = get(document, path)
        except (KeyError, IndexError, TypeError):
            continue
        put(document, path, another(rng, old))
    return document


def another(rng, old):
    draw = rng.random()
    if draw < 0.2:
        return None
    if draw < 0.35:
        return str(old)
    if draw < 0.6 and isinstance(old, (dict, list)) and old:
        smaller = copy.deepcopy(old)
        if isinstance(smaller, dict):
            del smaller[rng.choice(list(smaller))]
        else:
            smaller.pop()
        return smaller
    if draw < 0.7 and isinstance(old, list):
        return old + [rng.choice(VALUES)]
    if draw < 0.75 and isinstance(old, dict):
        return {**old, rng.choice(["a", "x.y/z", "on", "1"]): rng.choice(VALUES)}
    if isinstance(old, str) and draw < 0.85:
        return rng.choice(STRINGS)
    if isinstance(old, (int, float)) and draw < 0.85:
        return rng.choice([0, 1, -1, 3, 80, 65536, 1000000, 1.5, str(old)])
    return rng.choice(VALUES)


def load(text):
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError):
        return None


def is_random(chart):
    for folder, _, files in os.walk(chart):
        for name in files:
            if name.endswith(".tgz"):
                return True
            if "templates" in folder.split(os.sep) or name.endswith(".tpl"):
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    if RANDOM.search(file.read()):
                        return True
    return False


def value_cases(rng, folder, count):
    charts = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    charts = [chart for chart in charts if os.path.isfile(os.path.join(chart, "Chart.yaml"))]
    known = {}
    made = 0
    while made < count and charts:
        chart = rng.choice(charts)
        if chart not in known:
            defaults = None
            path = os.path.join(chart, "values.yaml")
            if os.path.isfile(path) and not is_random(chart):
                with open(path, encoding="utf-8", errors="replace") as file:
                    defaults = load(file.read())
            known[chart] = defaults if isinstance(defaults, dict) else None
        if known[chart] is None:
            continue
        values = mutate(rng, known[chart])
        flags = ["--namespace", "ns1", "--kube-version", rng.choice(["1.33.0", "1.21.4", "1.29.3-gke.1"])]
        flags += rng.choice([[], [], ["--include-crds"], ["--is-upgrade"], ["--skip-tests"], ["--no-hooks"]])
        made += 1
        yield {"chart": chart, "values": values, "flags": flags}


# Expressions.

FUNCTIONS = None
LITERALS = [
    '""', '"a"', '"hello world"', '"a,b,c"', '"1.2.3"', '"^1.2"', '"é日本"', '"  sp "', '"%d-%s"', '"[a-z]+"', '"a: 1"',
    '`{"a":[1,2.5,null]}`', "0", "1", "-1", "3", "10", "1.5", "1e6", "0x1f", "true", "false", "nil",
    ".Values.text", ".Values.int", ".Values.float", ".Values.big", ".Values.list", ".Values.map", ".Values.null",
    ".Values.missing", ".Values.yes", ".Values.nested.deep", ".Release.Name", ".Chart", ".Capabilities.KubeVersion",
    ".Values.strings", ".Values.maps", "(list 1 2 3)", '(list "a" "b" "a")', '(dict "a" 1 "b" "c")', "(int 5)",
    "(int64 7)", "(float64 2)", "(list)", "(dict)", '("x" | b64enc)', ".", "$", ".Values",
]
DATA = {
    "text": "some Text-here_and.there", "int": 42, "float": 3.75, "big": 12345678901234, "yes": True, "null": None,
    "list": [3, 1, 2], "map": {"b": 1, "a": "x", "c": None}, "nested": {"deep": {"er": [1, {"k": "v"}]}},
    "strings": ["b", "a", "c", "a"], "maps": [{"name": "x", "value": 1}, {"name": "y"}],
}


def expression(rng, functions, depth):
    if depth == 0 or rng.random() < 0.25:
        return rng.choice(LITERALS)
    name = rng.choice(functions)
    arguments = [expression(rng, functions, depth - 1) for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3, 4]))]
    call = " ".join([name] + arguments)
    draw = rng.random()
    if draw < 0.2 and arguments:
        return f"({arguments[-1]} | {' '.join([name] + arguments[:-1])})"
    return f"({call})"


def statement(rng, functions):
    value = expression(rng, functions, rng.choice([1, 1, 2, 2, 3]))
    return rng.choice([
        "{{ %s }}", "{{ %s | toJson }}", "{{ %s | quote }}", "{{ %s | toYaml | nindent 2 }}", '{{ printf "%%v %%T" (%s) 1 }}',
        "{{ with %s }}[{{ . }}]{{ else }}none{{ end }}", "{{ range $k, $v := %s }}{{ $k }}={{ $v }};{{ else }}none{{ end }}",
        "{{ if %s }}yes{{ else }}no{{ end }}", "{{ $x := %s }}{{ kindOf $x }} {{ typeOf $x }} {{ $x }}", "{{- %s -}} x",
        '{{ tpl (%s | toString) $ }}', '{{ range %s }}{{ . }},{{ end }}', '{{ printf "%%q %%x %%5v|%%+v" (%s) 255 "z" true }}',
    ]).replace("%s", value, 1).replace("%%", "%")


def expression_cases(rng, functions, count):
    functions = [name for name in functions if not RANDOM.fullmatch(name)]
    for _ in range(count):
        yield {"template": statement(rng, functions), "flags": []}


# Running.


def innermost(text):
    """The message of an error without the places that led to it."""
    lines = [line for line in text.splitlines() if not line.startswith(("level=", "time=", "WARNING", "coalesce", "Use --debug", "walk.go"))]
    text = "\n".join(lines).strip()
    for separator in ("error calling ", "executing "):
        if separator in text:
            text = text[text.rindex(separator):]
    # The failures of a schema have no order in the original.
    text = "\n".join(sorted(text.splitlines())) if "- at '" in text else text
    return POINTER.sub("0x", text)


def run(program, arguments):
    try:
        done = subprocess.run(program + arguments, capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return -1, b"", "timeout"
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def write_case(folder, case):
    os.makedirs(folder, exist_ok=True)
    if "template" in case:
        os.makedirs(f"{folder}/chart/templates", exist_ok=True)
        with open(f"{folder}/chart/Chart.yaml", "w", encoding="utf-8") as file:
            file.write("apiVersion: v2\nname: c\nversion: 0.1.0\n")
        with open(f"{folder}/chart/values.yaml", "w", encoding="utf-8") as file:
            json.dump(DATA, file)
        with open(f"{folder}/chart/templates/t.yaml", "w", encoding="utf-8") as file:
            body = "\n  ".join(case["template"].splitlines())
            file.write(f"kind: X\nout: |\n  >{body}<\n")
        return ["template", "rel", f"{folder}/chart"] + case["flags"]
    with open(f"{folder}/values.yaml", "w", encoding="utf-8") as file:
        # JSON is YAML, and is read alike by all.
        json.dump(case["values"], file, default=str)
    return ["template", "rel", case["chart"], "-f", f"{folder}/values.yaml"] + case["flags"]


def compare(options, number, case):
    folder = f"{options.out}/{options.mode}-{options.seed}-{number}"
    arguments = write_case(folder, case)
    theirs = run([options.helm], arguments)
    ours = run(shlex.split(options.ours), arguments + ["--profile", options.profile])
    pointless = [POINTER.sub("0x", out.decode(errors="replace")) for _, out, _ in (theirs, ours)]
    if "goroutine 1 [running]" in theirs[2]:
        verdict = "same"  # There is nothing to be equal to: the original fell over.
    elif theirs[0] == ours[0] and pointless[0] == pointless[1]:
        if theirs[2] == ours[2] or innermost(theirs[2]) == innermost(ours[2]) or theirs[0] == 0:
            verdict = "same"
        else:
            verdict = "text"
    else:
        verdict = "differs"
    if verdict == "same":
        subprocess.run(["rm", "-rf", folder], check=False)
        return verdict, ""
    for name, (code, out, err) in (("helm", theirs), ("ours", ours)):
        with open(f"{folder}/{name}.out", "wb") as file:
            file.write(out)
        with open(f"{folder}/{name}.err", "w", encoding="utf-8") as file:
            file.write(f"{err}exit {code}\n")
    with open(f"{folder}/command", "w", encoding="utf-8") as file:
        file.write(shlex.join(arguments) + "\n")
    what = case.get("template") or case["chart"]
    return verdict, f"{verdict} {folder} {what}\n  helm: {innermost(theirs[2])[-300:]}\n  ours: {innermost(ours[2])[-300:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--helm", required=True)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--profile", default="helm4")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", default="fuzz-out")
    parser.add_argument("mode", choices=["values", "expressions"])
    parser.add_argument("charts", nargs="?")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    options.out = os.path.abspath(options.out)
    rng = random.Random(options.seed)
    if options.mode == "values":
        cases = value_cases(rng, os.path.abspath(options.charts), options.cases)
    else:
        names = os.path.join(os.path.dirname(os.path.abspath(__file__)), "functions.txt")
        with open(names, encoding="utf-8") as file:
            cases = expression_cases(rng, file.read().split(), options.cases)
    verdicts = {"same": 0, "text": 0, "differs": 0}
    with ThreadPoolExecutor(options.jobs) as pool:
        for verdict, report in pool.map(lambda pair: compare(options, *pair), enumerate(cases)):
            verdicts[verdict] += 1
            if report:
                print(report, flush=True)
    total = sum(verdicts.values())
    print(f"fuzz/{options.mode}: {verdicts['same']}/{total} the same; {verdicts['text']} with another text of an error")
    sys.exit(0 if verdicts["same"] == total else 1)


if __name__ == "__main__":
    main()
