"""The ledger of this process alone: the twin of what `lua/` decides in Redis. No I/O."""
