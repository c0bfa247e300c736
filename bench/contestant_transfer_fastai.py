"""Transfer by fastai: ``vision_learner`` on the same body and weights, frozen, ``fit_one_cycle`` for as many epochs as
reach the accuracy (its schedule must know them beforehand: those of shorter plans that fell short are not counted).
"""

import json
import sys
import time
from pathlib import Path

import plain_torchvision  # noqa: F401  so that torchvision loads

# isort: split
from fastai import __version__
from fastai.vision.all import (
    CategoryBlock,
    DataBlock,
    GrandparentSplitter,
    ImageBlock,
    Normalize,
    RandomResizedCrop,
    accuracy,
    aug_transforms,
    get_image_files,
    params,
    parent_label,
    set_seed,
    vision_learner,
)

from transfer_common import normalise, with_weights

folder, data, target, most = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
training, accuracies, whole = None, [], 0.0
for epochs in range(1, most + 1):
    set_seed(int(sys.argv[5]))
    begun = time.perf_counter()
    block = DataBlock(
        (ImageBlock, CategoryBlock),
        get_items=get_image_files,
        splitter=GrandparentSplitter("train", "val"),
        get_y=parent_label,
        item_tfms=RandomResizedCrop(224, min_scale=0.35),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(*normalise(folder), cuda=False)],
    )
    loaders = block.dataloaders(data, bs=32, num_workers=2)
    learner = vision_learner(
        loaders,
        lambda pretrained=True: with_weights(folder),
        normalize=False,
        cut=1,
        splitter=lambda model: [params(model[0]), params(model[1])],
        metrics=accuracy,
    )
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(epochs, 2e-3)
    whole = time.perf_counter() - begun
    accuracies.append(float(learner.recorder.values[-1][-1]))
    if accuracies[-1] >= target:
        training = whole
        break
print(json.dumps({"training": training, "whole": whole, "accuracies": accuracies, "version": __version__}))
