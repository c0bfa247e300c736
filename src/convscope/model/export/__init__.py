"""Networks that leave."""
