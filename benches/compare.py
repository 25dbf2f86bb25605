#!/usr/bin/env python3
"""Whole programs side by side, in one run on the same files: cp, restic (if installed) and lumivault.

usage: compare.py LUMIVAULT CORPUS WORKDIR [--rounds N]

CORPUS holds monthly folders named Lumia-Backup-YYYY-MM (`cargo run --release -p lumivault-benches --bin corpus -- CORPUS 6`).
Each round works through: first backup, all further months, the last month again, a fresh copy of it under new names,
restore of the last month, check of every byte. Prints medians over the rounds, ratios to cp and restic, memory, sizes.
Absolute seconds on a shared machine mean little; the ratios of one run do.
"""
import argparse, json, os, shutil, statistics, subprocess, time

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("lumivault"); p.add_argument("corpus"); p.add_argument("workdir"); p.add_argument("--rounds", type=int, default=3)
a = p.parse_args()
months = sorted(os.path.join(a.corpus, m) for m in os.listdir(a.corpus) if m.startswith("Lumia-Backup-"))
restic = shutil.which("restic")
lumivault = os.path.abspath(a.lumivault)


def run(args, env):
    """Seconds, peak MiB of one process."""
    start = time.perf_counter()
    child = subprocess.Popen(args, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(args)}\n{errors.decode(errors='replace')}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def size(folder):
    return sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs)


JUNK = ("desktop.ini", "Thumbs.db")  # left out by default, so not under another name either


def renamed_copy(source, target):
    """The same contents under other names, with new times, as another copy of the phone brings them."""
    for d, _, files in os.walk(source):
        out = os.path.join(target, os.path.relpath(d, source)); os.makedirs(out, exist_ok=True)
        for i, f in enumerate(sorted(f for f in files if f not in JUNK)):
            shutil.copyfile(os.path.join(d, f), os.path.join(out, f"copy {i:05} of {f}"))


class Cp:
    name = "cp -r, sync"
    def __init__(self, work): self.repo = os.path.join(work, "cp"); os.makedirs(self.repo); self.env = dict(os.environ)
    def init(self): pass
    def backup(self, d, when): return run(["sh", "-c", f"cp -r '{d}' '{self.repo}/{when}' && sync -f '{self.repo}'"], self.env)
    def restore(self, when, out): return run(["sh", "-c", f"cp -r '{self.repo}/{when}' '{out}' && sync -f '{out}'"], self.env)
    def check(self): return None


class Restic:
    name = "restic"
    def __init__(self, work):
        self.repo = os.path.join(work, "restic")
        self.env = dict(os.environ, RESTIC_REPOSITORY=self.repo, RESTIC_PASSWORD="pw", RESTIC_CACHE_DIR=os.path.join(work, "restic-cache"))
    def init(self): run(["restic", "init"], self.env)
    def backup(self, d, when): return run(["restic", "backup", "-q", "--tag", when, d], self.env)
    def restore(self, when, out): return run(["restic", "restore", "-q", "latest", "--tag", when, "--target", out], self.env)
    def check(self): return run(["restic", "check", "-q", "--read-data"], self.env)


class Lumivault:
    name = "lumivault"
    def __init__(self, work):
        self.repo = os.path.join(work, "lumivault")
        self.env = dict(os.environ, LUMIVAULT_REPO=self.repo, LUMIVAULT_PASSWORD="pw", LUMIVAULT_CACHE_DIR=os.path.join(work, "lumivault-cache"),
                        XDG_STATE_HOME=os.path.join(work, "lumivault-state"))
    def init(self): run([lumivault, "init", "--no-recovery-code"], self.env)
    def backup(self, d, when): return run([lumivault, "backup", "-q", "--tag", when, "--time", when + "-28T18:00:00", d], self.env)
    def restore(self, when, out): return run([lumivault, "restore", "-q", "--at", when, "--target", out], self.env)
    def check(self): return run([lumivault, "check", "-q", "--read-data"], self.env)


def one_round(tool, work):
    row, date = {}, lambda m: os.path.basename(m)[-7:]
    tool.init()
    row["first backup"] = tool.backup(months[0], date(months[0])); row["size after the first"] = size(tool.repo)
    rest = [tool.backup(m, date(m)) for m in months[1:]]
    if rest: row["further months"] = (sum(t for t, _ in rest), max(m for _, m in rest))
    row["size after all"] = size(tool.repo)
    if not isinstance(tool, Cp):
        row["the last again"] = tool.backup(months[-1], date(months[-1]))
        fresh = os.path.join(work, "fresh"); renamed_copy(months[-1], fresh); subprocess.run(["sync"])
        before = size(tool.repo); row["renamed copy"] = tool.backup(fresh, "2030-01"); row["size of the renamed copy"] = size(tool.repo) - before
        shutil.rmtree(fresh)
    out = os.path.join(work, "out"); row["restore of the last"] = tool.restore(date(months[-1]), out)
    found = next((d for d, ds, _ in os.walk(out) if "Pictures" in ds), out)
    kept = ["--exclude=desktop.ini", "--exclude=Thumbs.db"]
    if subprocess.run(["diff", "-r", *kept, months[-1], found], capture_output=True).returncode: raise SystemExit(f"{tool.name}: the restore differs")
    shutil.rmtree(out)
    if check := tool.check(): row["check of every byte"] = check
    return row


tools, rows = [Cp] + ([Restic] if restic else []) + [Lumivault], {}
for i in range(a.rounds):
    for make in tools:  # in turn, so that a noisy minute hits all of them
        work = os.path.join(a.workdir, make.__name__); shutil.rmtree(work, ignore_errors=True); os.makedirs(work)
        for key, value in one_round(make(work), work).items(): rows.setdefault(key, {}).setdefault(make.name, []).append(value)
        shutil.rmtree(work)
logical = sum(size(m) for m in months)
print(f"{len(months)} months, {logical/1e6:.0f} MB, {a.rounds} rounds, medians\n")
print(f"{'work':26}" + "".join(f"{t.name:>26}" for t in tools))
result = {}
for key, by in rows.items():
    cells = []
    for t in tools:
        values = by.get(t.name)
        if not values: cells.append("-"); continue
        if isinstance(values[0], tuple):
            seconds, memory = statistics.median(v[0] for v in values), max(v[1] for v in values)
            result.setdefault(key, {})[t.name] = seconds; cells.append(f"{seconds:.2f} s, {memory:.0f} MiB")
        else:
            median = statistics.median(values); result.setdefault(key, {})[t.name] = median; cells.append(f"{median/1e6:.3f} MB")
    print(f"{key:26}" + "".join(f"{c:>26}" for c in cells))
print()
for key, by in result.items():
    ratios = [f"{by['lumivault']/by[o]:.2f} x {o}" for o in ("cp -r, sync", "restic") if o in by and "lumivault" in by]
    if ratios: print(f"lumivault, {key}: " + ", ".join(ratios))
json.dump(result, open(os.path.join(a.workdir, "compare.json"), "w"), indent=1)
