"""The vector modality: rows of a table, and features of a frozen network."""
