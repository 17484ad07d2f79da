"""The hub's processes: what may hang for minutes shares nothing with what decides."""

from serpent_infra.processes.hub import hub_processes


def test_repositories_are_refreshed_apart_from_everything_else() -> None:
    queues = {
        spec.name: set(spec.argv[spec.argv.index("-Q") + 1].split(",")) for spec in hub_processes() if "-Q" in spec.argv
    }
    assert queues == {"hub": {"hub"}, "refresh": {"refresh"}, "publish": {"publish"}}
    [refresh] = [spec for spec in hub_processes() if spec.name == "refresh"]
    assert refresh.argv[refresh.argv.index("--pool") + 1] == "threads"
    assert int(refresh.argv[refresh.argv.index("--concurrency") + 1]) >= 8
