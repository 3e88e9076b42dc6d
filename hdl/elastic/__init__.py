"""Parts that let a stream wait: register slices and small FIFOs."""
