"""Building the ONNX graph of a decoder, and rounding its weights."""
