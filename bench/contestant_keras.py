"""Keras's own example: compile and fit, Adam, on TensorFlow."""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
from keras import layers

data, epochs, batch, to = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])


def pictures(name: str) -> np.ndarray:
    raw = np.frombuffer((data / name).read_bytes(), np.uint8, offset=16)
    return raw.reshape(-1, 28, 28, 1).astype("float32") / 255


def labels(name: str) -> np.ndarray:
    return np.frombuffer((data / name).read_bytes(), np.uint8, offset=8).astype("int64")


x, y = pictures("train-images-idx3-ubyte"), labels("train-labels-idx1-ubyte")
x_test, y_test = pictures("t10k-images-idx3-ubyte"), labels("t10k-labels-idx1-ubyte")
model = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
    layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2),
    layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax"),
])  # fmt: skip
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
seconds, accuracies, reached = [], [], None
for _ in range(epochs):
    begun = time.perf_counter()
    model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
    seconds.append(time.perf_counter() - begun)
    accuracies.append(round(float(model.evaluate(x_test, y_test, batch_size=1000, verbose=0)[1]), 4))
    if to and accuracies[-1] >= to:
        reached = sum(seconds)
        break
version = f"{keras.__version__} on TensorFlow"
print(json.dumps({"epoch_seconds": seconds, "accuracies": accuracies, "seconds_to": reached, "version": version}))
