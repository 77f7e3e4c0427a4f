"""What somebody with the reader's password may try: to reach files, networks, other data, or to bring the server down.

Each attack is a name and a query; `heavy` ones are allowed but must be ended by the server's limits.
"""

# Files of the machine, read or written.
FILES = {
    "file reads": "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "file reads the environment": "SELECT * FROM file('/proc/self/environ', 'RawBLOB')",
    "file as a function": "SELECT file('/etc/passwd')",
    "file above its folder": "SELECT file('../passwords.json')",
    "file through a pattern": "SELECT * FROM file('../{passwords,stack}.json', 'LineAsString')",
    "file writes": "INSERT INTO FUNCTION file('x.csv', 'CSV', 'a UInt8') VALUES (1)",
    "fileCluster": "SELECT * FROM fileCluster('default', '/etc/passwd', 'LineAsString')",
    "into outfile": "SELECT 1 INTO OUTFILE '/tmp/attack.txt'",
    "into outfile append": "SELECT 1 INTO OUTFILE '/tmp/attack.txt' APPEND FORMAT CSV",
    "from infile": "INSERT INTO fixtrail_raw.centers FROM INFILE '/etc/passwd' FORMAT LineAsString",
    "sqlite": "SELECT * FROM sqlite('/etc/passwd', 'x')",
    "filesystem": "SELECT * FROM filesystem('/etc')",
    "executable": "SELECT * FROM executable('id', 'TSV', 'a String')",
    "schema inference of a file": "DESCRIBE TABLE file('/etc/passwd')",
    "catboost": "SELECT catboostEvaluate('/etc/passwd', 1.0)",
    "iceberg of a folder": "SELECT * FROM icebergLocal('/etc')",
    "delta lake of a folder": "SELECT * FROM deltaLakeLocal('/etc')",
    "backup to a file": "BACKUP DATABASE fixtrail TO File('/tmp/attack')",
    "restore from a file": "RESTORE DATABASE fixtrail FROM File('/tmp/attack')",
    "a database on a folder": "CREATE DATABASE d ENGINE = Filesystem('/etc')",
    "a table on a file": "CREATE TEMPORARY TABLE t (a String) ENGINE = File(LineAsString, '/etc/passwd')",
}
# Other machines and services.
NETWORK = {
    "url": "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "url metadata service": "SELECT * FROM url('http://169.254.169.254/latest/meta-data/', 'LineAsString')",
    "url of a file": "SELECT * FROM url('file:///etc/passwd', 'LineAsString')",
    "url writes": "INSERT INTO FUNCTION url('http://127.0.0.1:1/', 'CSV', 'a UInt8') VALUES (1)",
    "urlCluster": "SELECT * FROM urlCluster('default', 'http://127.0.0.1:1/', 'LineAsString')",
    "remote": "SELECT * FROM remote('127.0.0.1', 'system', 'one')",
    "remote as another user": "SELECT * FROM remote('127.0.0.1', 'fixtrail_raw', 'journeys', 'app', 'guess')",
    "remoteSecure": "SELECT * FROM remoteSecure('127.0.0.1', 'system', 'one')",
    "cluster": "SELECT * FROM cluster('default', 'system', 'one')",
    "clusterAllReplicas": "SELECT * FROM clusterAllReplicas('default', 'system', 'users')",
    "s3": "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', NOSIGN, 'LineAsString', 'a String')",
    "gcs": "SELECT * FROM gcs('http://127.0.0.1:1/bucket/key', NOSIGN, 'LineAsString', 'a String')",
    "azure": "SELECT * FROM azureBlobStorage('http://127.0.0.1:1', 'c', 'b', 'n', 'a2V5', 'CSV', 'auto', 'a String')",
    "hdfs": "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'LineAsString', 'a String')",
    "mysql": "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "postgresql": "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "mongodb": "SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'x String')",
    "redis": "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String, v String')",
    "jdbc": "SELECT * FROM jdbc('jdbc:x://127.0.0.1:1', 'a', 'b')",
    "odbc": "SELECT * FROM odbc('DSN=x', 'a', 'b')",
    "kafka engine": "CREATE TABLE fixtrail.k (a String) ENGINE = Kafka('127.0.0.1:1', 't', 'g', 'JSONEachRow')",
    "a dictionary over http": "CREATE DICTIONARY fixtrail.d (a UInt64) PRIMARY KEY a "
    "SOURCE(HTTP(URL 'http://127.0.0.1:1/' FORMAT 'TSV')) LIFETIME(0) LAYOUT(FLAT())",
    "a dictionary": "SELECT dictGet('fixtrail.d', 'a', toUInt64(1))",
    "a dictionary as a table": "SELECT * FROM dictionary('fixtrail.d')",
    "a name resolved": "SELECT hostName(), * FROM url('http://attack.invalid/', 'LineAsString')",
}
# Data that is not for the reader.
DATA = {
    "raw journeys": "SELECT count() FROM fixtrail_raw.journeys",
    "raw events": "SELECT * FROM fixtrail_raw.events",
    "raw tables by merge": "SELECT * FROM merge('fixtrail_raw', '.*')",
    "raw tables by loop": "SELECT * FROM loop(fixtrail_raw.journeys) LIMIT 1",
    "raw tables by index": "SELECT * FROM mergeTreeIndex(fixtrail_raw, journeys)",
    "raw tables by a view function": "SELECT * FROM view(SELECT * FROM fixtrail_raw.journeys)",
    "raw tables in a subquery": "SELECT * FROM orders WHERE order_id IN (SELECT order_id FROM fixtrail_raw.journeys)",
    "raw tables joined": "SELECT count() FROM fixtrail.orders AS o JOIN fixtrail_raw.journeys AS j USING (order_id)",
    "users": "SELECT name FROM system.users",
    "grants": "SELECT * FROM system.grants",
    "processes": "SELECT query FROM system.processes",
    "query log": "SELECT * FROM system.query_log",
    "server settings": "SELECT * FROM system.server_settings",
    "storage": "SELECT * FROM system.disks",
    "parts": "SELECT * FROM system.parts",
    "stack traces": "SELECT * FROM system.stack_trace",
    "text log": "SELECT * FROM system.text_log",
    "create statement of a raw table": "SHOW CREATE TABLE fixtrail_raw.journeys",
    "access": "SHOW ACCESS",
    "somebody else's grants": "SHOW GRANTS FOR app",
}
# Changing anything.
CHANGES = {
    "insert": "INSERT INTO fixtrail_raw.centers (center_id) VALUES ('x')",
    "insert into a view": "INSERT INTO fixtrail.centers (center_id) VALUES ('x')",
    "update": "ALTER TABLE fixtrail_raw.journeys UPDATE score = 10 WHERE 1",
    "delete": "DELETE FROM fixtrail_raw.journeys WHERE 1",
    "truncate": "TRUNCATE TABLE fixtrail_raw.journeys",
    "drop view": "DROP VIEW fixtrail.orders",
    "explain of a change": "EXPLAIN SYNTAX DROP VIEW fixtrail.orders",
    "drop database": "DROP DATABASE fixtrail",
    "replace view": "CREATE OR REPLACE VIEW fixtrail.orders AS SELECT 1",
    "rename": "RENAME TABLE fixtrail.orders TO fixtrail.mine",
    "exchange": "EXCHANGE TABLES fixtrail.orders AND fixtrail.stages",
    "create table": "CREATE TABLE fixtrail.mine (n UInt8) ENGINE = Memory",
    "create function": "CREATE FUNCTION mine AS (x) -> x + 1",
    "create user": "CREATE USER mine",
    "grant": "GRANT ALL ON *.* TO reader",
    "own password": "ALTER USER reader IDENTIFIED BY 'x'",
    "optimize": "OPTIMIZE TABLE fixtrail_raw.journeys FINAL",
    "detach": "DETACH TABLE fixtrail.orders",
    "settings of the session": "SET max_execution_time = 0",
    "settings of the query": "SELECT 1 SETTINGS max_memory_usage = 0",
    "readonly switched off": "SET readonly = 0",
    "two statements": "SELECT 1; DROP VIEW fixtrail.orders",
    "two statements behind a comment": "SELECT 1 /* ; */ ; TRUNCATE TABLE fixtrail_raw.journeys",
    "insert from values": "INSERT INTO fixtrail_raw.journeys SELECT * FROM fixtrail_raw.journeys",
}
# Stopping the server, or what others do on it.
SERVER = {
    "shutdown": "SYSTEM SHUTDOWN",
    "kill": "SYSTEM KILL",
    "stop listening": "SYSTEM STOP LISTEN HTTP",
    "drop caches": "SYSTEM DROP MARK CACHE",
    "reload": "SYSTEM RELOAD CONFIG",
    "flush logs": "SYSTEM FLUSH LOGS",
    "a failpoint": "SYSTEM ENABLE FAILPOINT dummy_failpoint",
    "kill a query": "KILL QUERY WHERE 1 SYNC",
    "kill a mutation": "KILL MUTATION WHERE 1",
    "sleep long": "SELECT sleep(3600)",
    "addresses": "SELECT addressToSymbol(toUInt64(1))",
    "addresses to lines": "SELECT addressToLine(toUInt64(1))",
    "a trap": "SELECT trap('segfault')",
    "logical error": "SELECT trap('logical error')",
}
# Allowed, because it changes and tells nothing: the answer, as text.
HARMLESS = {
    "another role": ("SET ROLE ALL", ""),
    "settings in a subquery": ("SELECT * FROM (SELECT 1 SETTINGS max_threads = 1000)", "1"),
    "stop merges of all that one may": ("SYSTEM STOP MERGES", ""),
    "names of raw tables": ("SELECT count() FROM system.tables WHERE database = 'fixtrail_raw'", "0"),
    "python in a text": ("SELECT 'Python(x)'", "Python(x)"),
}
# Allowed in itself, but too much: memory, rows, time, depth.
HEAVY = {
    "a cross join of a million by a million": "SELECT count() FROM numbers(1000000) AS a, numbers(1000000) AS b "
    "WHERE cityHash64(a.number, b.number) = 1",
    "a join that multiplies": "SELECT count() FROM (SELECT 1 AS k FROM numbers(100000)) AS a "
    "JOIN (SELECT 1 AS k FROM numbers(100000)) AS b USING (k) JOIN (SELECT 1 AS k FROM numbers(1000)) AS c USING (k)",
    "endless numbers": "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)",
    "endless zeros": "SELECT count() FROM zeros(1000000000000) WHERE rand() = 7",
    "system numbers": "SELECT max(sipHash64(number)) FROM system.numbers",
    "a group by of everything": "SELECT number, count() FROM numbers(1000000000) GROUP BY number FORMAT Null",
    "a sort of everything": "SELECT number FROM numbers(1000000000) ORDER BY sipHash64(number) LIMIT 1000000, 1",
    "an array of everything": "SELECT length(groupArray(number)) FROM numbers(10000000000)",
    "a string of everything": "SELECT length(repeat('x', 1000000000000))",
    "many strings": "SELECT count() FROM (SELECT repeat('x', 1000000) AS s FROM numbers(100000) ORDER BY s)",
    "a range": "SELECT sum(length(range(1000000000)))",
    "many distinct": "SELECT uniqExact(number) FROM numbers(10000000000)",
    "recursion": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "a window": "SELECT sum(n) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM "
    "(SELECT number AS n FROM numbers(1000000000)) FORMAT Null",
    "sleep for each row": "SELECT sum(sleepEachRow(1)) FROM numbers(1000) SETTINGS max_block_size = 1",
    "sleep for each row, many blocks": "SELECT count() FROM numbers(10000000) WHERE sleepEachRow(0.0000001) = 1",
    "a pattern that backtracks": "SELECT count() FROM numbers(1000000) WHERE match(repeat('a', 3000), '(a+)+$b')",
    "array joins": "SELECT count() FROM (SELECT arrayJoin(range(1000)) AS a, arrayJoin(range(1000)) AS b, "
    "arrayJoin(range(1000)) AS c, arrayJoin(range(1000)) AS d)",
    "a random table": "SELECT count() FROM generateRandom('a Array(String)', 1, 1000, 1000)",
    "a million columns": "SELECT " + ", ".join(f"{n} AS c{n}" for n in range(20_000)),
    "a deep expression": "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    "a long chain": "SELECT " + " + ".join(["1"] * 60_000),
    "a long query": "SELECT '" + "x" * 1_000_000 + "'",
    "many subqueries": "SELECT * FROM " + "(SELECT * FROM " * 200 + "system.one" + ")" * 200,
    "views crossed": "SELECT count() FROM orders AS a, orders AS b, orders AS c, orders AS d",
    "a big result": "SELECT number, repeat('x', 10000) FROM numbers(10000000)",
    "an aggregate of states": "SELECT length(toString(groupArrayState(repeat('x', 100000)))) FROM numbers(1000000)",
}
# These end the embedded server's process, whoever asks: `fixtrail sql` refuses them, and whoever has the password is on
# the same machine.
FATAL = {
    "python": "SELECT * FROM Python(x)",
    "python in lower case": "SELECT * FROM python ( x )",
    "python in a subquery": "SELECT 1 WHERE 0 IN (SELECT 1 FROM Python(sys))",
    "python explained": "EXPLAIN SELECT * FROM Python(x)",
    "python quoted": "SELECT * FROM `Python`(x)",
    "python double quoted": 'SELECT * FROM "Python"(x)',
    "python behind a comment": "SELECT * FROM Python/* */(x)",
    "python behind a line": "SELECT * FROM Python -- (\n(x)",
    "python of a text": "SELECT * FROM Python('x')",
    "python joined": "SELECT * FROM system.one, Python(x)",
}

REFUSED = {**FILES, **NETWORK, **DATA, **CHANGES, **SERVER}
