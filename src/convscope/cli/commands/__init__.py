"""The commands, one file each: a file named ``zoo.py`` declares ``convscope zoo`` as ``zoo`` and runs it."""
