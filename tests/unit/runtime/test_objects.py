import pytest

from ringback.runtime.objects import ObjectAccess, ObjectStorage
from ringback.runtime.settings import SettingsError


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "must be file"),
        ("/var/recordings", "must be file"),
        ("gs://bucket/prefix", "must be file"),
        ("s3:///prefix", "must be file"),
        ("file://recordings", "three slashes"),
        ("file:///", "three slashes"),
        ("s3://key:secret@bucket", "no user"),
        ("s3://bucket?secret=x", "no user"),
        ("az://recordings", "make no az store"),
    ],
)
def test_an_address_that_is_no_store_is_refused_by_name(url, says, monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(SettingsError, match=f"^storage_url: .*{says}") as refusal:
        ObjectStorage(ObjectAccess(url))
    assert "secret" not in str(refusal.value)


def test_plain_http_must_be_allowed():
    with pytest.raises(SettingsError, match="storage_allow_http"):
        ObjectStorage(ObjectAccess("s3://bucket", endpoint="http://127.0.0.1:9"))


def test_a_bad_account_key_is_refused_without_being_repeated():
    access = ObjectAccess("az://recordings", access_key="account", secret_key="not-base64!")
    with pytest.raises(SettingsError, match=r"^storage_url") as refusal:
        ObjectStorage(access)
    assert "not-base64" not in str(refusal.value)
    assert "not-base64" not in repr(access)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="file/below cannot be made"):
        ObjectStorage(ObjectAccess(f"{(tmp_path / 'file').as_uri()}/below"))


@pytest.mark.parametrize(
    "key", ["../x", "/etc/passwd", "a//b", "a/../b", "", ".hidden", "a/.", "a\nb", "a#1"]
)
async def test_a_key_cannot_leave_the_store(tmp_path, key):
    storage = ObjectStorage(ObjectAccess(tmp_path.as_uri()))
    for operation in (storage.put(key, b""), storage.get(key), storage.delete(key)):
        with pytest.raises(ValueError, match="key"):
            await operation
    assert list(tmp_path.iterdir()) == []
