"""`spout-bridge gpu-check`: does the engine compute correctly and fast on this card?

`steps` is the list, `runner` runs each step in a process of its own, `report` is the JSON file that
results, `compare` reads two of them. Only `child` and `checks` import torch.
"""
