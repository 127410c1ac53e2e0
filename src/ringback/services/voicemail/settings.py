"""Settings of the voicemail service."""

from __future__ import annotations

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class VoicemailSettings(ServiceSettings, frozen=True, kw_only=True):
    """How messages are kept and mailboxes are guarded."""

    storage_url: Annotated[
        str,
        Doc(
            "where recordings are kept: file:///folder, s3://bucket/prefix or az://container/prefix; "
            "empty: voicemail/ in the data folder"
        ),
    ] = ""
    storage_endpoint: Annotated[
        str, Doc("address of the S3 or Azure Blob server, https://host:port; empty: the provider's own")
    ] = ""
    storage_region: Annotated[str, Doc("region of the S3 bucket; empty: AWS_REGION, else us-east-1")] = ""
    storage_allow_http: Annotated[bool, Doc("whether the endpoint may be plain HTTP")] = False
    storage_access_key: Annotated[
        str,
        Doc("S3 access key id or Azure account name; empty: AWS_… or AZURE_… variables, or a role", True),
    ] = ""
    storage_secret_key: Annotated[
        str, Doc("S3 secret key or Azure account key; empty: AWS_… or AZURE_… variables, or a role", True)
    ] = ""
    storage_timeout_s: Annotated[float, Doc("seconds that one try of a storage operation may take")] = 8.0
    storage_probe_s: Annotated[float, Doc("seconds between two looks whether the storage is there")] = 5.0
    least_s: Annotated[float, Doc("seconds that a message must last to be kept")] = 1.0
    max_bytes: Annotated[int, Doc("largest recording that is accepted, in bytes")] = 8 * 1024 * 1024
    wrong_pins: Annotated[int, Doc("wrong PINs in a row that lock a mailbox")] = 4
    lock_s: Annotated[int, Doc("seconds that a mailbox stays locked")] = 600
