-- How many events came from each source, how late, how often twice or contradicting each other, and by what clock?
-- source, center: only this one, '' for all. since, until: days on which they happened in time_zone, '' for no limit.
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers.
-- Older than, repeated and contradicted are told against all arrivals, whoever sent them.
-- live: happened since the first record of its source and center came. What is older was sent as history.
WITH sources AS
(
    SELECT source, center_id, min(received_at) AS began_at
    FROM arrivals
    WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
        AND ({source:String} = '' OR source = {source:String})
        AND ({center:String} = '' OR center_id = {center:String})
    GROUP BY source, center_id
),
lagging AS
(
    SELECT
        source, center_id, type, vehicle_key, order_id, event_id, occurred_at,
        occurred_at >= began_at AS is_live,
        if(isNull(received_at), NULL, dateDiff('millisecond', occurred_at, received_at) / 1000) AS late_s,
        occurred_at < max(occurred_at) OVER (
            PARTITION BY vehicle_key ORDER BY kafka_partition, kafka_offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS is_older,
        row_number() OVER of_event > 1 AS is_repeat,
        content != first_value(content) OVER of_event AS is_conflict
    FROM arrivals
    LEFT JOIN sources USING (source, center_id)
    WHERE {end_key:String} = '' OR vehicle_key < {end_key:String}
    WINDOW of_event AS (
        PARTITION BY vehicle_key, center_id, order_id, event_id ORDER BY kafka_partition, kafka_offset
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    source,
    center_id,
    type,
    sum(copies) AS arrivals,
    arrivals - sum(repeats) AS events,
    countIf(conflicts > 0) AS conflicts,
    sum(late) AS late,
    sum(live) AS live,
    sum(late_live) AS late_live,
    sum(late_a_day) AS late_a_day,
    sum(ahead) AS ahead,
    sum(older) AS out_of_order,
    quantileExactWeighted(0.5)(first_late_s, copies) AS late_p50_s,
    quantileExactWeighted(0.95)(first_late_s, copies) AS late_p95_s,
    quantileExactWeighted(0.01)(first_late_s, copies) AS skew_s,
    max(late_max_s) AS late_max_s
FROM
(
    SELECT
        source, center_id, type,
        count() AS copies,
        countIf(is_repeat) AS repeats,
        countIf(is_conflict) AS conflicts,
        countIf(late_s > 900) AS late,
        countIf(is_live) AS live,
        countIf(is_live AND late_s > 900) AS late_live,
        countIf(late_s > 86400) AS late_a_day,
        countIf(late_s < -1) AS ahead,
        countIf(is_older) AS older,
        min(late_s) AS first_late_s,
        max(late_s) AS late_max_s
    FROM lagging
    WHERE ({source:String} = '' OR source = {source:String})
        AND ({center:String} = '' OR center_id = {center:String})
        AND ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
        AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
    GROUP BY source, center_id, type, vehicle_key, order_id, event_id
)
GROUP BY source, center_id, type
ORDER BY source, center_id, arrivals DESC, type
