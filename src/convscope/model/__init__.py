"""The model folder: saved, loaded, predicting, exported."""
