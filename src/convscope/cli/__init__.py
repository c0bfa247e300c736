"""The command line: ``commands/`` has one file a command; ``group.py`` finds them, ``entry.py`` runs them."""
