from typing import Any

class RTCCertificate:
    def _create_ssl_context(self, srtp_profiles: list[Any]) -> Any: ...
