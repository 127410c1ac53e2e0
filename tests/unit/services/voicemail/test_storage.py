from types import SimpleNamespace

import pytest

from ringback.runtime.settings import SettingsError, load_settings
from ringback.services.voicemail.settings import VoicemailSettings
from ringback.services.voicemail.storage import open_storage


@pytest.fixture
def ctx(tmp_path):
    counted = []
    return SimpleNamespace(
        common=SimpleNamespace(data=str(tmp_path / "data")),
        connections=SimpleNamespace(count=lambda row, *, sent: counted.append((row, sent))),
        counted=counted,
    )


async def test_recordings_are_in_the_data_folder_unless_told_otherwise(ctx, tmp_path):
    await open_storage(ctx, VoicemailSettings()).put("demo/8500/one.wav", b"sound")
    assert (tmp_path / "data/voicemail/demo/8500/one.wav").read_bytes() == b"sound"
    elsewhere = VoicemailSettings(storage_url=(tmp_path / "with space").as_uri())
    await open_storage(ctx, elsewhere).put("demo/8500/one.wav", b"sound")
    assert (tmp_path / "with space/demo/8500/one.wav").read_bytes() == b"sound"


async def test_each_operation_counts_on_the_connection(ctx):
    storage = open_storage(ctx, VoicemailSettings())
    await storage.put("a", b"")
    await storage.get("a")
    await storage.delete("a")
    assert ctx.counted == [("voice-24", 1)] * 3


def test_the_secret_key_may_come_from_a_file(ctx, tmp_path):
    (tmp_path / "key").write_text("not base64!\n")
    env = {
        "RINGBACK_VOICEMAIL_STORAGE_URL": "az://recordings",
        "RINGBACK_VOICEMAIL_STORAGE_ACCESS_KEY": "account",
        "RINGBACK_VOICEMAIL_STORAGE_SECRET_KEY_FILE": str(tmp_path / "key"),
    }
    settings = load_settings(VoicemailSettings, "voicemail", env)
    assert settings.storage_secret_key == "not base64!"
    with pytest.raises(SettingsError, match="storage_url"):
        open_storage(ctx, settings)
