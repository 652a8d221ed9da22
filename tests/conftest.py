"""Stands here so that every test can `import tiny`: pytest puts the folder of a conftest on the path."""

import torch

torch.set_num_threads(1)
