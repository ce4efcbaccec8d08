"""The ledger that all replicas share: Redis decides, and this is the way to it and back."""
