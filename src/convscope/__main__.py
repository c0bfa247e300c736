"""``python -m convscope``."""

from convscope.surfaces.entry import main

main()
