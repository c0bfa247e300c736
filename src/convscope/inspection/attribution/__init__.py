"""Which pixels an answer rests on."""
