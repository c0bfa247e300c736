"""Prediction by ``model.predict`` on a folder."""

import json
import resource
import sys
import time
from pathlib import Path

import convscope

model = convscope.Model.load(sys.argv[1])
files = sorted(Path(sys.argv[2]).glob("*.jpg"))
seconds = []
for _ in range(2):
    begun = time.perf_counter()
    found = model.predict(files, top=1)
    seconds.append(time.perf_counter() - begun)
classes = [model.classes.index(answer.name) for answer in found]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "classes": classes, "peak_kib": peak}))
