"""The commands of ``isthmus``, a file for each group."""
