"""Transfer by ``convscope train DATA --weights NAME --freeze all --time TIME``: the whole process from an empty cache,
then once more. Accuracy is measured afterwards on the validation folder.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import convscope

data, seed, net, seconds_planned = Path(sys.argv[2]), sys.argv[5], sys.argv[6], sys.argv[7]
command = str(Path(sys.executable).with_name("convscope"))
trail = []
with tempfile.TemporaryDirectory() as folder:
    environment = {**os.environ, "CONVSCOPE_CACHE": str(Path(folder) / "cache")}
    for number in ("first", "second"):
        words = ["train", str(data), "--weights", net, "--freeze", "all", "--seed", seed, "--json"]
        words += ["--time", seconds_planned] if seconds_planned != "none" else []
        out = Path(folder) / number
        begun = time.perf_counter()
        done = subprocess.run(
            [command, *words, "--out", str(out)], env=environment, capture_output=True, text=True, check=False
        )
        whole = time.perf_counter() - begun
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        accuracy = convscope.evaluate(str(out), str(data / "val"), "all").evaluation.top1
        trail.append((json.loads(done.stdout)["train_seconds"], whole, accuracy))
print(json.dumps({"trail": trail[:1], "again": trail[1][1], "version": version("convscope")}))
