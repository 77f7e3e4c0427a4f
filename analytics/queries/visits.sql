-- Which orders is a report about, and to which cut does each belong?
-- since, until: days of close (handoff or cancellation) in time_zone, both included, '' for no limit. open_until: of
-- open orders those that checked in by this day, '' for all. centers: only these, [] for all.
-- rollout: closed 'before' or 'after' the order's own center changed over, '' for both; an open order by its check-in.
-- by: center, region, wave, lane, origin, group, day, week or month, '' for none; an order with several fault groups
-- has several keys. An open order has no day, week or month.
WITH
    {by:String} AS cut,
    {since:String} AS first_day,
    {until:String} AS last_day,
    {open_until:String} AS last_open_day,
    {rollout:String} AS side,
    {centers:Array(String)} AS only_centers,
    (SELECT groupArray((center_id, nullIf(region, ''), toNullable(toString(wave)), wave_start)) FROM centers) AS known
SELECT
    *,
    status = 'handed_off' AS is_handed_off,
    status != 'open' AS is_closed,
    closed_at + INTERVAL 30 DAY < now64(3, 'UTC') AS is_settled,
    toDate(closed_at, {time_zone:String}) AS day,
    ifNull(day, toDate(ifNull(checked_in_at, last_event_at), {time_zone:String})) AS known_day,
    multiIf(
        cut = 'center', [CAST(center_id, 'Nullable(String)')],
        cut = 'region', [transform(center_id, known.1, known.2, NULL)],
        cut = 'wave', [transform(center_id, known.1, known.3, NULL)],
        cut = 'lane', [CAST(lane, 'Nullable(String)')],
        cut = 'origin', [CAST(fault_origin, 'Nullable(String)')],
        cut = 'group', if(empty(fault_groups), [NULL], CAST(fault_groups, 'Array(Nullable(String))')),
        cut = 'day', [toNullable(toString(day))],
        cut = 'week', [toNullable(toString(toMonday(day)))],
        cut = 'month', [toNullable(substring(toString(day), 1, 7))],
        [toNullable('')]) AS keys
FROM orders
WHERE (is_closed OR last_open_day = '' OR known_day <= toDateOrZero(last_open_day))
    AND (NOT is_closed OR first_day = '' OR day >= toDateOrZero(first_day))
    AND (NOT is_closed OR last_day = '' OR day <= toDateOrZero(last_day))
    AND (empty(only_centers) OR has(only_centers, center_id))
    AND (side = '' OR (known_day < transform(center_id, known.1, known.4, NULL)) = (side = 'before'))
