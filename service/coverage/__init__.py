"""Coverage: what callees need of places, what our numbers have, and what to buy or to leave."""
