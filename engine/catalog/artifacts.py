"""Which files the causal pipelines need: repository, name, size, hash. Free of torch.

Sizes and hashes are from the Hugging Face hub; if unknown, the size is approximate and the hash is
recorded on download (see `engine.files.library`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.catalog.controls import CausalLoad
from engine.catalog.specs import CausalSpec

APACHE = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file in a hub repository.

    `size` is in bytes: exact if `sha256` is known, else approximate; 0 for any size. `licence` is
    empty if only the repository's page states it.
    """

    repository: str
    file: str
    size: int = 0
    sha256: str = ""
    licence: str = ""

    @property
    def name(self) -> str:
        """Its path in a models folder: the repository's own name, then the file's."""
        return f"{self.repository.split('/')[-1]}/{self.file}"

    @property
    def terms(self) -> str:
        """Its licence, or where to read it."""
        return self.licence or f"see https://huggingface.co/{self.repository}"


WAN = "Wan-AI/Wan2.1-T2V-1.3B"
LONGLIVE = "Efficient-Large-Model/LongLive-1.3B"
SMALL_VAES = "lightx2v/Autoencoders"
COMFY = "Kijai/WanVideo_comfy"

NETWORKS = {
    "longlive": Artifact(
        LONGLIVE, "models/longlive_base.pt", 5_676_334_208,
        "10a2aa8fcf89c77d9033f4c117405412a690e289625766619d293f0c5a208ee7",
    ),
    "streamdiffusionv2": Artifact(
        "jerryfeng/StreamDiffusionV2", "wan_causal_dmd_v2v/model.pt", 5_680_000_000
    ),
    "reward-forcing": Artifact(
        "JaydenLu666/Reward-Forcing-T2V-1.3B", "rewardforcing.pt", 5_680_000_000
    ),
    "krea-realtime-video": Artifact(
        "krea/krea-realtime-video", "krea-realtime-video-14b.safetensors", 28_580_000_000
    ),
}  # fmt: skip
BUILT_IN_LORAS = {
    "longlive": Artifact(
        LONGLIVE, "models/lora.pt", 2_800_056_690,
        "c4e43b87d62d4b0614b496773639f1ab170a7ee486dc23407901e9d3a5ebc07a",
    ),
}  # fmt: skip
VACE = {
    "1.3B": Artifact(COMFY, "Wan2_1-VACE_module_1_3B_bf16.safetensors", 1_470_000_000),
    "14B": Artifact(COMFY, "Wan2_1-VACE_module_14B_bf16.safetensors", 6_100_000_000),
}
VAES = {
    "wan": Artifact(
        WAN, "Wan2.1_VAE.pth", 507_609_880,
        "38071ab59bd94681c686fa51d75a1968f64e470262043be31f7a094e442fd981", APACHE,
    ),
    "lightvae": Artifact(SMALL_VAES, "lightvaew2_1.pth", 32_200_000, licence=APACHE),
    "tae": Artifact(SMALL_VAES, "taew2_1.pth", 22_700_000, licence=APACHE),
    "lighttae": Artifact(SMALL_VAES, "lighttaew2_1.pth", 45_300_000, licence=APACHE),
}  # fmt: skip
TEXT_ENCODER = Artifact(
    WAN, "models_t5_umt5-xxl-enc-bf16.pth", 11_361_920_418,
    "7cace0da2b446bbbbc57d031ab6cf163a3d59b366da94e5afe36745b746fd81d", APACHE,
)  # fmt: skip
TEXT_ENCODERS = {
    "resident": TEXT_ENCODER,
    "fp8": Artifact(COMFY, "umt5-xxl-enc-fp8_e4m3fn.safetensors", 6_730_000_000),
    "offloaded": TEXT_ENCODER,
}
TOKENIZER = Artifact(
    WAN, "google/umt5-xxl/tokenizer.json", 16_837_417,
    "6e197b4d3dbd71da14b4eb255f4fa91c9c1f2068b20a2de2472967ca3d22602b", APACHE,
)  # fmt: skip
LORAS = "loras"  # the folder of the user's own LoRAs


def needed(spec: CausalSpec, load: CausalLoad) -> Mapping[str, Artifact]:
    """The files that a pipeline loads, by role; none for demo weights."""
    if load.weights == "demo":
        return {}
    found = {
        "network": NETWORKS[spec.id],
        "vae": VAES[load.vae],
        "text": TEXT_ENCODERS[load.text_encoder],
        "tokenizer": TOKENIZER,
    }
    if spec.id in BUILT_IN_LORAS:
        found["lora"] = BUILT_IN_LORAS[spec.id]
    if load.vace_load:
        found["vace"] = VACE[spec.network.name]
    return found
