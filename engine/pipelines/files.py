"""Which files the causal pipelines need, and where they lie in the models folder. Free of torch.

A file of a repository lies below the repository's own name, as its authors have it there:
`MODELS/LongLive-1.3B/models/longlive_base.pt`.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file, or a folder of files, of a repository of the Hugging Face hub."""

    repository: str
    file: str

    def path(self, models: Path) -> Path:
        """Where it lies in the models folder."""
        return models / self.repository.split("/")[-1] / self.file


WAN = "Wan-AI/Wan2.1-T2V-1.3B"
SMALL_VAES = "lightx2v/Autoencoders"
VACE_MODULES = "Kijai/WanVideo_comfy"

NETWORKS = {
    "longlive": Artifact("Efficient-Large-Model/LongLive-1.3B", "models/longlive_base.pt"),
    "streamdiffusionv2": Artifact("jerryfeng/StreamDiffusionV2", "wan_causal_dmd_v2v/model.pt"),
    "reward-forcing": Artifact("JaydenLu666/Reward-Forcing-T2V-1.3B", "rewardforcing.pt"),
    "krea-realtime-video": Artifact(
        "krea/krea-realtime-video", "krea-realtime-video-14b.safetensors"
    ),
}
BUILT_IN_LORAS = {
    "longlive": Artifact("Efficient-Large-Model/LongLive-1.3B", "models/lora.pt"),
}
VACE = {
    "1.3B": Artifact(VACE_MODULES, "Wan2_1-VACE_module_1_3B_bf16.safetensors"),
    "14B": Artifact(VACE_MODULES, "Wan2_1-VACE_module_14B_bf16.safetensors"),
}
VAES = {
    "wan": Artifact(WAN, "Wan2.1_VAE.pth"),
    "lightvae": Artifact(SMALL_VAES, "lightvaew2_1.pth"),
    "tae": Artifact(SMALL_VAES, "taew2_1.pth"),
    "lighttae": Artifact(SMALL_VAES, "lighttaew2_1.pth"),
}
TEXT_ENCODER = Artifact(WAN, "models_t5_umt5-xxl-enc-bf16.pth")
TEXT_ENCODERS = {
    "resident": TEXT_ENCODER,
    "fp8": Artifact(VACE_MODULES, "umt5-xxl-enc-fp8_e4m3fn.safetensors"),
    "offloaded": TEXT_ENCODER,
}
TOKENIZER = Artifact(WAN, "google/umt5-xxl")
LORAS = "loras"  # the folder of the user's own LoRAs


def missing(artifacts: dict[str, Artifact], models: Path) -> str:
    """One sentence on what is not in the models folder, empty where all is."""
    gone = [artifact for artifact in artifacts.values() if not artifact.path(models).exists()]
    if not gone:
        return ""
    told = ", ".join(f"{a.file} of {a.repository} (as {a.path(models)})" for a in gone)
    return f"These files are not here yet: {told}. Put them there, or load with weights=demo."
