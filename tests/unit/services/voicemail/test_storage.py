import pytest

from ringback.services.voicemail.storage import DirectoryStorage


async def test_an_object_is_stored_found_again_and_removed(tmp_path):
    storage = DirectoryStorage(tmp_path)
    await storage.put("demo/8500/one.wav", b"sound")
    assert await DirectoryStorage(tmp_path).get("demo/8500/one.wav") == b"sound"
    await storage.delete("demo/8500/one.wav")
    await storage.delete("demo/8500/one.wav")
    assert await storage.get("demo/8500/one.wav") is None


async def test_storing_again_replaces_the_whole_and_leaves_nothing_beside(tmp_path):
    storage = DirectoryStorage(tmp_path)
    await storage.put("box/a", b"first, longer")
    await storage.put("box/a", b"second")
    assert await storage.get("box/a") == b"second"
    assert [path.name for path in (tmp_path / "box").iterdir()] == ["a"]


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a//b", "a/../b", "", ".hidden", "a/.", "a\nb"])
async def test_a_key_cannot_leave_the_folder(tmp_path, key):
    with pytest.raises(ValueError, match="key"):
        await DirectoryStorage(tmp_path).put(key, b"")
