"""Folders at scale: walk, shards that survive a crash, worker processes, near-duplicates."""
