"""Sums of nats over the answers of conversations, from one forward pass each."""
