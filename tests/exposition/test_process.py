"""The standard figures of this process, against those of the client library."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector

from wattwatch.exposition.process import process_samples


def by_name() -> dict[str, float]:
    return {sample.spec.name: sample.value for sample in process_samples()}


def of_the_library() -> dict[str, float]:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return {sample.name: sample.value for family in registry.collect() for sample in family.samples}


def test_names_and_values_are_those_of_the_client_library() -> None:
    before, own, after = of_the_library(), by_name(), of_the_library()
    assert own.keys() == before.keys()
    assert own["process_max_fds"] == before["process_max_fds"]
    assert own["process_open_fds"] == pytest.approx(before["process_open_fds"], abs=2)
    assert own["process_start_time_seconds"] == pytest.approx(before["process_start_time_seconds"], abs=2)
    assert before["process_cpu_seconds_total"] - 0.02 <= own["process_cpu_seconds_total"]
    assert own["process_cpu_seconds_total"] <= after["process_cpu_seconds_total"] + 0.02
    for name in ("process_resident_memory_bytes", "process_virtual_memory_bytes"):
        assert own[name] == pytest.approx(before[name], rel=0.2)


def test_the_start_stays_the_same() -> None:
    assert by_name()["process_start_time_seconds"] == by_name()["process_start_time_seconds"]


def test_types_and_help_are_those_of_the_client_library() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    library = {family.name: (family.type, family.documentation) for family in registry.collect()}
    own = [sample.spec for sample in process_samples()]
    assert {spec.name.removesuffix("_total"): (spec.type, spec.help) for spec in own} == library


def test_where_there_is_no_proc_the_rest_is_told(tmp_path: Path) -> None:
    names = {sample.spec.name for sample in process_samples(tmp_path)}
    assert names == {"process_cpu_seconds_total", "process_max_fds"}
