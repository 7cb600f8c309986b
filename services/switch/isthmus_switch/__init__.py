"""Switches a person to the other side, step by step, with an undo for each step."""
