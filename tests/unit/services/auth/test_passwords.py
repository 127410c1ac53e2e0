from ringback.services.auth.passwords import Guesses, Passwords


async def test_a_password_is_right_only_for_its_own_hash() -> None:
    passwords = Passwords()
    stored = await passwords.hash("correct horse")
    assert await passwords.verify(stored, "correct horse")
    assert not await passwords.verify(stored, "correct horses")
    assert not await passwords.verify("not a hash", "correct horse")


async def test_an_unknown_user_has_no_right_password() -> None:
    assert not await Passwords().verify(None, "nobody")


def test_a_name_waits_after_too_many_wrong_passwords() -> None:
    guesses = Guesses(limit=3, wait_s=60)
    for _ in range(3):
        assert guesses.must_wait("alice", 1000) == 0
        guesses.wrong("alice", 1000)
    assert guesses.must_wait("alice", 1010) == 50
    assert guesses.must_wait("bob", 1010) == 0
    assert guesses.must_wait("alice", 1060) == 0


def test_a_right_password_forgets_the_wrong_ones() -> None:
    guesses = Guesses(limit=2, wait_s=60)
    guesses.wrong("alice", 0)
    guesses.right("alice")
    guesses.wrong("alice", 0)
    assert guesses.must_wait("alice", 0) == 0
