"""A cluster: servers of engines on many GPUs, and a head that says which of them is used."""
