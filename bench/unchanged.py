"""What a rebuilding of the house must not change: every answer recorded before it and compared after it.

    git worktree add ../before 1370651
    PYTHONPATH=../before/src python bench/unchanged.py record before.json --shared ../shared
    python bench/unchanged.py record after.json --shared ../shared
    python bench/unchanged.py compare before.json after.json

Both records are made by one interpreter on one machine, with two threads: trained weights are a function of the
processor's instructions as well. All goes through the command line, whose words stay, so that it runs on any version.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import html
import importlib.metadata
import io
import json
import os
import random
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RENAMED = Path(__file__).with_name("unchanged_renamed.json")
UNITS, GRADIENTS = 300, 100
TIMES = re.compile(r"\b[\d,.]+ (?:s|images/s)\b")

TRAININGS: dict[str, str] = {
    "default": "digits --epochs 3",
    "lenet5": "digits --net lenet5 --epochs 2 --augment none",
    "batchnorm": "digits --net 'input 1x8x8 > conv 8 3x3 > batchnorm > relu > maxpool 2 > flatten > linear 10' "
    "--epochs 3",
    "sgd": "digits --net 'input 1x16x16 > conv 8 3x3 > groupnorm 2 > gelu > avgpool 2 > conv 16 3x3 > hardswish > "
    "globalavgpool > flatten > linear 10' --epochs 3 --optimizer sgd --schedule cosine --augment strong",
    "residual": "digits --net 'input 1x16x16 > conv 8 3x3 padding=1 > add { identity | conv 8 3x3 padding=1 bias=no > "
    "layernorm > silu } > mul { identity | globalavgpool > conv 8 1 > sigmoid } > concat { maxpool 2 | avgpool 2 } > "
    "flatten > dropout 0.3 > linear 10' --epochs 3 --ema 0.99 --label-smoothing 0.1",
    "muon": "digits --net resnet20_cifar --input 3x16x16 --epochs 2 --optimizer muon --micro-batch 64",
    "bfloat16": "digits --net resnet20_cifar --epochs 1 --precision bfloat16",
    "unknown": "digits --net 'input 1x12x12 > conv 8 3x3 > localresponsenorm 5 > leakyrelu > maxpool 2 > scale > tanh "
    "> flatten > linear 32 > relu6 > linear 10 > softmax' --epochs 4 --sure 95% --balance weights --warmup 0.1",
}
"""Eight short ones: every optimiser, normalisation, merge and precision, with and without augmentation."""


def main() -> None:
    """Record or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record")
    recorder.add_argument("file", type=Path)
    recorder.add_argument("--shared", type=Path, help="the shared data: adds a transfer and a look at real pictures")
    comparer = commands.add_parser("compare")
    comparer.add_argument("before", type=Path)
    comparer.add_argument("after", type=Path)
    comparer.add_argument(
        "--renamed", type=Path, default=RENAMED, help="a JSON file of old key to new key; /a/b is b in a, at the top"
    )
    options = parser.parse_args()
    if options.command == "record":
        record(options.file.resolve(), options.shared.resolve() if options.shared else None)
    else:
        sys.exit(compare(options.before, options.after, options.renamed))


def record(file: Path, shared: Path | None) -> None:
    """Write one JSON document: section, entry, what was printed."""
    os.environ |= {"OMP_NUM_THREADS": "2", "COLUMNS": "100", "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ["CONVSCOPE_CACHE"] = str(Path(folder) / "cache")
        import torch

        torch.set_num_threads(2)
        sections: dict[str, dict[str, Any]] = {}
        for name, entries in (
            ("describe", described()),
            ("source", sources()),
            ("operations", operations()),
            ("trained", trained(shared)),
            ("looked", looked(shared)),
        ):
            started = time.monotonic()
            sections[name] = dict(entries)
            print(f"{name}: {len(sections[name])} entries, {time.monotonic() - started:.0f} s", file=sys.stderr)
    file.write_text(json.dumps(sections, indent=1, sort_keys=True))


def convscope(*words: str) -> str:
    """What a command prints; its status and its message where it fails."""
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="convscope")
    run = command_line(entry.value)
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run(list(words))
        except SystemExit as left:
            status = int(left.code or 0)
    return out.getvalue() if status == 0 else f"status {status}: {out.getvalue()}{err.getvalue()}"


def command_line(installed: str) -> Any:
    """The entry of the version on the path, which need not be the one that is installed."""
    import convscope as package

    for name in (installed.split(":")[0], "convscope.surfaces.entry", "convscope.cli.entry"):
        if (Path(package.__file__).parents[1] / (name.replace(".", "/") + ".py")).is_file():
            return importlib.import_module(name).main
    raise SystemExit("no command line found")


def document(*words: str) -> Any:
    """What a command prints with ``--json``."""
    printed = convscope(*words, "--json")
    return printed if printed.startswith("status") else json.loads(printed)


def known() -> list[str]:
    """The networks of the zoo that both versions know."""
    return [entry["name"] for entry in json.loads(convscope("zoo", "--json"))["networks"]]


def described() -> Iterator[tuple[str, Any]]:
    """Every network of the zoo."""
    for name in known():
        yield name, document("describe", name)
        yield f"{name} batch 8", document("describe", name, "--batch", "8")


def sources() -> Iterator[tuple[str, Any]]:
    """Plain source of every network, both frameworks."""
    for name in known():
        for framework in ("pytorch", "keras"):
            yield f"{name} {framework}", convscope("code", name, "--framework", framework)


def operations() -> Iterator[tuple[str, Any]]:
    """Every command of the operations pages, in full."""
    for page in ("operations.md", "operations.ko.md"):
        for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
            if line.startswith("| ") and "`convscope " in line:
                cells = re.split(r"(?<!\\)\|", line)[1:-1]
                words = shlex.split(cells[1].strip().strip("`").replace("\\|", "|"))[1:]
                yield f"{page} {shlex.join(words)}", convscope(*words)


def trained(shared: Path | None) -> Iterator[tuple[str, Any]]:
    """The weights of the short trainings, and what was measured of them."""
    all_of_them = dict(TRAININGS)
    if shared:
        all_of_them["transfer"] = f"{shared}/data/hymenoptera_320.zip --weights efficientnet_lite0 --epochs 1"
    for name, words in all_of_them.items():
        done = document("train", *shlex.split(words), "--out", name, "--seed", "3", "--checkpoint-seconds", "600")
        if isinstance(done, str):
            yield name, done
            continue
        weights = Path(done["model"]) / "weights.safetensors"
        yield f"{name} weights", hashlib.sha256(weights.read_bytes()).hexdigest()
        kept = ("metrics", "classes", "sure", "sizes")
        yield f"{name} metrics", {key: done.get(key) for key in kept}
        data = shlex.split(words)[0]
        yield f"{name} evaluated", document("evaluate", name, data, "--report", f"{name}.html")
        yield f"{name} report", numbers_in(Path(f"{name}.html"))
        yield f"{name} run report", numbers_in(Path(name) / "report.html")


def numbers_in(page: Path) -> list[str]:
    """The numbers a person reads in a report: those of its tables and sentences, times aside."""
    text = re.sub(r"(?s)<(script|style|svg).*?</\1>", " ", page.read_text(encoding="utf-8"))
    rows = [html.unescape(re.sub(r"<[^>]+>", " ", row)) for row in re.split(r"</(?:tr|p|li|h\d|figcaption)>", text)]
    kept = [TIMES.sub(" ", row) for row in rows if not re.search(r"images/s|second|ms\b|20\d\d-", row)]
    return [number for row in kept for number in re.findall(r"\d+(?:[.,]\d+)*", row)]


def looked(shared: Path | None) -> Iterator[tuple[str, Any]]:
    """Units opened and gradients opened, drawn with a seed from the trained models."""
    draw = random.Random(7)
    names = [name for name in TRAININGS if Path(name).is_dir()]
    nodes = {name: document("look", name, "digits:5")["nodes"] for name in names}
    for n in range(UNITS):
        name = names[n % len(names)]
        node = draw.choice(nodes[name][1:])
        place = ",".join(str(draw.randrange(size)) for size in node["shape"])
        picture = f"digits:{draw.randrange(1797)}"
        at = f"{node['path']}[{place}]"
        yield f"unit {n} {name} {picture} {at}", document("look", name, picture, "--at", at)
    for n in range(GRADIENTS):
        name = names[n % len(names)]
        node = draw.choice(nodes[name])
        place = ",".join(str(draw.randrange(size)) for size in node["shape"])
        at = f"{node['path']}[{place}]"
        if n % 2 and node.get("parameters"):
            at = f"{node['path']}.bias[{draw.randrange(1)}]"
        yield f"gradient {n} {name} {at}", document("look", name, f"digits:{n}", "--step", "--at", at)
    if shared and Path("transfer").is_dir():
        yield "transfer", document("look", "transfer", f"{shared}/data/hymenoptera_320.zip:3")


def compare(before: Path, after: Path, renamed: Path | None) -> int:
    """Print what differs; 0 where nothing does. A key that is new beside the old ones is named, and no difference."""
    keys: dict[str, str] = json.loads(renamed.read_text()) if renamed else {}
    old, new = (json.loads(path.read_text()) for path in (before, after))
    differ = 0
    added: set[str] = set()
    for section in old:
        old[section] = {name: rename(value, keys) for name, value in old[section].items()}
        new[section] = {name: without_new(new[section].get(name), value, added) for name, value in old[section].items()}
    for section, entries in old.items():
        unequal = {
            name: (value, new[section].get(name)) for name, value in entries.items() if new[section].get(name) != value
        }
        differ += len(unequal)
        print(f"{section}: {len(entries) - len(unequal)} of {len(entries)} equal")
        for name, (was, is_now) in list(unequal.items())[:10]:
            print(f"  {name}: {first_difference(was, is_now)}")
    for word, now in keys.items():
        print(f"renamed: {word} is {now}")
    print(f"added: {', '.join(sorted(added)) or 'nothing'}")
    return min(differ, 1)


def rename(value: Any, keys: dict[str, str], above: str = "") -> Any:
    """A document with its keys renamed: ``key`` wherever it stands, ``/above/key`` under those above it from the top.

    A new name with a slash, ``becomes/weight``, puts the value one level deeper.
    """
    if isinstance(value, list):
        return [rename(inner, keys, above) for inner in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, inner in value.items():
        *levels, name = keys.get(f"{above}/{key}", keys.get(key, key)).split("/")
        at = found
        for level in levels:
            at = at.setdefault(level, {})
        at[name] = rename(inner, keys, f"{above}/{key}")
    return found


def without_new(value: Any, old: Any, added: set[str]) -> Any:
    """A document without the keys that the older one lacks; their names are added to a set."""
    if isinstance(value, dict) and isinstance(old, dict):
        added |= value.keys() - old.keys()
        return {key: without_new(inner, old[key], added) for key, inner in value.items() if key in old}
    if isinstance(value, list) and isinstance(old, list) and len(value) == len(old):
        return [without_new(one, other, added) for one, other in zip(value, old, strict=True)]
    return value


def first_difference(was: Any, is_now: Any, where: str = "") -> str:
    """The first place at which two documents are unequal."""
    if isinstance(was, dict) and isinstance(is_now, dict):
        for key in [*was, *(key for key in is_now if key not in was)]:
            if was.get(key, "absent") != is_now.get(key, "absent"):
                return first_difference(was.get(key, "absent"), is_now.get(key, "absent"), f"{where}.{key}")
    if isinstance(was, list) and isinstance(is_now, list) and len(was) == len(is_now):
        for place, (one, other) in enumerate(zip(was, is_now, strict=True)):
            if one != other:
                return first_difference(one, other, f"{where}[{place}]")
    if isinstance(was, str) and isinstance(is_now, str) and "\n" in was:
        return first_difference(was.splitlines(), is_now.splitlines(), f"{where} lines")
    return f"{where}: {str(was)[:160]} -> {str(is_now)[:160]}"


if __name__ == "__main__":
    main()
