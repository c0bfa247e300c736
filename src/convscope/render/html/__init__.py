"""Self-contained HTML pages in which any number opens: of one operation (calc), of a model on a picture (look)."""
