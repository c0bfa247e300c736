"""The picture modality: decoding, sizes, fit, augmentation, normalisation."""
