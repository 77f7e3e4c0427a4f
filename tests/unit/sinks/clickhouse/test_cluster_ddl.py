"""What the migrations say to ClickHouse of one server, of replicas and of shards."""

import re

import pytest

from sinks.clickhouse.cluster_ddl import ClusterDdlError, on_cluster, replaced_table, stored_in
from sinks.clickhouse.layout import SINGLE, Layout, LayoutError
from sinks.clickhouse.migrations import FOLDER, read_folder

REPLICATED = Layout(kind="replicated", cluster="main", quorum="2")
SHARDED = Layout(kind="sharded", cluster="main", nodes=("http://a:8123", "http://b:8123"))
SHARDS_WITH_KEEPER = Layout(kind="sharded", cluster="main")
BOTH = Layout(kind="sharded_replicated", cluster="main", quorum="auto")
CLUSTERS = [REPLICATED, SHARDED, SHARDS_WITH_KEEPER, BOTH]
STATEMENTS = [statement for migration in read_folder(FOLDER) for statement in migration.statements()]
EVENTS = (
    "CREATE TABLE IF NOT EXISTS fixtrail_raw.events\n(\n    vehicle_key String\n)\n"
    "ENGINE = ReplacingMergeTree\nORDER BY (vehicle_key, event_id)"
)


def test_a_single_server_is_told_what_the_files_say():
    assert [on_cluster(SINGLE, statement, "app") for statement in STATEMENTS] == [
        [statement] for statement in STATEMENTS
    ]


def test_replicas_have_the_same_table_by_another_engine():
    assert on_cluster(REPLICATED, EVENTS, "app") == [
        "CREATE TABLE IF NOT EXISTS fixtrail_raw.events ON CLUSTER main\n(\n    vehicle_key String\n)\n"
        "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')\n"
        "ORDER BY (vehicle_key, event_id)"
    ]


def test_shards_hold_the_rows_behind_a_table_that_spreads_them_by_vehicle():
    assert on_cluster(SHARDED, EVENTS, "app") == [
        "CREATE TABLE IF NOT EXISTS fixtrail_shard.events\n(\n    vehicle_key String\n)\n"
        "ENGINE = ReplacingMergeTree\nORDER BY (vehicle_key, event_id)",
        "CREATE TABLE IF NOT EXISTS fixtrail_raw.events AS fixtrail_shard.events\n"
        "ENGINE = Distributed('main', 'fixtrail_shard', 'events', cityHash64(vehicle_key))",
    ]


def test_a_version_is_the_replicated_engines_last_argument():
    table = (
        "CREATE TABLE IF NOT EXISTS fixtrail_raw.alerts\n(id String)\nENGINE = ReplacingMergeTree(version)\nORDER BY id"
    )
    home, spread = on_cluster(BOTH, table, "app")

    assert "'{replica}', version)\nORDER BY id" in home
    assert spread.endswith("cityHash64(id))")


@pytest.mark.parametrize("layout", CLUSTERS, ids=lambda layout: f"{layout.kind}{'-nodes' * bool(layout.nodes)}")
def test_every_statement_of_the_migrations_has_its_form_on_a_cluster(layout: Layout):
    for statement in STATEMENTS:
        for text in on_cluster(layout, statement, "app"):
            assert "CURRENT_USER" not in text
            assert (" ON CLUSTER main" in text) != bool(layout.nodes)
            assert not re.search(r"ENGINE = ReplacingMergeTree", text) or not layout.is_replicated


def test_rows_of_one_key_meet_on_one_shard():
    """A shard merges its own rows alone: what the shard is chosen by may depend on the sorting key and nothing else."""
    for statement in STATEMENTS:
        texts = on_cluster(SHARDED, statement, "app")
        if "ENGINE = Distributed" in texts[-1]:
            key = re.search(r"ORDER BY \(?([^)]*)\)?$", texts[-2])
            sharding_key = re.search(r"cityHash64\((.*)\)\)$", texts[-1])
            assert key
            assert sharding_key
            # vehicle_no is the vehicle_key's first eight bytes.
            assert {*sharding_key[1].split(", ")} <= {*key[1].replace("vehicle_no", "vehicle_key").split(", ")}


def test_columns_are_added_in_both_tables_and_rows_changed_in_one():
    add = "ALTER TABLE fixtrail_raw.events\n    ADD COLUMN IF NOT EXISTS source String"
    ttl = "ALTER TABLE fixtrail_raw.events MODIFY TTL occurred_at + INTERVAL 1 DAY"

    assert [text.split("\n")[0] for text in on_cluster(BOTH, add, "app")] == [
        "ALTER TABLE fixtrail_shard.events ON CLUSTER main",
        "ALTER TABLE fixtrail_raw.events ON CLUSTER main",
    ]
    assert [text.split(" MODIFY")[0] for text in on_cluster(BOTH, ttl, "app")] == [
        "ALTER TABLE fixtrail_shard.events ON CLUSTER main"
    ]
    assert stored_in(SHARDED, "events") == "fixtrail_shard.events"
    assert stored_in(REPLICATED, "events") == "fixtrail_raw.events ON CLUSTER main"


def test_views_have_the_rights_of_the_user_who_migrates():
    view = "CREATE OR REPLACE VIEW fixtrail.v DEFINER = CURRENT_USER SQL SECURITY DEFINER AS\nSELECT 1"

    assert on_cluster(REPLICATED, view, "writer") == [
        "CREATE OR REPLACE VIEW fixtrail.v ON CLUSTER main DEFINER = `writer` SQL SECURITY DEFINER AS\nSELECT 1"
    ]


def test_a_table_made_anew_out_of_its_rows_is_dropped_first_on_a_cluster():
    (replacing,) = [statement for statement in STATEMENTS if replaced_table(statement)]

    assert replaced_table(replacing) == "journeys"
    assert [text[:38] for text in on_cluster(BOTH, replacing, "app")] == [
        "DROP TABLE IF EXISTS fixtrail_raw.jour",
        "DROP TABLE IF EXISTS fixtrail_shard.jo",
        "CREATE TABLE IF NOT EXISTS fixtrail_sh",
        "CREATE TABLE IF NOT EXISTS fixtrail_ra",
    ]
    assert not any("AS SELECT" in text for text in on_cluster(BOTH, replacing, "app"))


def test_what_nobody_has_said_how_to_do_on_a_cluster_is_refused():
    table = "CREATE TABLE IF NOT EXISTS fixtrail_raw.x\n(n UInt8)\nENGINE = MergeTree\nORDER BY n"

    with pytest.raises(ClusterDdlError, match="CREATE TABLE IF NOT EXISTS"):
        on_cluster(REPLICATED, table, "app")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"database": "a-b"}, "named by letters"),
        ({"cluster": "main"}, "of layout replicated"),
        ({"kind": "sharded"}, "needs the name of the cluster"),
        ({"kind": "replicated", "cluster": "main", "nodes": ("http://a:8123",)}, "layout sharded alone"),
        ({"kind": "sharded", "cluster": "main", "quorum": "2"}, "no replicas"),
        ({"kind": "replicated", "cluster": "main", "quorum": "most"}, "number or auto"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, reason):
    with pytest.raises(LayoutError, match=reason):
        Layout(**settings)


def test_an_insert_is_acknowledged_by_as_many_replicas_as_the_setting_says():
    assert SINGLE.settings() == {}
    assert REPLICATED.settings()["insert_quorum"] == "2"
    assert BOTH.settings()["insert_quorum"] == "auto"
    # Or the writer would commit in Kafka what is in one server's queue for the others.
    assert BOTH.settings()["distributed_foreground_insert"] == 1
    assert "insert_quorum" not in SHARDED.settings()


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("SELECT * FROM fixtrail.orders", "SELECT * FROM staging.orders"),
        (
            "CREATE DATABASE IF NOT EXISTS fixtrail_raw ON CLUSTER main",
            "CREATE DATABASE IF NOT EXISTS staging_raw ON CLUSTER main",
        ),
        ("FROM fixtrail_raw.events AS fixtrail", "FROM staging_raw.events AS fixtrail"),
        ("WHERE database = 'fixtrail_raw'", "WHERE database = 'staging_raw'"),
        ("WHERE note = 'of fixtrail.orders'", "WHERE note = 'of fixtrail.orders'"),
        ("Distributed('main', 'fixtrail_shard', 'events', 1)", "Distributed('main', 'staging_shard', 'events', 1)"),
        ("SELECT my_fixtrail.n, a.fixtrail FROM t", "SELECT my_fixtrail.n, a.fixtrail FROM t"),
    ],
)
def test_statements_name_the_databases_of_the_setting(text, renamed):
    assert Layout(database="staging").renamed(text) == renamed
    assert SINGLE.renamed(text) == text


def test_a_database_that_is_a_parameter_is_renamed_as_well():
    parameters = {"database": "fixtrail_raw", "since": "fixtrail", "orders": ["fixtrail"]}

    assert Layout(database="staging").renamed_parameters(parameters) == {
        "database": "staging_raw",
        "since": "staging",
        "orders": ["fixtrail"],
    }
