"""Transfer by ``convscope train DATA --weights NAME --freeze all``: the whole process, from an empty cache; once more.

Accuracy is measured afterwards on the validation folder.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import convscope

data, net, seed = Path(sys.argv[2]), sys.argv[6], sys.argv[5]
command = str(Path(sys.executable).with_name("convscope"))
with tempfile.TemporaryDirectory() as folder:
    environment = {**os.environ, "CONVSCOPE_CACHE": str(Path(folder) / "cache")}
    seconds = []
    for number in ("first", "second"):
        words = ["train", str(data), "--weights", net, "--freeze", "all", "--seed", seed]
        begun = time.perf_counter()
        done = subprocess.run(
            [command, *words, "--out", str(Path(folder) / number)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        seconds.append(time.perf_counter() - begun)
    reached = convscope.evaluate(str(Path(folder) / "first"), str(data / "val"), "all").evaluation.top1
version = convscope.__version__
print(
    json.dumps(
        {"training": None, "whole": seconds[0], "again": seconds[1], "accuracies": [reached], "version": version}
    )
)
