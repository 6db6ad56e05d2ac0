import pytest

from accounts.secrets_at_rest import Unreadable, decrypt, encrypt


def test_a_secret_is_read_again_and_is_not_in_what_is_stored():
    stored = encrypt("Blue-Pipette")
    assert decrypt(stored) == "Blue-Pipette"
    assert "Blue" not in stored


def test_the_same_secret_twice_is_stored_differently():
    assert encrypt("Blue-Pipette") != encrypt("Blue-Pipette")


def test_a_secret_survives_a_new_secret_key_while_the_old_one_is_a_fallback(settings):
    stored = encrypt("Blue-Pipette")
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key of this deployment"
    settings.SECRET_KEY_FALLBACKS = [old]
    assert decrypt(stored) == "Blue-Pipette"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(Unreadable, match="SECRET_KEY_FALLBACKS"):
        decrypt(stored)


@pytest.mark.parametrize("damage", [lambda text: text[:-4] + "AAAA", lambda text: "", lambda text: "é"])
def test_a_damaged_secret_is_named_as_unreadable(damage):
    with pytest.raises(Unreadable):
        decrypt(damage(encrypt("Blue-Pipette")))
