"""Stands here so that every test can `import tiny`: pytest puts the folder of a conftest on the path."""

import signal

import torch

torch.set_num_threads(1)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a script's "&" starts it: no program would hear Ctrl+C
    signal.signal(signal.SIGINT, signal.default_int_handler)
