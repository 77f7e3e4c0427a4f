#!/bin/sh
# Prints fresh secrets for docker-compose:  sh compose/secrets.sh > .env && chmod 600 .env
# Keep FIXTRAIL_HASH_KEY: with another one the same vehicle gets another key in ClickHouse.
# How the other keys are changed: docs/administrators.md, 'Changing a key'.
set -eu
secret() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
echo "FIXTRAIL_CLICKHOUSE_PASSWORD=$(secret)"
echo "FIXTRAIL_CLICKHOUSE_READER_PASSWORD=$(secret)"
echo "FIXTRAIL_HASH_KEY=$(secret)"
echo "FIXTRAIL_LINK_KEY=$(secret)"
echo "FIXTRAIL_SESSION_KEY=$(secret)"
echo "FIXTRAIL_WEBHOOK_KEY=$(secret)"
