"""A CUDA device without a GPU: tensors have shapes, types and a device, and no values.

`fake_cuda()` makes PyTorch believe in one; what would make the host wait for a value raises there.
`Watch` counts the copies between the devices and refuses what such tensors let pass.
"""

from fake_cuda.device import fake_cuda
from fake_cuda.watch import Refused, Watch

__all__ = ["Refused", "Watch", "fake_cuda"]
