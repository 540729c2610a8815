"""How cost grows with pictures, sides, attributes, replicas and the length of a run."""
