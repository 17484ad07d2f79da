"""The distribution's file formats as a plain Python library: stones, indexes, manifests and recipes."""
