"""convscope's training loop on the same network, all 60,000 pictures, the default recipe.

For the race the plan is a fixed, short number of epochs (the schedule ends there), and the test set is looked at
after each, as for the others; what counts is training time up to the end of the first epoch that is good enough.
"""

import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import convscope
from convscope.data.cache import prepare
from convscope.data.dataset import Split
from convscope.data.image.decode import ImagePreprocess
from convscope.data.image.normalise import measure
from convscope.data.sources import open_source
from convscope.engine.inference import compute
from convscope.learning.device import device_of
from convscope.learning.events import EpochEnded
from convscope.learning.state import begin
from convscope.learning.train import train, weighted

data, epochs, batch, to = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
RACE_EPOCHS = 7
os.environ.setdefault("CONVSCOPE_CACHE", tempfile.mkdtemp())
network = convscope.Network.parse(os.environ["BENCH_NETWORK"])
source = open_source(data)
dataset = prepare(source, ImagePreprocess(1, 28, 28))
# The others train on all 60,000 and look at the test set; so do we here, and hold nothing out.
everything = Split(
    np.concatenate([dataset.train.inputs_N, dataset.val.inputs_N]),
    np.concatenate([dataset.train.labels_N, dataset.val.labels_N]),
    (),
)
nothing = Split(dataset.val.inputs_N[:0], dataset.val.labels_N[:0], ())
dataset = dataclasses.replace(dataset, train=everything, val=nothing)
# Another seed each round, as the others draw theirs anew.
recipe = convscope.Recipe(
    epochs=min(epochs, RACE_EPOCHS) if to else epochs, batch_size=batch, seed=int(os.environ["BENCH_ROUND"])
).resolved(len(everything))
state = begin(network.graph(), recipe, device_of(recipe))
normalise = measure(everything.inputs_N)
labels = torch.from_numpy(np.array(dataset.test.labels_N))
seconds, accuracies, reached = [], [], None
before = 0.0
for event in train(state, dataset, normalise):
    if isinstance(event, EpochEnded):
        seconds.append(event.seconds - before)
        before = event.seconds
        scores = compute(weighted(state), dataset.test.inputs_N, normalise)
        accuracies.append(round(float((scores.argmax(1) == labels).float().mean()), 4))
        if to and accuracies[-1] >= to:
            reached = event.seconds
            break
print(json.dumps({"epoch_seconds": seconds, "accuracies": accuracies, "seconds_to": reached, "version": "0.1.0"}))
