"""What this project takes of onnxruntime, which types little of itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

class GraphOptimizationLevel:
    ORT_DISABLE_ALL: GraphOptimizationLevel

class SessionOptions:
    graph_optimization_level: GraphOptimizationLevel
    intra_op_num_threads: int
    inter_op_num_threads: int
    log_severity_level: int

    def add_session_config_entry(self, name: str, value: str) -> None: ...

class NodeArg:
    name: str

class InferenceSession:
    def __init__(
        self, path_or_bytes: str | bytes, sess_options: SessionOptions, providers: Sequence[str]
    ) -> None: ...
    def get_inputs(self) -> Sequence[NodeArg]: ...
    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, npt.NDArray[Any]]
    ) -> Sequence[npt.NDArray[Any]]: ...
