"""Stands for `pynvml` in whole processes: a machine with one RTX 4090. Copied to a folder of the
PYTHONPATH under that name.
"""

from types import SimpleNamespace

NVML_TEMPERATURE_GPU = 0
NVML_ERROR_DRIVER_NOT_LOADED = 9
NVML_ERROR_LIBRARY_NOT_FOUND = 12
nvmlClocksThrottleReasonSwPowerCap = 0x4
nvmlClocksThrottleReasonHwSlowdown = 0x8
nvmlClocksThrottleReasonSwThermalSlowdown = 0x20
nvmlClocksThrottleReasonHwThermalSlowdown = 0x40
nvmlClocksThrottleReasonHwPowerBrakeSlowdown = 0x80


class NVMLError(Exception):
    pass


def nvmlInit():
    pass


def nvmlShutdown():
    pass


def nvmlSystemGetDriverVersion():
    return "580.65"


def nvmlSystemGetCudaDriverVersion_v2():
    return 13000


def nvmlDeviceGetCount():
    return 1


def nvmlDeviceGetHandleByIndex(index):
    return index


def nvmlDeviceGetName(handle):
    return "NVIDIA GeForce RTX 4090"


def nvmlDeviceGetMemoryInfo(handle):
    return SimpleNamespace(total=24 * 10**9, free=22 * 10**9, used=2 * 10**9)


def nvmlDeviceGetCudaComputeCapability(handle):
    return 8, 9


def nvmlDeviceGetTemperature(handle, sensor):
    return 71


def nvmlDeviceGetCurrentClocksThrottleReasons(handle):
    return nvmlClocksThrottleReasonSwPowerCap
