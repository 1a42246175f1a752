"""What an error says about the GPU."""


def is_cuda_error(error: BaseException) -> bool:
    """Whether an error means that this process's CUDA context is lost."""
    return type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error)
