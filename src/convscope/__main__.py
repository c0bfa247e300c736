"""``python -m convscope``."""

from convscope.cli.entry import main

main()
