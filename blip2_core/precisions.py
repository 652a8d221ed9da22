"""The names of the precisions, in a module that imports nothing: a command line offers them before torch is there."""

QUANTIZED = {"int8": 8, "int4": 4}  # bits a weight
PRECISIONS = ("auto", "fp32", "bf16", "fp16", *QUANTIZED)
