"""From which URLs is read at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.sources.lhm_address import LhmAddress, lhm_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://vm-host:8085/data.json", LhmAddress("vm-host", 8085, "/data.json")),
        ("http://vm-host", LhmAddress("vm-host", 8085, "/data.json")),
        ("http://10.0.0.7:80/", LhmAddress("10.0.0.7", 80, "/data.json")),
        ("http://[fe80::1]:8085/data.json", LhmAddress("fe80::1", 8085, "/data.json")),
        ("https://proxy/lab/pc-1/data.json", LhmAddress("proxy", 443, "/lab/pc-1/data.json", encrypted=True)),
    ],
)
def test_an_address(url: str, address: LhmAddress) -> None:
    assert lhm_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "http://h:8085/Sensor?action=Set&id=/lpc/0/control/0&value=0",
        "http://h:8085/Sensor?action=Set&id=/lpc/0/control/0&value=0&x=/data.json",
        "http://h:8085/Sensor/data.json",
        "http://h:8085/sensor/data.json",
        "http://h:8085/%53ensor/data.json",
        "http://h:8085/ResetAllMinMax/data.json",
        "http://h:8085/images_icon/data.json",
        "http://h:8085/data.json?action=Set",
        "http://h:8085/data.json?",
        "http://h:8085/data.json#Sensor",
        "http://h:8085/data.json/",
        "http://h:8085/data.json\r\nX-Y: 1",
        "http://h:8085//Sensor?/data.json",
        "http://h:8085/metrics",
        "http://h:8085/index.html",
        "http://h:99999/data.json",
        "http://h:x/data.json",
        "http://user:secret@h:8085/data.json",
        "ftp://h/data.json",
        "h:8085/data.json",
        "http:///data.json",
        "",
    ],
)
def test_what_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected http://host:8085/data.json, got") as caught:
        lhm_address(url)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="Sensor?action=Set&/data.json%#:\\ \t\n53", max_size=60))
def test_whatever_follows_the_host_nothing_but_a_document_is_asked_for(tail: str) -> None:
    try:
        path = lhm_address(f"http://h:8085/{tail}").path
    except ValueError:
        return
    assert path.endswith("/data.json")
    assert not any(character in path for character in "?#%&= \t\n\\")
    assert "sensor" not in path.lower()
