"""Who may come to the door: caps in all and by address, what faults cost, and what is remembered."""

import pytest

from regions.bucket import Bucket
from regions.config import ADDRESS_FAULT_COST
from regions.strangers import Limits, Strangers, network


def test_an_address_has_so_many_strangers_at_once_and_others_are_not_in_its_way() -> None:
    strangers = Strangers(Limits(address_strangers=3))
    assert [strangers.come(0, "10.0.0.1") for _ in range(5)] == [True, True, True, False, False]
    assert strangers.come(0, "10.0.0.2") and strangers.count == 4 and strangers.turned_away == 2
    strangers.gone("10.0.0.1", player=False)
    assert strangers.come(0, "10.0.0.1")


def test_players_do_not_count_as_strangers_but_have_a_limit_of_their_own() -> None:
    strangers = Strangers(Limits(address_strangers=2, address_players=3))
    for _ in range(3):
        assert strangers.come(0, "10.0.0.1")
        strangers.entered("10.0.0.1")
    assert strangers.count == 0 and not strangers.come(0, "10.0.0.1")
    strangers.gone("10.0.0.1", player=True)
    assert strangers.come(0, "10.0.0.1")


def test_an_address_comes_so_often_and_after_faults_less_often() -> None:
    strangers = Strangers(Limits(visits_per_second=16, visits_burst=64, address_strangers=1_000))
    assert sum(strangers.come(0, "a") for _ in range(100)) == 64
    assert sum(strangers.come(1_000, "a") for _ in range(100)) == 16
    for second in range(2, 100):  # one who makes nothing but faults
        came = sum(strangers.come(second * 1_000, "a") for _ in range(1_000))
        for _ in range(came):
            strangers.fault(second * 1_000, "a")
    assert strangers.faults < 130, "about one a second"
    assert strangers.come(10**6, "a"), "it is forgiven in time"


def test_one_fault_does_not_shut_out_a_household() -> None:
    strangers = Strangers(Limits())
    assert strangers.come(0, "school")
    strangers.fault(0, "school")
    assert all(strangers.come(0, "school") for _ in range(Limits().visits_burst - ADDRESS_FAULT_COST - 1))


def test_free_addresses_are_counted_only_in_all() -> None:
    strangers = Strangers(Limits(address_strangers=1, visits_burst=16, strangers=50))
    assert all(strangers.come(0, "127.0.0.1") for _ in range(50)) and not strangers.crowded
    assert strangers.come(0, "127.0.0.1") and strangers.crowded
    strangers.fault(0, "127.0.0.1")
    assert strangers.come(0, "127.0.0.1")


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    """An address is forgotten once nothing of it is here and it has all its visits again."""
    strangers = Strangers(Limits())
    for number in range(100_000):  # each a millisecond after the other, gone at once
        assert strangers.come(number, str(number))
        strangers.gone(str(number), player=False)
    assert len(strangers.addresses) < 100
    assert strangers.come(0, "stays")
    for number in range(10_000):
        strangers.come(200_000 + number, f"{number} again")
        strangers.gone(f"{number} again", player=False)
    assert "stays" in strangers.addresses and strangers.count == 1


@pytest.mark.parametrize(
    "host, whole",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8::6", "2001:db8:0:0::/64"),
        ("2001:0db8:0001::", "2001:db8:1:0::/64"),
        ("fe80::1%eth0", "fe80:0:0:0::/64"),
        ("::", "0:0:0:0::/64"),
    ],
)
def test_a_household_is_one_address(host: str, whole: str) -> None:
    assert network(host) == whole


def test_a_bucket_owes_at_most_a_burst_and_says_when_there_is_a_token() -> None:
    bucket = Bucket(10, 5, 0)
    bucket.owe(0, 100)
    assert bucket.next_ms(0) == 2_100 and not bucket.take(2_099) and bucket.take(2_100)
    assert not bucket.is_full(2_100) and bucket.is_full(3_000)
    assert bucket.next_ms(3_000) == 3_000
