#!/usr/bin/env python3
"""Proves that the repositories this program writes can be read from the document alone.

usage: check.py LUMIVAULT     (in a Python environment with requirements.txt)

Writes a repository with the program, restores it with the independent reader and compares every file; then does the same
with the golden repository, which was written once and is kept for ever.
"""
import json, os, random, stat, subprocess, sys, tempfile

from blake3 import blake3

HERE = os.path.dirname(os.path.abspath(__file__))
READER = os.path.join(HERE, "lumivault_reader.py")
GOLDEN = os.path.join(HERE, "..", "..", "fixtures", "golden-v1")
PASSWORD = "correct horse battery staple"


def write(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def make_source(folder):
    r = random.Random(950)
    write(folder, "Pictures/noise.jpg", b"\xff\xd8" + r.randbytes(2_000_000))
    write(folder, "Documents/diary.txt", "".join(r.choice(["Oulu ", "Salo ", "Espoo\n"]) for _ in range(100_000)).encode())
    write(folder, "Images/sparse.img", bytes(40_000_000) + r.randbytes(5_000) + bytes(1_000_000))
    write(folder, "empty", b"")
    for i in range(400):
        write(folder, f"Notes/note {i:03} \u00e4\u4e2d.txt", f"note {i} ".encode() * r.randint(1, 200))
    os.makedirs(os.path.join(folder, "nothing", "inside"))
    os.symlink("Documents/diary.txt", os.path.join(folder, "link"))
    for d, ds, fs in os.walk(folder):
        for n in fs:
            os.utime(os.path.join(d, n), ns=(0, r.randrange(10**18, 17 * 10**17)), follow_symlinks=False)


def listing(folder):
    """Path to what is there: kind, content hash or target, time, mode. Names that are no UTF-8: a zero byte, hexadecimal."""
    out, folder = {}, os.fsencode(folder)
    for d, ds, fs in os.walk(folder):
        for n in ds + fs:
            path = os.path.join(d, n); s = os.lstat(path); rel = os.path.relpath(path, folder)
            try: name = rel.decode()
            except UnicodeDecodeError: name = "\0" + rel.hex()
            if stat.S_ISLNK(s.st_mode): out[name] = ["link", os.readlink(path).decode()]
            elif stat.S_ISDIR(s.st_mode): out[name] = ["folder"]
            else: out[name] = ["file", blake3(open(path, "rb").read()).hexdigest(), s.st_mtime_ns, stat.S_IMODE(s.st_mode)]
    return out


def reader(env, *args):
    done = subprocess.run([sys.executable, READER, *args], env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the reader failed on {args}:\n{done.stdout}{done.stderr}")
    return done.stdout


def fresh(work):
    source, repo, out = (os.path.join(work, n) for n in ("source", "repo", "out"))
    os.makedirs(source); make_source(source)
    env = dict(os.environ, LUMIVAULT_REPO=repo, LUMIVAULT_PASSWORD=PASSWORD, LUMIVAULT_CACHE_DIR=os.path.join(work, "cache"),
               XDG_STATE_HOME=os.path.join(work, "state"), XDG_CONFIG_HOME=os.path.join(work, "config"))
    code = os.path.join(work, "recovery.txt")
    for args in (["init", "--recovery-file", code], ["backup", "--time", "2026-05-28T18:00:00Z", source]):
        subprocess.run([sys.argv[1], "-q", *args], env=env, check=True, stdout=subprocess.DEVNULL)
    snapshot = json.loads(subprocess.run([sys.argv[1], "snapshots", "--json"], env=env, check=True, capture_output=True).stdout)[0]
    reader(env, repo, "verify")
    reader(env, repo, "restore", snapshot["id"][:8], out)
    if listing(out) != listing(source):
        raise SystemExit("the reader restored something else than was backed up")
    print(f"reader: {len(listing(out))} entries of a fresh repository are what was backed up")


def golden(work):
    expected = json.load(open(os.path.join(GOLDEN, "expected.json")))
    env = dict(os.environ, LUMIVAULT_PASSWORD=expected["password"])
    repo = os.path.join(GOLDEN, "repository")
    reader(env, repo, "verify")
    for number, (snapshot, files) in enumerate(sorted(expected["snapshots"].items())):
        out = os.path.join(work, f"golden{number}")
        reader(env, repo, "restore", snapshot[:8], out)
        if listing(out) != files:
            raise SystemExit(f"golden snapshot {snapshot} is read differently")
    print(f"reader: {len(expected['snapshots'])} golden snapshots are as they were written")


with tempfile.TemporaryDirectory() as work:
    fresh(work)
    golden(work)
